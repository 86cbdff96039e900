#include "common/control/operation.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <span>

#include "common/control/audit.h"
#include "common/control/confirm.h"
#include "common/control/convert.h"
#include "common/control/peers.h"
#include "common/control/transfer.h"
#include "common/relay/relay.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kShownSelector = 1000;
constexpr std::size_t kSlice = 2000;
constexpr auto kMoment = std::chrono::milliseconds(100);

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }

Status forbidden(std::string text) { return {StatusCode::FAILED_PRECONDITION, std::move(text)}; }

void fill(v1::Operation& to, const spool::Affected& affected, std::uint64_t done) {
  to.set_done(done);
  to.set_changed(affected.changed);
  to.set_pending(affected.pending);
  to.set_skipped(affected.skipped);
  to.set_gone(done - affected.changed - affected.pending - affected.skipped);
}

}  // namespace

Operation::Operation(const Means& means, Verb verb, v1::ChangeRequest request, std::string peer, std::string rule)
    : means_(means), verb_(verb), request_(std::move(request)), peer_(std::move(peer)), rule_(std::move(rule)) {}

Operation::~Operation() {
  leave();
  const auto selector = request_.selector().ShortDebugString();
  const auto detail = detail_of(request_);
  const auto id = record_ ? record_->get().id() : std::string();
  audit({.verb = name_of(verb_),
         .peer = peer_,
         .selector = selector,
         .reason = request_.reason(),
         .next_hop = request_.next_hop(),
         .detail = detail,
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
  operation.set_detail(detail_of(request_));
  record_ = means_.operations.begin(std::move(operation));
}

/// What came of it, for all to see; once.
void Operation::leave() {
  if (!record_ || std::exchange(left_, true)) return;
  record_->update([this](v1::Operation& operation) { fill(operation, affected_, done()); });
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
  if (request_.dry_run() && wants_confirmation(verb_, request_))
    response.set_confirm_token(confirm_token(verb_, request_, wall_now()));
  return response;
}

Status Operation::read_verb() {
  using Request = v1::ChangeQueueRequest;
  if (verb_ != Request::VERB_EDIT_ENVELOPE && verb_ != Request::VERB_REQUEUE && verb_ != Request::VERB_TRANSFER) {
    auto status = to_order(verb_, request_, means_.relay, order_);
    if (!rule_.empty() && order_.verb == spool::Verb::kHold) order_.reason = spool::held_by(rule_, request_.reason());
    return status;
  }
  if (auto status = check_fields(verb_, request_); !status.ok()) return status;
  if (verb_ == Request::VERB_REQUEUE) {
    by_message_ = make_requeue(means_.spool, filter_, means_.rewrite);
    return Status::OK;
  }
  if (verb_ == Request::VERB_TRANSFER) {
    const auto* const peers = means_.peers;
    if (peers == nullptr || !peers->knows(request_.target())) return invalid("target: no peer of this agent");
    auto put_away = [peers, target = request_.target(), reason = "from " + peers->self() + ": " + request_.reason()](
                        const auto& archive, auto content) {
      return peers->import_message(target, archive, content, reason);
    };
    by_message_ = make_transfer(means_.spool, filter_, request_.target(), std::move(put_away));
    return Status::OK;
  }
  auto edit = make_edit(means_.spool, request_.edit());
  if (!edit) return invalid(std::move(edit.error()));
  by_message_ = *std::move(edit);
  return Status::OK;
}

spool::Affected Operation::foresee() const {
  using Request = v1::ChangeRequest;
  const bool skips =
      request_.on_active() == Request::ON_ACTIVE_SKIP || request_.on_active() == Request::ON_ACTIVE_ABORT;
  const auto active = skips ? active_ones() : std::vector<spool::RecipientId>();
  spool::Affected affected;
  affected.skipped = active.size();
  if (!by_message_ && active.empty()) return means_.spool.foresee(filter_, order_);
  auto all = means_.spool.matching(filter_);
  std::erase_if(all, [&](const auto& one) { return std::ranges::binary_search(active, one); });
  if (!by_message_) {
    spool::Filter others;
    others.recipient_ids = std::move(all);
    return others.recipient_ids.empty() ? affected : affected += means_.spool.foresee(others, order_);
  }
  for (auto rest = std::span(all); !rest.empty();) {
    const auto end = std::ranges::find_if(rest, [&](const auto& one) { return one.message != rest.front().message; });
    const auto group = rest.first(static_cast<std::size_t>(end - rest.begin()));
    affected += by_message_->foresee(group);
    rest = rest.subspan(group.size());
  }
  return affected;
}

Status Operation::read_filter() {
  if (!request_.selector().all() && has_no_condition(request_.selector()))
    return invalid("selector: selects everything; say so with `all`");
  auto filter = to_filter(request_.selector(), wall_now());
  if (!filter) return invalid("selector." + filter.error());
  filter_ = *std::move(filter);
  if (!v1::ChangeRequest::OnActive_IsValid(request_.on_active())) return invalid("on_active: no such choice");
  return Status::OK;
}

/// What matches and is under delivery, and what not, as numbers of this moment.
Status Operation::check_guards() {
  if (request_.on_active() == v1::ChangeRequest::ON_ACTIVE_ABORT) {
    const auto active = active_ones();
    if (!active.empty())
      return forbidden(std::to_string(active.size()) + " recipients are under delivery, such as " +
                       active.front().message.to_string() + "." + std::to_string(active.front().ordinal));
  }
  if (!request_.dry_run() && !guarded()) return Status::OK;
  const auto foreseen = foresee();
  const auto hit = foreseen.changed + foreseen.pending;
  const auto would = "this would change " + std::to_string(hit) + " recipients, ";
  if (request_.max_affected() != 0 && hit > request_.max_affected())
    return forbidden(would + "more than max_affected allows");
  if (request_.has_expect_count() && hit != request_.expect_count())
    return forbidden(would + "not " + std::to_string(request_.expect_count()));
  if (!request_.dry_run()) return Status::OK;
  affected_ = foreseen;
  matched_ = next_ = hit + foreseen.skipped;
  return Status::OK;
}

bool Operation::guarded() const { return request_.max_affected() != 0 || request_.has_expect_count(); }

Status Operation::prepare() {
  if (auto status = read_filter(); !status.ok()) return status;
  if (auto status = read_verb(); !status.ok()) return status;
  const bool confirm = !request_.dry_run() && rule_.empty() && wants_confirmation(verb_, request_);
  if (confirm && !is_confirmed(verb_, request_, wall_now()))
    return forbidden("this concerns everything: confirm_token must be that of a dry run of the same change");
  if (const auto fault = means_.spool.fault()) return no_changes(*fault);
  return check_guards();
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
                   order_.verb == spool::Verb::kReroute || verb_ == v1::ChangeQueueRequest::VERB_REQUEUE;
  if (means_.relay != nullptr && due) means_.relay->revive_sites();
  return status_;
}

/// Some of them; those of a message that is changed as a whole in one step.
bool Operation::change_next() {
  auto count = by_message_ ? std::size_t{1} : std::min(kSlice, recipients_.size() - next_);
  while ((by_message_ || spool::concerns_message(order_.verb)) && next_ + count < recipients_.size() &&
         recipients_[next_ + count].message == recipients_[next_ + count - 1].message)
    ++count;
  const auto slice = std::span(recipients_).subspan(next_, count);
  next_ += count;
  using Request = v1::ChangeRequest;
  const auto choice = request_.on_active();
  if (choice == Request::ON_ACTIVE_UNSPECIFIED) return change_those(slice);
  const auto active = active_among(slice);
  std::vector<spool::RecipientId> others;
  std::ranges::set_difference(slice, active, std::back_inserter(others));
  // A message that is changed as a whole is not until all of it can be.
  if (by_message_ && !active.empty() && choice == Request::ON_ACTIVE_WAIT) {
    std::ranges::copy(slice, std::back_inserter(waiting_));
    return true;
  }
  if (choice == Request::ON_ACTIVE_WAIT) {
    std::ranges::copy(active, std::back_inserter(waiting_));
  } else {
    affected_.skipped += active.size();
  }
  return others.empty() || change_those(others);
}

bool Operation::change_those(std::span<const spool::RecipientId> recipients) {
  if (!by_message_) {
    affected_ += means_.spool.change(filter_, recipients, order_);
    return true;
  }
  const auto done = by_message_->apply(recipients);
  if (!done) {
    end_early(v1::Operation::STATE_FAILED, done.error());
    return false;
  }
  affected_ += *done;
  return true;
}

std::vector<spool::RecipientId> Operation::active_ones() const {
  auto active = filter_;
  if (!active.states.empty() && std::ranges::find(active.states, spool::State::kActive) == active.states.end())
    return {};
  active.states = {spool::State::kActive};
  return means_.spool.matching(active);
}

std::vector<spool::RecipientId> Operation::active_among(std::span<const spool::RecipientId> recipients) const {
  spool::Filter active;
  active.recipient_ids.assign(recipients.begin(), recipients.end());
  active.states = {spool::State::kActive};
  return active.recipient_ids.empty() ? std::vector<spool::RecipientId>() : means_.spool.matching(active);
}

/// Those that are under delivery no longer; of messages that are changed as a whole, when none of their recipients is.
bool Operation::change_those_back() {
  const auto active = active_among(waiting_);
  const auto still = [&](const spool::RecipientId& id) {
    if (!by_message_) return std::ranges::binary_search(active, id);
    return std::ranges::binary_search(active, id.message, {}, &spool::RecipientId::message);
  };
  std::vector<spool::RecipientId> back;
  std::ranges::copy_if(waiting_, std::back_inserter(back), std::not_fn(still));
  std::erase_if(waiting_, std::not_fn(still));
  for (auto rest = std::span<const spool::RecipientId>(back); !rest.empty();) {
    const auto end =
        !by_message_ ? rest.end()
                     : std::ranges::find_if(rest, [&](const auto& one) { return one.message != rest.front().message; });
    const auto group = rest.first(static_cast<std::size_t>(end - rest.begin()));
    if (!change_those(group)) return false;
    rest = rest.subspan(group.size());
  }
  return true;
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
    if (!change_next()) return false;
  }
  if (waits()) {
    if (record_->cancelled()) {
      end_early(v1::Operation::STATE_CANCELLED, {StatusCode::ABORTED, record_->get().error()});
      return false;
    }
    if (!change_those_back()) return false;
  }
  if (next_ < recipients_.size() || !waiting_.empty()) {
    record_->update([this](v1::Operation& operation) { fill(operation, affected_, done()); });
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
  if (more && operation_->waits() && std::exchange(told_, operation_->done()) == operation_->done())
    return Step::kNothing;  // until the next tick
  if (more) return Step::kWrite;
  const auto status = operation_->status();
  operation_.reset();  // which says in the log what was done, before the caller knows
  if (status.ok()) return Step::kLast;
  failed_ = status;
  return Step::kWrite;
}

}  // namespace quartet::control
