#include "common/control/pause_link.h"

#include "common/control/audit.h"
#include "common/control/convert.h"
#include "common/control/deferred.h"
#include "common/control/explain.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kLongestReason = 1000;
constexpr std::chrono::hours kLongestPause{366 * 24};

Status disk_refuses(const std::string& why) {
  return {StatusCode::RESOURCE_EXHAUSTED, "the disk does not take the change: " + utf8(why)};
}

std::expected<relay::Suspension, std::string> pause_of(const v1::PauseLinkRequest& request, std::string who) {
  relay::Suspension out{.destination = request.link(),
                        .since = wall_now(),
                        .until = relay::kUntilResumed,
                        .reason = request.reason(),
                        .who = std::move(who)};
  if (request.reason().size() > kLongestReason) return std::unexpected("reason: longer than 1000 octets");
  if (!request.has_ttl()) return out;
  const auto ttl = time_to_live(request.ttl(), kLongestPause);
  if (!ttl) return std::unexpected("ttl: above 0 and at most 366 days");
  out.until = out.since + *ttl;
  return out;
}

/// `verb` is that of the log.
template <typename Call, typename Request>
void refuse(Call& call, std::string_view verb, const Request& request, const std::string& who, Status status) {
  audit({.verb = verb,
         .peer = who,
         .selector = "link " + request.link(),
         .reason = request.reason(),
         .refused = status.error_message()});
  call->end(std::move(status));
}

void pause(relay::Relay& relay, const std::shared_ptr<Deferred<v1::PauseLinkResponse>>& call,
           const v1::PauseLinkRequest& request, const std::string& who) {
  static constexpr std::string_view kVerb = "pause_link";
  auto wanted = pause_of(request, who);
  if (!wanted) return refuse(call, kVerb, request, who, {StatusCode::INVALID_ARGUMENT, wanted.error()});
  const auto paused = relay.pause_link(*wanted);
  if (!paused) return refuse(call, kVerb, request, who, disk_refuses(paused.error()));
  if (!*paused) return refuse(call, kVerb, request, who, {StatusCode::NOT_FOUND, "no such link"});
  audit({.verb = kVerb, .peer = who, .selector = "link " + request.link(), .reason = request.reason(), .changed = 1});
  relay.settle([&relay, call, wanted = *std::move(wanted)]() mutable {
    call->submit([&relay, call, wanted = std::move(wanted)] {
      // An earlier pause may have withheld it for longer; what it has to wait for is found out anew.
      relay.link_resumed(wanted.destination);
      call->finish([&](auto& response) {
        fill(*response.mutable_pause(), wanted);
        return Status::OK;
      });
    });
  });
}

void resume(relay::Relay& relay, const std::shared_ptr<Deferred<v1::ResumeLinkResponse>>& call,
            const v1::ResumeLinkRequest& request, const std::string& who) {
  static constexpr std::string_view kVerb = "resume_link";
  if (request.reason().size() > kLongestReason)
    return refuse(call, kVerb, request, who, {StatusCode::INVALID_ARGUMENT, "reason: longer than 1000 octets"});
  const auto resumed = relay.resume_link(request.link());
  if (!resumed) return refuse(call, kVerb, request, who, disk_refuses(resumed.error()));
  if (!*resumed) return refuse(call, kVerb, request, who, {StatusCode::NOT_FOUND, "no such link is paused"});
  relay.settle([&relay, call, request, who]() mutable {
    call->submit([&relay, call, request, who] {
      const auto due = relay.link_resumed(request.link());
      audit({.verb = kVerb,
             .peer = who,
             .selector = "link " + request.link(),
             .reason = request.reason(),
             .changed = due});
      call->finish([due](auto& response) {
        response.set_due(due);
        return Status::OK;
      });
    });
  });
}

}  // namespace

grpc::ServerUnaryReactor* pause_link(grpc::CallbackServerContext* context, Calls& calls, relay::Relay& relay,
                                     const v1::PauseLinkRequest& request, v1::PauseLinkResponse* response) {
  auto call = Deferred<v1::PauseLinkResponse>::begin(context, calls, Role::kOperator, response);
  call->submit([&relay, call, request, who = peer_of(*context)] { pause(relay, call, request, who); });
  return call->reactor();
}

grpc::ServerUnaryReactor* resume_link(grpc::CallbackServerContext* context, Calls& calls, relay::Relay& relay,
                                      const v1::ResumeLinkRequest& request, v1::ResumeLinkResponse* response) {
  auto call = Deferred<v1::ResumeLinkResponse>::begin(context, calls, Role::kOperator, response);
  call->submit([&relay, call, request, who = peer_of(*context)] { resume(relay, call, request, who); });
  return call->reactor();
}

}  // namespace quartet::control
