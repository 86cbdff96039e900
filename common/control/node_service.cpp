#include <unistd.h>

#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/deferred.h"
#include "common/control/services.h"
#include "common/net/sessions.h"
#include "common/spool/spool.h"
#include "quartet/control/v1/node.grpc.pb.h"

namespace quartet::control {
namespace {

constexpr std::size_t kLongestReason = 1000;

class NodeService final : public v1::NodeService::CallbackService {
 public:
  NodeService(const Subject& subject, Calls& calls) : subject_(subject), calls_(calls) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const v1::GetStatusRequest*,
                                      v1::GetStatusResponse* response) override {
    return answer(context, calls_, Role::kObserver, [this, response] {
      fill(*response);
      return grpc::Status::OK;
    });
  }

  grpc::ServerUnaryReactor* Reload(grpc::CallbackServerContext* context, const v1::ReloadRequest* request,
                                   v1::ReloadResponse* response) override {
    auto call = Deferred<v1::ReloadResponse>::begin(context, calls_, Role::kAdmin, response);
    auto* const reactor = call->reactor();
    if (call->over()) return reactor;
    if (const auto wrong = refusal(subject_.reload != nullptr, request->reason()); !wrong.ok()) {
      call->end(wrong);
      return reactor;
    }
    subject_.reload([call = std::move(call), peer = peer_of(*context), reason = request->reason()](const auto& result) {
      audit({.verb = "reload",
             .peer = peer,
             .selector = "",
             .reason = reason,
             .changed = result.changed.size(),
             .skipped = result.ignored.size(),
             .refused = result.faults.empty() ? std::string_view() : std::string_view(result.faults.front())});
      call->finish([&result](v1::ReloadResponse& to) {
        for (const auto& fault : result.faults) to.add_fault(utf8(fault));
        for (const auto& setting : result.changed) to.add_changed(setting);
        for (const auto& setting : result.ignored) to.add_ignored(setting);
        return grpc::Status::OK;
      });
    });
    return reactor;
  }

  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* context, const v1::DrainRequest* request,
                                  v1::DrainResponse* response) override {
    return answer(context, calls_, Role::kAdmin, [this, context, request, response] {
      if (auto wrong = refusal(subject_.drain != nullptr, request->reason()); !wrong.ok()) return wrong;
      if (subject_.sessions != nullptr) response->set_sessions(subject_.sessions->list().size());
      audit({.verb = "drain", .peer = peer_of(*context), .selector = "", .reason = request->reason()});
      subject_.drain();
      return grpc::Status::OK;
    });
  }

 private:
  static grpc::Status refusal(bool able, const std::string& reason) {
    if (!able) return {grpc::StatusCode::UNIMPLEMENTED, "this agent cannot"};
    if (reason.size() > kLongestReason) return {grpc::StatusCode::INVALID_ARGUMENT, "reason: longer than 1000 octets"};
    return grpc::Status::OK;
  }

  void fill(v1::GetStatusResponse& response) const {
    response.set_agent(subject_.agent);
    response.set_version(QUARTET_VERSION);
    response.set_hostname(utf8(subject_.hostname()));
    response.set_pid(::getpid());
    set(*response.mutable_started(), started_);
    const auto uptime = std::chrono::steady_clock::now() - started_steady_;
    response.mutable_uptime()->set_seconds(std::chrono::duration_cast<std::chrono::seconds>(uptime).count());
    response.mutable_uptime()->set_nanos(static_cast<std::int32_t>((uptime % std::chrono::seconds(1)).count()));
    if (subject_.trouble) response.set_trouble(utf8(subject_.trouble()));
    if (subject_.spool != nullptr) {
      control::fill(*response.mutable_queue(), subject_.spool->counts());
      if (const auto fault = subject_.spool->fault()) response.set_queue_fault(utf8(fault->detail));
    }
  }

  const Subject& subject_;
  Calls& calls_;
  WallTime started_ = wall_now();
  SteadyTime started_steady_ = std::chrono::steady_clock::now();
};

}  // namespace

std::shared_ptr<grpc::Service> make_node_service(const Subject& subject, Calls& calls) {
  return std::make_shared<NodeService>(subject, calls);
}

}  // namespace quartet::control
