#include <algorithm>

#include "common/base/ascii.h"
#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/services.h"
#include "common/net/sessions.h"
#include "quartet/control/v1/session.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kUsualPage = 500;
constexpr std::size_t kLargestPage = 1000;
constexpr std::size_t kLongestReason = 1000;

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }

bool is_empty(const v1::SessionSelector& selector) {
  return selector.id().empty() && selector.login().empty() && selector.client().empty();
}

bool matches(const v1::SessionSelector& selector, const net::SessionInfo& session) {
  if (!selector.id().empty() && std::ranges::find(selector.id(), session.id) == selector.id().end()) return false;
  if (!selector.login().empty() && !ascii::iequals(selector.login(), session.login)) return false;
  return selector.client().empty() || selector.client() == session.peer.host();
}

void fill(v1::Session& to, const net::SessionInfo& session) {
  to.set_id(session.id);
  to.set_protocol(session.protocol);
  to.set_peer(utf8(session.peer.to_string()));
  to.set_local(utf8(session.local.to_string()));
  set(*to.mutable_since(), session.since);
  to.set_last_command(utf8(session.last_command));
  set(*to.mutable_last_command_at(), session.last_command_at);
  to.set_hello(utf8(session.hello));
  to.set_login(utf8(session.login));
  to.set_tls(session.tls);
  to.set_messages(session.messages);
  to.set_ending(session.ending);
}

class SessionService final : public v1::SessionService::CallbackService {
 public:
  SessionService(const Subject& subject, Calls& calls) : sessions_(*subject.sessions), calls_(calls) {}

  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* context, const v1::ListSessionsRequest* request,
                                         v1::ListSessionsResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] { return list(*request, *response); });
  }

  grpc::ServerUnaryReactor* Kick(grpc::CallbackServerContext* context, const v1::KickRequest* request,
                                 v1::KickResponse* response) override {
    return answer(context, calls_, Role::kOperator, [=, this, peer = peer_of(*context)] {
      auto status = kick(*request, *response);
      const auto selector = request->selector().ShortDebugString();
      audit({.verb = "kick",
             .peer = peer,
             .selector = selector,
             .reason = request->reason(),
             .dry_run = request->dry_run(),
             .changed = response->sessions(),
             .refused = status.error_message()});
      return status;
    });
  }

 private:
  Status list(const v1::ListSessionsRequest& request, v1::ListSessionsResponse& response) const {
    if (request.page_size() > kLargestPage) return invalid("page_size: at most " + std::to_string(kLargestPage));
    const auto page = request.page_size() == 0 ? kUsualPage : std::size_t{request.page_size()};
    const auto after = request.page_token().empty() ? std::optional<std::uint64_t>(0)
                                                    : ascii::to_number<std::uint64_t>(request.page_token());
    if (!after) return invalid("page_token: no listing gave this one");
    for (const auto& session : sessions_.list()) {
      if (session.id <= *after || !matches(request.selector(), session)) continue;
      if (static_cast<std::size_t>(response.session_size()) == page) {
        response.set_next_page_token(std::to_string(response.session(response.session_size() - 1).id()));
        break;
      }
      fill(*response.add_session(), session);
    }
    return Status::OK;
  }

  Status kick(const v1::KickRequest& request, v1::KickResponse& response) {
    if (is_empty(request.selector())) return invalid("selector: which sessions?");
    if (request.reason().size() > kLongestReason) return invalid("reason: longer than 1000 octets");
    std::uint64_t count = 0;
    for (const auto& session : sessions_.list()) {
      if (!matches(request.selector(), session)) continue;
      if (request.dry_run() || sessions_.end(session.id)) ++count;
    }
    response.set_sessions(count);
    return Status::OK;
  }

  net::Sessions& sessions_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_session_service(const Subject& subject, Calls& calls) {
  return std::make_shared<SessionService>(subject, calls);
}

}  // namespace quartet::control
