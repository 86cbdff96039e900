#include <algorithm>
#include <atomic>

#include "common/control/calls.h"
#include "common/control/response_stream.h"
#include "common/control/services.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace quartet::control {
namespace {

namespace health = grpc::health::v1;
using Response = health::HealthCheckResponse;

Response::ServingStatus status_of(const Subject& subject) {
  return !subject.trouble || subject.trouble().empty() ? Response::SERVING : Response::NOT_SERVING;
}

/// Looks at each tick, and speaks when the status has changed.
class HealthWatch final : public ResponseStream<Response> {
 public:
  HealthWatch(Calls& calls, const Subject& subject, bool known)
      : ResponseStream(calls), subject_(subject), known_(known) {}

  /// Who watches is told that this ends, and not only that it has ended.
  void end(grpc::Status) override {
    leaving_ = true;
    wake();
  }

 private:
  Step produce(Response& response) override {
    const bool leaving = leaving_;
    const auto status = leaving ? Response::NOT_SERVING : !known_ ? Response::SERVICE_UNKNOWN : status_of(subject_);
    response.set_status(status);
    if (leaving) return Step::kLast;
    if (said_ && *said_ == status) return Step::kNothing;
    said_ = status;
    return Step::kWrite;
  }

  const Subject& subject_;
  const bool known_;
  std::atomic<bool> leaving_ = false;
  std::optional<Response::ServingStatus> said_;
};

class HealthService final : public health::Health::CallbackService {
 public:
  HealthService(const Subject& subject, Calls& calls, std::vector<std::string> names)
      : subject_(subject), calls_(calls), names_(std::move(names)) {}

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context, const health::HealthCheckRequest* request,
                                  Response* response) override {
    auto* const reactor = context->DefaultReactor();
    if (knows(request->service())) {
      response->set_status(calls_.closing() ? Response::NOT_SERVING : status_of(subject_));
      reactor->Finish(grpc::Status::OK);
    } else {
      reactor->Finish({grpc::StatusCode::NOT_FOUND, "no such service"});
    }
    return reactor;
  }

  grpc::ServerWriteReactor<Response>* Watch(grpc::CallbackServerContext*,
                                            const health::HealthCheckRequest* request) override {
    return HealthWatch::start(std::make_shared<HealthWatch>(calls_, subject_, knows(request->service())));
  }

 private:
  bool knows(const std::string& name) const { return name.empty() || std::ranges::find(names_, name) != names_.end(); }

  const Subject& subject_;
  Calls& calls_;
  std::vector<std::string> names_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_health_service(const Subject& subject, Calls& calls,
                                                   std::vector<std::string> names) {
  return std::make_shared<HealthService>(subject, calls, std::move(names));
}

}  // namespace quartet::control
