#include <unistd.h>

#include <atomic>
#include <optional>

#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/deferred.h"
#include "common/control/services.h"
#include "common/log/level.h"
#include "common/net/sessions.h"
#include "common/spool/spool.h"
#include "quartet/control/v1/node.grpc.pb.h"

namespace quartet::control {
namespace {

constexpr std::size_t kLongestReason = 1000;
constexpr std::chrono::minutes kUsualLevelTime{10};
constexpr std::chrono::hours kLongestLevelTime{24};

void fill_report(v1::CheckSpoolResponse& to, const spool::CheckReport& report) {
  to.set_healthy(report.healthy());
  to.set_messages(report.messages);
  to.set_recipients(report.recipients);
  to.set_segments(report.segments);
  to.set_records(report.records);
  to.set_bytes(report.bytes);
  to.set_torn_bytes(report.torn_bytes);
  const auto found =
      report.checkpoint_valid ? v1::CheckSpoolResponse::CHECKPOINT_VALID : v1::CheckSpoolResponse::CHECKPOINT_DAMAGED;
  to.set_checkpoint(report.checkpoint_found ? found : v1::CheckSpoolResponse::CHECKPOINT_NONE);
  for (const auto& each : report.damage) {
    auto& damage = *to.add_damage();
    damage.set_segment(each.segment);
    damage.set_offset(each.offset);
    damage.set_length(each.length);
    damage.set_what(utf8(each.what));
  }
  for (const auto& id : report.unreadable_bodies) to.add_unreadable(id.to_string());
}

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

  grpc::ServerUnaryReactor* SetLogLevel(grpc::CallbackServerContext* context, const v1::SetLogLevelRequest* request,
                                        v1::SetLogLevelResponse* response) override {
    return answer(context, calls_, Role::kAdmin, [=, peer = peer_of(*context)] {
      if (auto wrong = refusal(true, request->reason()); !wrong.ok()) return wrong;
      const auto level = level_of(request->level());
      if (!level) return invalid("level: is required");
      const std::optional<std::chrono::microseconds> ttl =
          request->has_ttl() ? time_to_live(request->ttl(), kLongestLevelTime) : kUsualLevelTime;
      if (!ttl) return invalid("ttl: above 0 and at most a day");
      const auto until = wall_now() + *ttl;
      log::set_level(*level, until);
      set(*response->mutable_until(), until);
      const auto verb = "log_level " + v1::LogLevel_Name(request->level()).substr(10);
      audit({.verb = verb, .peer = peer, .selector = "", .reason = request->reason()});
      return grpc::Status::OK;
    });
  }

  grpc::ServerUnaryReactor* CheckSpool(grpc::CallbackServerContext* context, const v1::CheckSpoolRequest*,
                                       v1::CheckSpoolResponse* response) override {
    return answer(context, calls_, Role::kObserver, [this, response] {
      if (subject_.spool == nullptr) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "this agent has no queue");
      // The pool has two threads: the other one is for everybody else.
      if (checking_.exchange(true)) return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "another check runs");
      const auto report = spool::check(subject_.spool->directory());
      checking_ = false;
      if (!report) return grpc::Status(grpc::StatusCode::UNAVAILABLE, utf8(report.error().detail));
      fill_report(*response, *report);
      return grpc::Status::OK;
    });
  }

 private:
  static grpc::Status invalid(std::string text) { return {grpc::StatusCode::INVALID_ARGUMENT, std::move(text)}; }

  static grpc::Status refusal(bool able, const std::string& reason) {
    if (!able) return {grpc::StatusCode::UNIMPLEMENTED, "this agent cannot"};
    if (reason.size() > kLongestReason) return invalid("reason: longer than 1000 octets");
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
  std::atomic<bool> checking_ = false;
  WallTime started_ = wall_now();
  SteadyTime started_steady_ = std::chrono::steady_clock::now();
};

}  // namespace

std::shared_ptr<grpc::Service> make_node_service(const Subject& subject, Calls& calls) {
  return std::make_shared<NodeService>(subject, calls);
}

}  // namespace quartet::control
