#include <unistd.h>

#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/services.h"
#include "common/spool/spool.h"
#include "quartet/control/v1/node.grpc.pb.h"

namespace quartet::control {
namespace {

class NodeService final : public v1::NodeService::CallbackService {
 public:
  NodeService(const Subject& subject, Calls& calls) : subject_(subject), calls_(calls) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const v1::GetStatusRequest*,
                                      v1::GetStatusResponse* response) override {
    return answer(context, calls_, [this, response] {
      fill(*response);
      return grpc::Status::OK;
    });
  }

 private:
  void fill(v1::GetStatusResponse& response) const {
    response.set_agent(subject_.agent);
    response.set_version(QUARTET_VERSION);
    response.set_hostname(utf8(subject_.hostname));
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
