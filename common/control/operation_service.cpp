#include <algorithm>
#include <optional>

#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/operations.h"
#include "common/control/response_stream.h"
#include "common/control/services.h"
#include "quartet/control/v1/operation.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kPage = 100, kLargestPage = 1000;
constexpr std::size_t kLongestReason = 1000;

Status not_found() { return {StatusCode::NOT_FOUND, "no such operation, or not lately"}; }

/// OperationService.WatchOperation. Looks at each tick whether there is something new.
class OperationWatch final : public ResponseStream<v1::WatchOperationResponse> {
 public:
  OperationWatch(Calls& calls, std::shared_ptr<OperationRecord> record)
      : ResponseStream(calls), record_(std::move(record)) {}

 private:
  Step produce(v1::WatchOperationResponse& response) override {
    if (!record_) {
      end(not_found());
      return Step::kNothing;
    }
    const auto version = record_->version();  // first: what comes meanwhile is told the next time
    if (told_ == version) return Step::kNothing;
    told_ = version;
    *response.mutable_operation() = record_->get();
    const bool runs = response.operation().state() == v1::Operation::STATE_RUNNING;
    return runs ? Step::kWrite : Step::kLast;
  }

  const std::shared_ptr<OperationRecord> record_;  // null: there is none
  std::optional<std::uint64_t> told_;
};

class OperationService final : public v1::OperationService::CallbackService {
 public:
  OperationService(Calls& calls, Operations& operations) : operations_(operations), calls_(calls) {}

  grpc::ServerUnaryReactor* ListOperations(grpc::CallbackServerContext* context,
                                           const v1::ListOperationsRequest* request,
                                           v1::ListOperationsResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] {
      const auto size = request->page_size() == 0 ? kPage : std::min<std::size_t>(request->page_size(), kLargestPage);
      auto page = operations_.list(request->running(), request->page_token(), size + 1);
      if (page.size() > size) {
        page.pop_back();
        response->set_next_page_token(page.back().id());
      }
      for (auto& operation : page) *response->add_operation() = std::move(operation);
      return Status::OK;
    });
  }

  grpc::ServerUnaryReactor* GetOperation(grpc::CallbackServerContext* context, const v1::GetOperationRequest* request,
                                         v1::GetOperationResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] {
      const auto record = operations_.find(request->id());
      if (!record) return not_found();
      *response->mutable_operation() = record->get();
      return Status::OK;
    });
  }

  grpc::ServerWriteReactor<v1::WatchOperationResponse>* WatchOperation(
      grpc::CallbackServerContext* context, const v1::WatchOperationRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kObserver); !allowed.ok())
      return refuse_stream<v1::WatchOperationResponse>(std::move(allowed));
    return OperationWatch::start(std::make_shared<OperationWatch>(calls_, operations_.find(request->id())));
  }

  grpc::ServerUnaryReactor* CancelOperation(grpc::CallbackServerContext* context,
                                            const v1::CancelOperationRequest* request,
                                            v1::CancelOperationResponse* response) override {
    return answer(context, calls_, Role::kOperator, [=, this, who = peer_of(*context)] {
      auto status = cancel(*request, who, *response);
      audit({.verb = "cancel",
             .peer = who,
             .selector = {},
             .reason = request->reason(),
             .operation = request->id(),
             .refused = status.error_message()});
      return status;
    });
  }

 private:
  Status cancel(const v1::CancelOperationRequest& request, const std::string& who,
                v1::CancelOperationResponse& response) {
    if (request.reason().size() > kLongestReason)
      return {StatusCode::INVALID_ARGUMENT, "reason: longer than 1000 octets"};
    const auto record = operations_.find(request.id());
    if (!record) return not_found();
    if (!record->cancel(who, request.reason())) return {StatusCode::FAILED_PRECONDITION, "it has ended"};
    *response.mutable_operation() = record->get();
    return Status::OK;
  }

  Operations& operations_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_operation_service(Calls& calls, Operations& operations) {
  return std::make_shared<OperationService>(calls, operations);
}

}  // namespace quartet::control
