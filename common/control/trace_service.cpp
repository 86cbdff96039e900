#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/response_stream.h"
#include "common/control/services.h"
#include "common/control/tail.h"
#include "common/log/message_events.h"
#include "quartet/control/v1/trace.grpc.pb.h"

namespace quartet::control {
namespace {

using v1::TraceStep;

constexpr std::size_t kLongestName = 1000;

TraceStep::Kind kind_of(log::MessageStep step) {
  switch (step) {
    case log::MessageStep::kAccepted:
      return TraceStep::KIND_ACCEPTED;
    case log::MessageStep::kDelivered:
      return TraceStep::KIND_DELIVERED;
    case log::MessageStep::kDeferred:
      return TraceStep::KIND_DEFERRED;
    case log::MessageStep::kBounced:
      return TraceStep::KIND_BOUNCED;
    case log::MessageStep::kExpired:
      return TraceStep::KIND_EXPIRED;
    case log::MessageStep::kStored:
      return TraceStep::KIND_STORED;
    case log::MessageStep::kForwarded:
      return TraceStep::KIND_FORWARDED;
    case log::MessageStep::kRefused:
      return TraceStep::KIND_REFUSED;
  }
  return TraceStep::KIND_UNSPECIFIED;
}

struct Name {
  std::string text;
  unsigned kinds = log::kAnyName;
};

Name name_of(const v1::TraceMessageRequest& request) {
  switch (request.name_case()) {
    case v1::TraceMessageRequest::kAny:
      return {request.any(), log::kAnyName};
    case v1::TraceMessageRequest::kTraceId:
      return {request.trace_id(), log::kTraceId};
    case v1::TraceMessageRequest::kMessageId:
      return {request.message_id(), log::kQueueId};
    case v1::TraceMessageRequest::kHeaderMessageId:
      return {request.header_message_id(), log::kHeaderId};
    case v1::TraceMessageRequest::NAME_NOT_SET:
      break;
  }
  return {};
}

class Steps final : public ResponseStream<TraceStep> {
 public:
  Steps(Calls& calls, const Subject& subject, Name name)
      : ResponseStream(calls), subject_(subject), name_(std::move(name)) {}

 private:
  Step produce(TraceStep& response) override {
    if (!searched_) {
      found_ = log::message_events().find(name_.text, name_.kinds);
      searched_ = true;
    }
    if (next_ == found_.size()) {
      end(grpc::Status::OK);
      return Step::kNothing;
    }
    fill(response, found_[next_++]);
    return next_ == found_.size() ? Step::kLast : Step::kWrite;
  }

  void fill(TraceStep& to, const log::FoundMessageEvent& event) const {
    set(*to.mutable_time(), event.time);
    to.set_kind(kind_of(event.step));
    to.set_agent(subject_.agent);
    to.set_hostname(utf8(subject_.hostname()));
    to.set_trace_id(utf8(event.trace));
    to.set_message_id(utf8(event.message));
    to.set_header_message_id(utf8(event.header_id));
    to.set_sender(utf8(event.sender));
    to.set_recipient(utf8(event.recipient));
    to.set_peer(utf8(event.peer));
    to.set_tls(utf8(event.tls));
    if (event.step == log::MessageStep::kAccepted) return;
    auto& reply = *to.mutable_reply();
    reply.set_code(event.code);
    reply.set_enhanced(utf8(event.status));
    reply.set_text(utf8(event.reply));
    reply.set_host(utf8(event.host));
  }

  const Subject& subject_;
  const Name name_;
  bool searched_ = false;
  std::vector<log::FoundMessageEvent> found_;
  std::size_t next_ = 0;
};

class TraceService final : public v1::TraceService::CallbackService {
 public:
  TraceService(const Subject& subject, Calls& calls) : subject_(subject), calls_(calls) {}

  grpc::ServerWriteReactor<TraceStep>* TraceMessage(grpc::CallbackServerContext* context,
                                                    const v1::TraceMessageRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kObserver); !allowed.ok())
      return refuse_stream<TraceStep>(std::move(allowed));
    auto name = name_of(*request);
    if (name.text.empty())
      return refuse_stream<TraceStep>({grpc::StatusCode::INVALID_ARGUMENT, "the name of a message is required"});
    if (name.text.size() > kLongestName)
      return refuse_stream<TraceStep>({grpc::StatusCode::INVALID_ARGUMENT, "name: longer than 1000 octets"});
    return Steps::start(std::make_shared<Steps>(calls_, subject_, std::move(name)));
  }

  grpc::ServerWriteReactor<v1::TailLogResponse>* TailLog(grpc::CallbackServerContext* context,
                                                         const v1::TailLogRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kObserver); !allowed.ok())
      return refuse_stream<v1::TailLogResponse>(std::move(allowed));
    return tail_log(calls_, *request);
  }

  grpc::ServerWriteReactor<v1::TraceSessionsResponse>* TraceSessions(grpc::CallbackServerContext* context,
                                                                     const v1::TraceSessionsRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kOperator); !allowed.ok())
      return refuse_stream<v1::TraceSessionsResponse>(std::move(allowed));
    return trace_sessions(calls_, *request);
  }

 private:
  const Subject& subject_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_trace_service(const Subject& subject, Calls& calls) {
  return std::make_shared<TraceService>(subject, calls);
}

}  // namespace quartet::control
