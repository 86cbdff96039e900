#include <algorithm>

#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/services.h"
#include "common/control/watch.h"
#include "common/relay/relay.h"
#include "common/spool/spool.h"
#include "quartet/control/v1/queue.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kPage = 100, kLargestPage = 1000;
constexpr std::size_t kListedText = 2000;  // of each reply in a listing, so that a page fits in a message
constexpr std::size_t kMostContent = 3u << 20;
constexpr std::size_t kMostDomains = 1000;
constexpr std::size_t kMostEvents = 10'000;
constexpr std::size_t kLongestReason = 1000;

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
      return {StatusCode::UNAVAILABLE, utf8(error.detail)};
  }
}

enum class Verb { kRetry, kDrop, kHold, kRelease };

const char* name_of(Verb verb) {
  switch (verb) {
    case Verb::kRetry:
      return "retry";
    case Verb::kDrop:
      return "drop";
    case Verb::kHold:
      return "hold";
    case Verb::kRelease:
      return "release";
  }
  return "";
}

/// What the spool would do; spool_operate.cpp has the rule.
spool::Affected foresee(const spool::Spool& spool, const spool::Filter& filter, Verb verb) {
  spool::Affected affected;
  spool.visit(filter, [&](const spool::Entry& entry) {
    const bool held = entry.state == spool::State::kHeld;
    if (entry.state == spool::State::kActive) {
      ++(verb == Verb::kHold || verb == Verb::kDrop ? affected.pending : affected.skipped);
    } else if (verb == Verb::kDrop || (verb == Verb::kRelease ? held : !held)) {
      ++affected.changed;
    } else {
      ++affected.skipped;
    }
    return true;
  });
  return affected;
}

/// An operator's word beats what the relay believes of sites: those it took for dead are tried again. It hears so
/// first, or it would put off what becomes due now.
spool::Affected change(spool::Spool& spool, relay::Relay* relay, const spool::Filter& filter, Verb verb,
                       const std::string& reason) {
  if (relay != nullptr && (verb == Verb::kRetry || verb == Verb::kRelease)) relay->revive_sites();
  switch (verb) {
    case Verb::kRetry:
      return spool.retry_now(filter);
    case Verb::kDrop:
      return spool.drop(filter, reason);
    case Verb::kHold:
      return spool.hold(filter, reason);
    case Verb::kRelease:
      return spool.release(filter);
  }
  return {};
}

class QueueService final : public v1::QueueService::CallbackService {
 public:
  QueueService(const Subject& subject, Calls& calls) : spool_(*subject.spool), relay_(subject.relay), calls_(calls) {}

  grpc::ServerUnaryReactor* ListMessages(grpc::CallbackServerContext* context, const v1::ListMessagesRequest* request,
                                         v1::ListMessagesResponse* response) override {
    return answer(context, calls_, [=, this] { return list(*request, *response); });
  }

  grpc::ServerUnaryReactor* CountMessages(grpc::CallbackServerContext* context, const v1::CountMessagesRequest* request,
                                          v1::CountMessagesResponse* response) override {
    return answer(context, calls_, [=, this] { return count(*request, *response); });
  }

  grpc::ServerUnaryReactor* GetMessage(grpc::CallbackServerContext* context, const v1::GetMessageRequest* request,
                                       v1::GetMessageResponse* response) override {
    return answer(context, calls_, [=, this] { return get(*request, *response); });
  }

  grpc::ServerUnaryReactor* RetryNow(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                     v1::ChangeResponse* response) override {
    return operate(context, Verb::kRetry, request, response);
  }
  grpc::ServerUnaryReactor* Drop(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                 v1::ChangeResponse* response) override {
    return operate(context, Verb::kDrop, request, response);
  }
  grpc::ServerUnaryReactor* Hold(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                 v1::ChangeResponse* response) override {
    return operate(context, Verb::kHold, request, response);
  }
  grpc::ServerUnaryReactor* Release(grpc::CallbackServerContext* context, const v1::ChangeRequest* request,
                                    v1::ChangeResponse* response) override {
    return operate(context, Verb::kRelease, request, response);
  }

  grpc::ServerWriteReactor<v1::WatchQueueResponse>* WatchQueue(grpc::CallbackServerContext*,
                                                               const v1::WatchQueueRequest* request) override {
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

  Status get(const v1::GetMessageRequest& request, v1::GetMessageResponse& response) {
    const auto id = Id::parse(request.id());
    if (!id) return invalid("id: not the id of a message");
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

  grpc::ServerUnaryReactor* operate(grpc::CallbackServerContext* context, Verb verb, const v1::ChangeRequest* request,
                                    v1::ChangeResponse* response) {
    return answer(context, calls_, [=, this, peer = peer_of(*context)] {
      auto status = change_matching(verb, *request, *response);
      const auto selector = request->selector().ShortDebugString();
      const auto refused = status.error_message();
      audit({.verb = name_of(verb),
             .peer = peer,
             .selector = selector,
             .reason = request->reason(),
             .dry_run = request->dry_run(),
             .changed = response->changed(),
             .pending = response->pending(),
             .skipped = response->skipped(),
             .refused = refused});
      return status;
    });
  }

  Status change_matching(Verb verb, const v1::ChangeRequest& request, v1::ChangeResponse& response) {
    if (!request.selector().all() && has_no_condition(request.selector()))
      return invalid("selector: selects everything; say so with `all`");
    if (request.reason().size() > kLongestReason) return invalid("reason: longer than 1000 octets");
    const auto filter = to_filter(request.selector(), wall_now());
    if (!filter) return invalid("selector." + filter.error());
    if (const auto fault = spool_.fault())
      return {StatusCode::UNAVAILABLE, "the disk does not take changes: " + utf8(fault->detail)};

    spool::Affected affected;
    if (request.dry_run() || request.max_affected() != 0) affected = foresee(spool_, *filter, verb);
    if (request.max_affected() != 0 && affected.changed + affected.pending > request.max_affected())
      return {StatusCode::FAILED_PRECONDITION, "this would change " +
                                                   std::to_string(affected.changed + affected.pending) +
                                                   " recipients, more than max_affected allows"};
    if (!request.dry_run()) affected = change(spool_, relay_, *filter, verb, request.reason());
    response.set_changed(affected.changed);
    response.set_pending(affected.pending);
    response.set_skipped(affected.skipped);
    response.set_dry_run(request.dry_run());
    return Status::OK;
  }

  spool::Spool& spool_;
  relay::Relay* relay_;  // null: the agent has none
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_queue_service(const Subject& subject, Calls& calls) {
  return std::make_shared<QueueService>(subject, calls);
}

}  // namespace quartet::control
