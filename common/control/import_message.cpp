#include "common/control/import_message.h"

#include <memory>

#include "common/control/archive.h"
#include "common/control/audit.h"
#include "common/control/convert.h"
#include "common/log/log.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kLongestReason = 1000;
constexpr std::size_t kLargestMessage = 1u << 30;

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }

Status to_status(const spool::SpoolError& error) {
  switch (error.code) {
    case spool::ErrorCode::kExists:
      return {StatusCode::ALREADY_EXISTS, utf8(error.detail)};
    case spool::ErrorCode::kTooLarge:
      return invalid("recipient: too many for one message");
    default:
      return {StatusCode::RESOURCE_EXHAUSTED, "the disk does not take it: " + utf8(error.detail)};
  }
}

/// One call. gRPC calls one function after the other; the spool's completion comes when no read is under way.
class Import final : public grpc::ServerReadReactor<v1::ImportMessageRequest> {
 public:
  Import(Calls& calls, spool::Spool& spool, v1::ImportMessageResponse& response, std::string peer)
      : calls_(calls), spool_(spool), response_(response), peer_(std::move(peer)) {}

  void begin(Status allowed) {
    if (allowed.ok() && !calls_.enter(Calls::Kind::kAnswer)) allowed = stopping();
    entered_ = allowed.ok();
    if (!allowed.ok()) return Finish(std::move(allowed));
    StartRead(&request_);
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return store();
    if (auto status = take(); !status.ok()) return end(std::move(status));
    StartRead(&request_);
  }

  void OnDone() override {
    auto& calls = calls_;
    const bool entered = entered_;
    delete this;
    if (entered) calls.leave(Calls::Kind::kAnswer);
  }

  Status take() {
    if (!message_ && !request_.has_message()) return invalid("message: the first request has to have one");
    if (message_ && request_.has_message()) return invalid("message: only the first request has one");
    if (!message_) {
      if (request_.reason().size() > kLongestReason) return invalid("reason: longer than 1000 octets");
      reason_ = request_.reason();
      announced_ = request_.message().size();
      auto message = from_archive(request_.message());
      if (!message) return invalid("message." + message.error());
      message_ = *std::move(message);
      for (auto& recipient : message_->recipients)
        if (request_.hold()) recipient.state = spool::State::kHeld;
    }
    size_ += request_.content().size();
    if (size_ > kLargestMessage) return invalid("content: more than 1 GiB");
    if (!request_.content().empty()) message_->body.push_back(std::move(*request_.mutable_content()));
    return Status::OK;
  }

  void store() {
    if (!message_) return end(invalid("message: there is none"));
    if (size_ != announced_ || size_ == 0)
      return end(invalid("content: " + std::to_string(size_) + " octets came, and message.size says otherwise"));
    response_.set_id(message_->id.to_string());
    response_.set_recipients(static_cast<std::uint32_t>(message_->recipients.size()));
    trace_ = message_->envelope.trace_id;
    spool_.restore(*std::move(message_), [this](const std::expected<spool::MessageId, spool::SpoolError>& result) {
      end(result ? Status::OK : to_status(result.error()));
    });
  }

  void end(Status status) {
    audit({.verb = "import",
           .peer = peer_,
           .selector = response_.id(),
           .reason = reason_,
           .changed = status.ok() ? response_.recipients() : 0,
           .refused = status.error_message()});
    if (status.ok())
      log::info(
          "control.imported",
          {{"message", response_.id()}, {"trace", trace_}, {"recipients", std::uint64_t{response_.recipients()}}});
    if (!status.ok()) response_.Clear();
    Finish(std::move(status));
  }

  Calls& calls_;
  spool::Spool& spool_;
  v1::ImportMessageResponse& response_;
  const std::string peer_;
  bool entered_ = false;
  v1::ImportMessageRequest request_;
  std::optional<spool::RestoredMessage> message_;  // once the first request has come
  std::size_t size_ = 0;                           // so far
  std::uint64_t announced_ = 0;                    // a call that was cut short ends like one that is complete
  std::string reason_, trace_;
};

}  // namespace

grpc::ServerReadReactor<v1::ImportMessageRequest>* import_message(grpc::CallbackServerContext& context, Calls& calls,
                                                                  spool::Spool& spool,
                                                                  v1::ImportMessageResponse& response) {
  auto* const import = new Import(calls, spool, response, peer_of(context));
  import->begin(calls.access().check(context, Role::kOperator));
  return import;
}

}  // namespace quartet::control
