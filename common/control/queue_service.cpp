#include <algorithm>

#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/deferred.h"
#include "common/control/import_message.h"
#include "common/control/operation.h"
#include "common/control/services.h"
#include "common/control/watch.h"
#include "common/spool/spool.h"
#include "quartet/control/v1/queue.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kPage = 100, kLargestPage = 1000;
constexpr std::size_t kListedText = 2000;  // of each reply in a listing, so that a page fits in a message
constexpr std::size_t kMostContent = 3u << 20;
constexpr std::size_t kPiece = 256u << 10;
constexpr std::size_t kMostDomains = 1000;
constexpr std::size_t kGroups = 20, kMostGroups = 1000;
constexpr std::size_t kMostEvents = 10'000;

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }

Status to_status(const spool::SpoolError& error) {
  switch (error.code) {
    case spool::ErrorCode::kNotFound:
      return {StatusCode::NOT_FOUND, "not queued (any more)"};
    case spool::ErrorCode::kBadToken:
      return invalid("page_token: " + utf8(error.detail, 200));
    case spool::ErrorCode::kDamaged:
      return {StatusCode::DATA_LOSS, utf8(error.detail)};
    case spool::ErrorCode::kClosed:
      return stopping();
    default:
      return {StatusCode::RESOURCE_EXHAUSTED, utf8(error.detail)};
  }
}

std::optional<spool::Shape::By> to_by(v1::ShapeQueueRequest::By by) {
  switch (by) {
    case v1::ShapeQueueRequest::BY_UNSPECIFIED:
    case v1::ShapeQueueRequest::BY_RECIPIENT_DOMAIN:
      return spool::Shape::By::kRecipientDomain;
    case v1::ShapeQueueRequest::BY_SENDER:
      return spool::Shape::By::kSender;
    case v1::ShapeQueueRequest::BY_SENDER_DOMAIN:
      return spool::Shape::By::kSenderDomain;
    case v1::ShapeQueueRequest::BY_LAST_CODE:
      return spool::Shape::By::kLastCode;
    default:
      return std::nullopt;
  }
}

/// QueueService.GetContent.
class ContentStream final : public ResponseStream<v1::GetContentResponse> {
 public:
  ContentStream(Calls& calls, spool::Spool& spool, std::string id)
      : ResponseStream(calls), spool_(spool), id_(std::move(id)) {}

  void tick() override {}

 private:
  Step produce(v1::GetContentResponse& response) override {
    if (ended_) return Step::kNothing;
    if (!body_) {
      auto status = read();
      if (!status.ok()) {
        ended_ = true;
        end(std::move(status));
        return Step::kNothing;
      }
    }
    const auto piece = std::string_view(*body_).substr(sent_, kPiece);
    sent_ += piece.size();
    response.set_content(std::string(piece));
    return sent_ == body_->size() ? Step::kLast : Step::kWrite;
  }

  Status read() {
    const auto id = Id::parse(id_);
    if (!id) return invalid("id: not the id of a message");
    if (!spool_.find(*id)) return to_status({spool::ErrorCode::kNotFound, {}});
    // As in GetMessage: this thread may wait.
    async::Loop loop;
    auto body = loop.block_on(spool_.body(*id));
    if (!body) return to_status(body.error());
    body_ = *std::move(body);
    return Status::OK;
  }

  spool::Spool& spool_;
  const std::string id_;
  spool::Spool::Body body_;
  std::size_t sent_ = 0;
  bool ended_ = false;
};

class QueueService final : public v1::QueueService::CallbackService {
 public:
  QueueService(const Subject& subject, Calls& calls, Operations& operations, const Peers& peers)
      : spool_(*subject.spool), means_{spool_, subject.relay, operations, subject.rewrite, &peers}, calls_(calls) {}

  grpc::ServerUnaryReactor* ListMessages(grpc::CallbackServerContext* context, const v1::ListMessagesRequest* request,
                                         v1::ListMessagesResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] { return list(*request, *response); });
  }

  grpc::ServerUnaryReactor* CountMessages(grpc::CallbackServerContext* context, const v1::CountMessagesRequest* request,
                                          v1::CountMessagesResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] { return count(*request, *response); });
  }

  grpc::ServerUnaryReactor* ShapeQueue(grpc::CallbackServerContext* context, const v1::ShapeQueueRequest* request,
                                       v1::ShapeQueueResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] { return shape(*request, *response); });
  }

  grpc::ServerWriteReactor<v1::GetContentResponse>* GetContent(grpc::CallbackServerContext* context,
                                                               const v1::GetContentRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kContentReader); !allowed.ok())
      return refuse_stream<v1::GetContentResponse>(std::move(allowed));
    return ContentStream::start(std::make_shared<ContentStream>(calls_, spool_, request->id()));
  }

  grpc::ServerUnaryReactor* GetMessage(grpc::CallbackServerContext* context, const v1::GetMessageRequest* request,
                                       v1::GetMessageResponse* response) override {
    const bool reads = request->content() != v1::GetMessageRequest::CONTENT_NONE;
    return answer(context, calls_, reads ? Role::kContentReader : Role::kObserver,
                  [=, this] { return get(*request, *response); });
  }

  grpc::ServerUnaryReactor* RetryNow(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                     v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_RETRY_NOW, request, response);
  }
  grpc::ServerUnaryReactor* Drop(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                 v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_DROP, request, response);
  }
  grpc::ServerUnaryReactor* Hold(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                 v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_HOLD, request, response);
  }
  grpc::ServerUnaryReactor* Release(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                    v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_RELEASE, request, response);
  }

  grpc::ServerUnaryReactor* Bounce(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                   v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_BOUNCE, request, response);
  }
  grpc::ServerUnaryReactor* Reroute(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                    v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_REROUTE, request, response);
  }
  grpc::ServerUnaryReactor* EditEnvelope(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                         v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_EDIT_ENVELOPE, request, response);
  }
  grpc::ServerUnaryReactor* Requeue(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                    v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_REQUEUE, request, response);
  }
  grpc::ServerUnaryReactor* Expire(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                   v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_EXPIRE, request, response);
  }
  grpc::ServerUnaryReactor* Reschedule(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                       v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_RESCHEDULE, request, response);
  }
  grpc::ServerUnaryReactor* SetPriority(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                        v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_SET_PRIORITY, request, response);
  }
  grpc::ServerUnaryReactor* SetTls(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                   v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_SET_TLS, request, response);
  }

  grpc::ServerUnaryReactor* Transfer(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                     v1::ChangeResponse* response) override {
    return operate(context, v1::ChangeQueueRequest::VERB_TRANSFER, request, response);
  }

  grpc::ServerReadReactor<v1::ImportMessageRequest>* ImportMessage(grpc::CallbackServerContext* context,
                                                                   v1::ImportMessageResponse* response) override {
    return import_message(*context, calls_, spool_, *response);
  }

  grpc::ServerWriteReactor<v1::ChangeQueueResponse>* ChangeQueue(grpc::CallbackServerContext* context,
                                                                 const v1::ChangeQueueRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kOperator); !allowed.ok())
      return refuse_stream<v1::ChangeQueueResponse>(std::move(allowed));
    auto operation = std::make_unique<Operation>(means_, request->verb(), request->change(), peer_of(*context));
    return OperationStream::start(std::make_shared<OperationStream>(calls_, std::move(operation)));
  }

  grpc::ServerWriteReactor<v1::WatchQueueResponse>* WatchQueue(grpc::CallbackServerContext* context,
                                                               const v1::WatchQueueRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kObserver); !allowed.ok())
      return refuse_stream<v1::WatchQueueResponse>(std::move(allowed));
    auto filter = to_event_filter(request->selector());
    const auto buffer = request->buffer() == 0 ? kMostEvents : std::min<std::size_t>(request->buffer(), kMostEvents);
    auto watch = Watch::make(calls_, spool_, filter ? std::move(*filter) : spool::Filter{}, buffer);
    if (!filter) watch->end(invalid("selector." + filter.error()));
    return Watch::start(std::move(watch));
  }

 private:
  Status list(const v1::ListMessagesRequest& request, v1::ListMessagesResponse& response) const {
    const auto filter = to_filter(request.selector(), wall_now());
    if (!filter) return invalid("selector." + filter.error());
    const auto size = request.page_size() == 0 ? kPage : std::min<std::size_t>(request.page_size(), kLargestPage);
    const auto page = spool_.list(*filter, size, request.page_token());
    if (!page) return to_status(page.error());
    for (const auto& entry : page->entries) fill(*response.add_entry(), entry, kListedText);
    response.set_next_page_token(page->next);
    return Status::OK;
  }

  Status count(const v1::CountMessagesRequest& request, v1::CountMessagesResponse& response) const {
    const auto filter = to_filter(request.selector(), wall_now());
    if (!filter) return invalid("selector." + filter.error());
    response.set_matched(spool_.count(*filter));
    fill(*response.mutable_queue(), spool_.counts());
    if (request.top_domains() == 0) return Status::OK;
    for (const auto& count : spool_.domains(std::min<std::size_t>(request.top_domains(), kMostDomains))) {
      auto& domain = *response.add_top_domain();
      domain.set_domain(utf8(count.domain));
      domain.set_recipients(count.recipients);
    }
    return Status::OK;
  }

  Status shape(const v1::ShapeQueueRequest& request, v1::ShapeQueueResponse& response) const {
    const auto now = wall_now();
    const auto filter = to_filter(request.selector(), now);
    if (!filter) return invalid("selector." + filter.error());
    const auto by = to_by(request.by());
    if (!by) return invalid("by: " + std::to_string(request.by()) + " is nothing to group by");
    const auto groups = request.groups() == 0 ? kGroups : std::min<std::size_t>(request.groups(), kMostGroups);
    const auto shape = spool_.shape(*filter, *by, groups, now);
    for (const auto limit : spool::Shape::kLimits)
      response.add_younger_than()->set_seconds(std::chrono::seconds(limit).count());
    fill(*response.mutable_total(), shape.total);
    for (const auto& group : shape.groups) fill(*response.add_group(), group);
    response.set_all_groups(shape.all_groups);
    return Status::OK;
  }

  Status get(const v1::GetMessageRequest& request, v1::GetMessageResponse& response) {
    const auto id = Id::parse(request.id());
    if (!id) return invalid("id: not the id of a message");
    if (!v1::GetMessageRequest::Content_IsValid(request.content()))
      return invalid("content: " + std::to_string(request.content()) + " is none");
    const auto message = spool_.find(*id);
    if (!message) return to_status({spool::ErrorCode::kNotFound, {}});
    fill(response, *message);
    for (const auto& entry : spool_.recipients(*id)) fill(*response.add_recipient(), entry, kListedText);
    if (request.content() == v1::GetMessageRequest::CONTENT_NONE) return Status::OK;

    // This is a thread of the pool: it may wait, on a loop of its own, for a file to be read.
    async::Loop loop;
    const auto body = loop.block_on(spool_.body(*id));
    if (!body) return to_status(body.error());
    std::string_view content = **body;
    if (request.content() == v1::GetMessageRequest::CONTENT_HEADER) {
      const auto end = content.find("\r\n\r\n");
      if (!content.starts_with("\r\n") && end != std::string_view::npos) content = content.substr(0, end + 4);
      if (content.starts_with("\r\n")) content = content.substr(0, 2);
    }
    const auto limit =
        request.content_limit() == 0 ? kMostContent : std::min<std::size_t>(request.content_limit(), kMostContent);
    response.set_content_truncated(content.size() > limit);
    response.set_content(std::string(content.substr(0, limit)));
    return Status::OK;
  }

  /// A step at a time, so that long ones leave the pool to others in between.
  static void go_on(const std::shared_ptr<Deferred<v1::ChangeResponse>>& call, std::unique_ptr<Operation> operation) {
    if (operation->step()) {
      const bool later = operation->waits();
      auto job = [call, operation = std::move(operation)]() mutable { go_on(call, std::move(operation)); };
      if (later) return call->submit_later(std::move(job));
      return call->submit(std::move(job));
    }
    const auto counts = operation->counts();
    const auto status = operation->status();
    operation.reset();  // which says in the log what was done, before the caller knows
    call->finish([&](auto& response) {
      response = counts;
      return status;
    });
  }

  grpc::ServerUnaryReactor* operate(grpc::CallbackServerContext* context, Operation::Verb verb,
                                    const v1::ChangeRequest* request, v1::ChangeResponse* response) {
    auto call = Deferred<v1::ChangeResponse>::begin(context, calls_, Role::kOperator, response);
    call->submit([call, operation = std::make_unique<Operation>(means_, verb, *request, peer_of(*context))]() mutable {
      auto status = operation->begin();
      if (status.ok()) return go_on(call, std::move(operation));
      operation.reset();
      call->end(std::move(status));
    });
    return call->reactor();
  }

  spool::Spool& spool_;
  const Operation::Means means_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_queue_service(const Subject& subject, Calls& calls, Operations& operations,
                                                  const Peers& peers) {
  return std::make_shared<QueueService>(subject, calls, operations, peers);
}

}  // namespace quartet::control
