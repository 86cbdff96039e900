#include "common/control/operation.h"

#include <algorithm>
#include <chrono>
#include <span>

#include "common/base/ascii.h"
#include "common/control/audit.h"
#include "common/control/convert.h"
#include "common/relay/relay.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;
using Request = v1::ChangeQueueRequest;

constexpr std::size_t kLongestReason = 1000;
constexpr std::size_t kShownSelector = 1000;
constexpr std::size_t kSlice = 2000;
constexpr auto kMoment = std::chrono::milliseconds(100);

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }

const char* name_of(Operation::Verb verb) {
  switch (verb) {
    case Request::VERB_RETRY_NOW:
      return "retry";
    case Request::VERB_DROP:
      return "drop";
    case Request::VERB_HOLD:
      return "hold";
    case Request::VERB_RELEASE:
      return "release";
    case Request::VERB_BOUNCE:
      return "bounce";
    case Request::VERB_REROUTE:
      return "reroute";
    default:
      return "";
  }
}

std::optional<spool::Verb> to_verb(Operation::Verb verb) {
  switch (verb) {
    case Request::VERB_RETRY_NOW:
      return spool::Verb::kRetry;
    case Request::VERB_DROP:
      return spool::Verb::kDrop;
    case Request::VERB_HOLD:
      return spool::Verb::kHold;
    case Request::VERB_RELEASE:
      return spool::Verb::kRelease;
    case Request::VERB_BOUNCE:
      return spool::Verb::kBounce;
    case Request::VERB_REROUTE:
      return spool::Verb::kReroute;
    default:
      return std::nullopt;
  }
}

/// RFC 3463 section 2: the class of a failure, and two numbers of up to three digits.
bool is_permanent_status(std::string_view text) {
  if (!text.starts_with("5.")) return false;
  text.remove_prefix(2);
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return false;
  const auto number = [](std::string_view digits) {
    return !digits.empty() && digits.size() <= 3 && std::ranges::all_of(digits, ascii::is_digit);
  };
  return number(text.substr(0, dot)) && number(text.substr(dot + 1));
}

Status no_changes(const spool::SpoolError& fault) {
  return {StatusCode::UNAVAILABLE, "the disk does not take changes: " + utf8(fault.detail)};
}

void fill(v1::Operation& to, const spool::Affected& affected, std::uint64_t done) {
  to.set_done(done);
  to.set_changed(affected.changed);
  to.set_pending(affected.pending);
  to.set_skipped(affected.skipped);
  to.set_gone(done - affected.changed - affected.pending - affected.skipped);
}

bool has_controls(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

Operation::Operation(const Means& means, Verb verb, v1::ChangeRequest request, std::string peer, std::string rule)
    : means_(means), verb_(verb), request_(std::move(request)), peer_(std::move(peer)), rule_(std::move(rule)) {}

Operation::~Operation() {
  leave();
  const auto selector = request_.selector().ShortDebugString();
  const auto id = record_ ? record_->get().id() : std::string();
  audit({.verb = name_of(verb_),
         .peer = peer_,
         .selector = selector,
         .reason = request_.reason(),
         .next_hop = request_.next_hop(),
         .operation = id,
         .dry_run = request_.dry_run(),
         .changed = affected_.changed,
         .pending = affected_.pending,
         .skipped = affected_.skipped,
         .refused = refused_});
}

/// Among the operations from now on.
void Operation::enter() {
  v1::Operation operation;
  operation.set_verb(verb_);
  operation.set_who(peer_);
  operation.set_selector(utf8(request_.selector().ShortDebugString(), kShownSelector));
  operation.set_reason(request_.reason());
  operation.set_status(request_.status());
  operation.set_next_hop(request_.next_hop());
  operation.set_matched(matched_);
  operation.set_rule(rule_);
  record_ = means_.operations.begin(std::move(operation));
}

/// What came of it, for all to see; once.
void Operation::leave() {
  if (!record_ || std::exchange(left_, true)) return;
  record_->update([this](v1::Operation& operation) { fill(operation, affected_, next_); });
  if (state_ == v1::Operation::STATE_RUNNING) {
    const bool stopping = means_.operations.stopping();
    state_ = stopping ? v1::Operation::STATE_INTERRUPTED : v1::Operation::STATE_CANCELLED;
    means_.operations.end(*record_, state_, stopping ? "the agent is stopping" : "its caller ended the call");
  } else {
    means_.operations.end(*record_, state_, status_.error_message());
  }
}

void Operation::end_early(v1::Operation::State state, Status status) {
  state_ = state;
  status_ = std::move(status);
  refused_ = status_.error_message();
}

v1::ChangeResponse Operation::counts() const {
  v1::ChangeResponse response;
  response.set_changed(affected_.changed);
  response.set_pending(affected_.pending);
  response.set_skipped(affected_.skipped);
  response.set_dry_run(request_.dry_run());
  if (record_) response.set_operation(record_->get().id());
  return response;
}

Status to_order(Operation::Verb given, const v1::ChangeRequest& request, relay::Relay* relay, spool::Order& order) {
  const auto verb = to_verb(given);
  if (!verb) return invalid("verb: none is given");
  order = {.verb = *verb, .reason = request.reason()};
  if (request.reason().size() > kLongestReason) return invalid("reason: longer than 1000 octets");
  const bool bounce = verb == spool::Verb::kBounce, reroute = verb == spool::Verb::kReroute;
  if (!bounce && !request.status().empty()) return invalid("status: only a bounce has one");
  if (!reroute && !request.next_hop().empty()) return invalid("next_hop: only a reroute has one");
  if (!bounce && !reroute) return Status::OK;
  if (relay == nullptr) return {StatusCode::FAILED_PRECONDITION, "this agent does not relay"};
  order.reason.clear();
  if (bounce) {
    const auto status = request.status().empty() ? std::string("5.7.1") : request.status();
    if (!is_permanent_status(status)) return invalid("status: expected an enhanced status code such as 5.7.1");
    if (request.reason().empty()) return invalid("reason: the sender must be told one");
    if (has_controls(request.reason())) return invalid("reason: control characters");
    order.reply = {550, status, request.reason(), ""};
    return Status::OK;
  }
  const auto& to = request.next_hop();
  if (to.empty()) return invalid("next_hop: expected host, host:port, mx or default");
  if (to == "default") return Status::OK;
  if (!relay->router()->ordered(to)) return invalid("next_hop: expected host, host:port, mx or default");
  order.next_hop = to;
  return Status::OK;
}

Status Operation::prepare() {
  if (!request_.selector().all() && has_no_condition(request_.selector()))
    return invalid("selector: selects everything; say so with `all`");
  if (auto status = to_order(verb_, request_, means_.relay, order_); !status.ok()) return status;
  if (!rule_.empty() && order_.verb == spool::Verb::kHold) order_.reason = spool::held_by(rule_, request_.reason());
  auto filter = to_filter(request_.selector(), wall_now());
  if (!filter) return invalid("selector." + filter.error());
  filter_ = *std::move(filter);
  if (const auto fault = means_.spool.fault()) return no_changes(*fault);
  if (!request_.dry_run() && request_.max_affected() == 0) return Status::OK;
  const auto foreseen = means_.spool.foresee(filter_, order_.verb);
  const auto hit = foreseen.changed + foreseen.pending;
  if (request_.max_affected() != 0 && hit > request_.max_affected())
    return {StatusCode::FAILED_PRECONDITION,
            "this would change " + std::to_string(hit) + " recipients, more than max_affected allows"};
  if (!request_.dry_run()) return Status::OK;
  affected_ = foreseen;
  matched_ = next_ = hit + foreseen.skipped;
  return Status::OK;
}

Status Operation::begin() {
  status_ = prepare();
  if (!status_.ok()) {
    refused_ = status_.error_message();
    return status_;
  }
  if (request_.dry_run()) return status_;
  recipients_ = means_.spool.matching(filter_);
  matched_ = recipients_.size();
  enter();
  // An operator's word beats what the relay believes of sites: those it took for dead are tried again. It hears so
  // first, or it would put off what becomes due now.
  const bool due = order_.verb == spool::Verb::kRetry || order_.verb == spool::Verb::kRelease ||
                   order_.verb == spool::Verb::kReroute;
  if (means_.relay != nullptr && due) means_.relay->revive_sites();
  return status_;
}

bool Operation::step() {
  const auto until = std::chrono::steady_clock::now() + kMoment;
  while (next_ < recipients_.size() && std::chrono::steady_clock::now() < until) {
    if (record_->cancelled()) {
      end_early(v1::Operation::STATE_CANCELLED, {StatusCode::ABORTED, record_->get().error()});
      return false;
    }
    if (const auto fault = means_.spool.fault()) {
      end_early(v1::Operation::STATE_FAILED, no_changes(*fault));
      return false;
    }
    const auto slice = std::span(recipients_).subspan(next_).first(std::min(kSlice, recipients_.size() - next_));
    affected_ += means_.spool.change(filter_, slice, order_);
    next_ += slice.size();
  }
  if (next_ < recipients_.size()) {
    record_->update([this](v1::Operation& operation) { fill(operation, affected_, next_); });
    return true;
  }
  state_ = v1::Operation::STATE_DONE;
  refused_.clear();
  return false;
}

OperationStream::Step OperationStream::produce(v1::ChangeQueueResponse& response) {
  if (!operation_) {
    if (failed_) end(*failed_);
    return Step::kNothing;
  }
  if (!std::exchange(begun_, true)) {
    auto status = operation_->begin();
    if (!status.ok()) {
      operation_.reset();
      end(std::move(status));
      return Step::kNothing;
    }
  }
  const bool more = operation_->step();
  response.set_matched(operation_->matched());
  response.set_done(operation_->done());
  *response.mutable_counts() = operation_->counts();
  if (more) return Step::kWrite;
  const auto status = operation_->status();
  operation_.reset();  // which says in the log what was done, before the caller knows
  if (status.ok()) return Step::kLast;
  failed_ = status;
  return Step::kWrite;
}

}  // namespace quartet::control
