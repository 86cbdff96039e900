// From replies to records: what an attempt means to each recipient, and the notices it calls for.
#include <random>
#include <span>

#include "common/log/log.h"
#include "common/log/message_events.h"
#include "common/relay/figures.h"
#include "common/relay/impl.h"
#include "common/spool/handling.h"

namespace quartet::relay {
namespace {

constexpr auto kPauseAfterFault = std::chrono::seconds(30);

std::uint64_t random_bits() {
  thread_local std::mt19937_64 random(std::random_device{}());
  return random();
}

const char* event_name(spool::Result result) {
  switch (result) {
    case spool::Result::kDelivered:
      return "relay.delivered";
    case spool::Result::kBounced:
      return "relay.bounced";
    case spool::Result::kExpired:
      return "relay.expired";
    case spool::Result::kDropped:
    case spool::Result::kDeferred:
    case spool::Result::kHeld:
      break;
  }
  return "relay.deferred";
}

log::MessageStep step_of(spool::Result result) {
  switch (result) {
    case spool::Result::kDelivered:
      return log::MessageStep::kDelivered;
    case spool::Result::kBounced:
      return log::MessageStep::kBounced;
    case spool::Result::kExpired:
      return log::MessageStep::kExpired;
    case spool::Result::kDropped:
    case spool::Result::kDeferred:
    case spool::Result::kHeld:
      break;
  }
  return log::MessageStep::kDeferred;
}

/// What to write down for one recipient, and the notice about it if there may be one.
struct Decision {
  spool::Outcome outcome;
  std::optional<Notice> notice;
};

Notice notice_of(Notice::Action action, const Attempt& attempt, WallTime now) {
  return {action, attempt.claim.address, attempt.claim.orcpt, attempt.reply, now, {}};
}

/// Whether the sender is told that the message went on, because of the deadline it gave: of each relay if it wants
/// that, and of one behind which nobody watches the time (RFC 2852 section 4.1.4).
bool relay_is_told(const Attempt& attempt) {
  const auto deadline = spool::deadline(attempt.claim.message->envelope);
  if (!deadline || attempt.final_delivery || (attempt.by_passed_on && !deadline->trace)) return false;
  return wanted_in_time(*attempt.claim.message, attempt.claim.notify, Notice::Action::kRelayed);
}

/// The duty to report a success ends here when the next hop did not take it over (RFC 3461 section 5.2.2).
Decision accepted(const Attempt& attempt, WallTime now) {
  Decision decision{{.recipient = attempt.claim.id(), .result = spool::Result::kDelivered, .reply = attempt.reply},
                    std::nullopt};
  if (relay_is_told(attempt)) decision.notice = notice_of(Notice::Action::kRelayed, attempt, now);
  if (attempt.dsn_passed_on) return decision;
  const auto action = attempt.final_delivery ? Notice::Action::kDelivered : Notice::Action::kRelayed;
  if (wanted(*attempt.claim.message, attempt.claim.notify, action)) decision.notice = notice_of(action, attempt, now);
  return decision;
}

Decision failed(const Attempt& attempt, spool::Result result, WallTime now) {
  Decision decision{{.recipient = attempt.claim.id(), .result = result, .reply = attempt.reply}, std::nullopt};
  if (wanted(*attempt.claim.message, attempt.claim.notify, Notice::Action::kFailed)) {
    decision.notice = notice_of(Notice::Action::kFailed, attempt, now);
  }
  return decision;
}

/// A deadline of the sender's takes the place of our own patience.
bool delay_is_told(const Attempt& attempt, const Options& options, WallTime now) {
  const auto& message = *attempt.claim.message;
  const auto action = Notice::Action::kDelayed;
  if (const auto deadline = spool::deadline(message.envelope))
    return now >= deadline->at && wanted_in_time(message, attempt.claim.notify, action);
  const auto patience = options.notices.delay_after;
  return patience.count() > 0 && now - spool::released(message.envelope) >= patience &&
         wanted(message, attempt.claim.notify, action);
}

/// What the sender hears when its time is over and the message comes back (RFC 2852 section 4.1.5).
Decision returned(const Attempt& attempt, WallTime now) {
  auto decision = failed(attempt, spool::Result::kExpired, now);
  if (decision.notice) decision.notice->status = "5.4.7";
  return decision;
}

/// An operator ended its time: the status is ours, the rest of the reply is what the last host said.
Decision expired(const Attempt& attempt, WallTime now) {
  auto decision = failed(attempt, spool::Result::kExpired, now);
  if (decision.notice) decision.notice->status = std::exchange(decision.notice->reply.enhanced, {});
  return decision;
}

Decision deferred(const Attempt& attempt, const Options& options, const RetrySchedule& retry, WallTime now) {
  const auto& envelope = attempt.claim.message->envelope;
  const bool null_sender = envelope.reverse_path.empty();
  const auto begin = spool::released(envelope);
  const auto deadline = spool::deadline(envelope);
  const auto until = expiry(retry, begin, null_sender);
  if (deadline && !deadline->notify && now >= deadline->at) return returned(attempt, now);
  if (now >= until) return failed(attempt, spool::Result::kExpired, now);
  Decision decision{{.recipient = attempt.claim.id(), .result = spool::Result::kDeferred, .reply = attempt.reply},
                    std::nullopt};
  const unsigned attempts = attempt.claim.attempts + (attempt.counts ? 1u : 0u);
  decision.outcome.counts = attempt.counts;
  decision.outcome.next_attempt = next_attempt(retry, begin, null_sender, std::max(1u, attempts), now, random_bits());
  // At its deadline there is something to say.
  if (deadline && deadline->at > now)
    decision.outcome.next_attempt = std::min(decision.outcome.next_attempt, deadline->at);
  decision.outcome.delay_notified = attempt.claim.delay_notified;
  if (!attempt.claim.delay_notified && delay_is_told(attempt, options, now)) {
    decision.notice = notice_of(Notice::Action::kDelayed, attempt, now);
    if (deadline) decision.notice->status = "4.4.7";
    decision.notice->retry_until = until;
    decision.outcome.delay_notified = true;
  }
  return decision;
}

Decision decide(const Attempt& attempt, const Options& options, const RetrySchedule& retry, WallTime now) {
  switch (attempt.verdict) {
    case Attempt::Verdict::kAccepted:
      return accepted(attempt, now);
    case Attempt::Verdict::kPermanent:
      return attempt.expired ? expired(attempt, now) : failed(attempt, spool::Result::kBounced, now);
    case Attempt::Verdict::kTransient:
      break;
  }
  return deferred(attempt, options, retry, now);
}

void log_outcome(const spool::Outcome& outcome, const spool::Claim& claim, const std::string& tls) {
  count_outcome(outcome.result, outcome.reply.code);
  if (outcome.result == spool::Result::kDelivered) time_phase(Phase::kTotal, age_of(*claim.message));
  const auto& envelope = claim.message->envelope;
  const auto id = claim.message->id.to_string();
  log::message_events().record({.step = step_of(outcome.result),
                                .time = wall_now(),
                                .code = outcome.reply.code,
                                .trace = envelope.trace_id,
                                .message = id,
                                .sender = envelope.reverse_path,
                                .recipient = claim.address,
                                .host = outcome.reply.host,
                                .tls = tls,
                                .status = outcome.reply.enhanced,
                                .reply = outcome.reply.text});
  if (!log::enabled(log::Level::kInfo)) return;
  log::info(event_name(outcome.result), {{"message", id},
                                         {"trace", envelope.trace_id},
                                         {"from", envelope.reverse_path},
                                         {"to", claim.address},
                                         {"host", outcome.reply.host},
                                         {"tls", tls},
                                         {"code", outcome.reply.code},
                                         {"status", outcome.reply.enhanced},
                                         {"reply", outcome.reply.text},
                                         {"attempts", claim.attempts + 1}});
}

struct Decisions {
  std::vector<spool::Outcome> outcomes;
  std::vector<Notice> notices;
};

/// For attempts of one message; says in the log what it decides.
Decisions decide_all(std::span<const Attempt> attempts, const Options& options, const RetrySchedule& retry,
                     WallTime now) {
  Decisions all;
  for (const auto& attempt : attempts) {
    auto decision = decide(attempt, options, retry, now);
    log_outcome(decision.outcome, attempt.claim, attempt.tls);
    all.outcomes.push_back(std::move(decision.outcome));
    if (decision.notice) all.notices.push_back(*std::move(decision.notice));
  }
  return all;
}

/// The log did not take outcomes with their notice, and nothing was changed. What the next hop has must not go there
/// again: it is noted without the notice. All else is tried again, and makes its notice anew.
void not_recorded(spool::Spool& spool, std::vector<spool::Outcome> outcomes, const spool::SpoolError& error) {
  std::vector<spool::Outcome> delivered;
  std::vector<spool::RecipientId> back;
  for (auto& outcome : outcomes) {
    log::error("relay.not_recorded", {{"message", outcome.recipient.message.to_string()}, {"reason", error.detail}});
    if (outcome.result == spool::Result::kDelivered) {
      delivered.push_back(std::move(outcome));
    } else {
      back.push_back(outcome.recipient);
    }
  }
  if (!delivered.empty()) spool.record(std::move(delivered));
  spool.unclaim(back, wall_now() + kPauseAfterFault);
}

}  // namespace

bool says_something(const Attempt& attempt, const Options& options, const RetrySchedule& retry, WallTime now) {
  const auto decision = deferred(attempt, options, retry, now);
  return decision.notice || decision.outcome.result != spool::Result::kDeferred;
}

/// Attempts of one call may belong to several messages (a look-up that failed); those of one are together.
void Relay::Impl::conclude(std::vector<Attempt> attempts, const RetrySchedule& usual) {
  const auto now = wall_now();
  // A connection may have waited for longer than the scheduler has looked.
  look_at_clock(std::chrono::steady_clock::now());
  const auto retry = with_doubt(usual);
  for (std::size_t next = 0; next < attempts.size();) {
    const auto message = attempts[next].claim.message;
    auto first = next;
    while (next < attempts.size() && attempts[next].claim.message == message) ++next;
    auto [outcomes, notices] = decide_all(std::span(attempts).subspan(first, next - first), options_, retry, now);
    if (notices.empty()) {
      spool_.record(std::move(outcomes));
    } else {
      notify(message, std::move(outcomes), std::move(notices));
    }
  }
}

/// conclude() for recipients of one message that an operator gave up; ends when it is on disk.
async::Task<void> Relay::Impl::fail(std::vector<Attempt> attempts) {
  const auto message = attempts.front().claim.message;
  const auto room = co_await bodies_.enter(message->size, async::Deadline::after(kPauseAfterFault));
  if (room) {
    auto [outcomes, notices] = decide_all(attempts, options_, options_.retry, wall_now());
    if (notices.empty()) {
      spool_.record(std::move(outcomes));
    } else {
      const auto body = co_await spool_.body(message->id);
      std::vector<spool::NewMessage> messages;
      messages.push_back(
          make_notice(options_.notices, *message, body ? std::string_view(**body) : std::string_view(), notices));
      auto kept = outcomes;
      const auto recorded = co_await spool_.record_durably(std::move(outcomes), std::move(messages));
      if (!recorded) not_recorded(spool_, std::move(kept), recorded.error());
    }
    bodies_.leave(message->size);
  } else {
    std::vector<spool::RecipientId> back;
    for (const auto& attempt : attempts) back.push_back(attempt.claim.id());
    spool_.unclaim(back);
  }
  given_up_ -= attempts.size();
}

void Relay::Impl::notify(std::shared_ptr<const spool::Message> message, std::vector<spool::Outcome> outcomes,
                         std::vector<Notice> notices) {
  if (const auto body = spool_.cached_body(message->id)) {
    record_with_notice(message, std::move(outcomes), notices, *body);
  } else if (!tasks_.stop_requested()) {
    tasks_.spawn(notify_from_disk(std::move(message), std::move(outcomes), std::move(notices)));
  } else {
    record_with_notice(message, std::move(outcomes), notices, {});
  }
}

async::Task<void> Relay::Impl::notify_from_disk(std::shared_ptr<const spool::Message> message,
                                                std::vector<spool::Outcome> outcomes, std::vector<Notice> notices) {
  const auto body = co_await spool_.body(message->id);
  // A body that cannot be read is no reason to keep the sender in the dark: the notice goes without it.
  record_with_notice(message, std::move(outcomes), notices, body ? std::string_view(**body) : std::string_view());
}

void Relay::Impl::record_with_notice(const std::shared_ptr<const spool::Message>& message,
                                     std::vector<spool::Outcome> outcomes, const std::vector<Notice>& notices,
                                     std::string_view body) {
  std::vector<spool::NewMessage> messages;
  messages.push_back(make_notice(options_.notices, *message, body, notices));
  auto kept = outcomes;
  // The spool outlives us, and may call when we are gone.
  spool_.record(
      std::move(outcomes), std::move(messages),
      [&spool = spool_, kept = std::move(kept)](const std::expected<void, spool::SpoolError>& recorded) mutable {
        if (!recorded) not_recorded(spool, std::move(kept), recorded.error());
      });
}

}  // namespace quartet::relay
