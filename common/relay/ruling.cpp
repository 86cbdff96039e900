// Standing rules at work: what is about to be tried is held, given up, sent elsewhere or put off as they say.
#include "common/log/log.h"
#include "common/mime/idna.h"
#include "common/relay/impl.h"

namespace quartet::relay {
namespace {

const char* name_of(Rule::Kind kind) {
  switch (kind) {
    case Rule::Kind::kHold:
      return "hold";
    case Rule::Kind::kBounce:
      return "bounce";
    case Rule::Kind::kDrop:
      return "drop";
    case Rule::Kind::kReroute:
      return "reroute";
    case Rule::Kind::kThrottle:
      return "throttle";
  }
  return "";
}

}  // namespace

async::ThreadPool& Relay::Impl::files() {
  if (!files_) files_ = std::make_unique<async::ThreadPool>("relay-files", 2);
  return *files_;
}

/// `throttle`: whether rules that throttle count; only once for each attempt.
Relay::Impl::Ruling Relay::Impl::obey_rules(spool::Claim& claim, bool throttle) {
  const auto rule = rules_.match(claim, wall_now(), throttle);
  if (!rule) return Ruling::kNone;
  if (rule->kind == Rule::Kind::kThrottle) {
    const auto until = rules_.wait_for(rule->id, std::chrono::steady_clock::now());
    if (!until) return Ruling::kNone;
    const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(*until - std::chrono::steady_clock::now());
    const auto policy = policy_of(mime::domain_of(claim.address));
    put_off(std::move(claim), policy->retry, "4.3.2", "mail like this is slowed down for now", wall_now() + wait);
    return Ruling::kSeenTo;
  }
  log::info("relay.ruled", {{"rule", rule->id},
                            {"kind", name_of(rule->kind)},
                            {"message", claim.message->id.to_string()},
                            {"trace", claim.message->envelope.trace_id},
                            {"from", claim.message->envelope.reverse_path},
                            {"to", claim.address}});
  switch (rule->kind) {
    case Rule::Kind::kHold:
      spool_.record({{.recipient = claim.id(),
                      .result = spool::Result::kHeld,
                      .reply = {0, "", spool::held_by(rule->id, rule->reason), ""}}});
      return Ruling::kSeenTo;
    case Rule::Kind::kDrop:
      spool_.record({{.recipient = claim.id(), .result = spool::Result::kDropped, .reply = {0, "", rule->reason, ""}}});
      return Ruling::kSeenTo;
    case Rule::Kind::kBounce:
      claim.bounce = true;
      claim.last = rule->reply;
      return Ruling::kGivenUp;
    case Rule::Kind::kReroute:
      claim.next_hop = rule->next_hop;
      return Ruling::kElsewhere;
    case Rule::Kind::kThrottle:
      break;
  }
  return Ruling::kNone;
}

void Relay::Impl::look_after_rules(bool tidy) {
  if (!ending_rules_ && rules_.any_ended(wall_now())) {
    ending_rules_ = true;
    if (!tasks_.spawn(end_rules())) ending_rules_ = false;
  }
  if (tidy && rules_.any()) files().submit([this] { rules_.save_counts(); });
}

/// What a rule held is released once its time is over. In two steps: between them this loop has held what it found to
/// be under the rule before. What is interrupted is done at the next start.
async::Task<void> Relay::Impl::end_rules() {
  const auto ended = co_await async::offload(files(), [this] { return rules_.take_ended(wall_now()); });
  const bool done = co_await async::offload(files(), [this, &ended] {
    for (const auto& rule : ended) {
      spool::Filter filter;
      filter.rule = rule.id;
      const auto released = rule.kind == Rule::Kind::kHold ? spool_.release(filter).changed : 0;
      log::info("relay.rule_ended",
                {{"rule", rule.id}, {"kind", name_of(rule.kind)}, {"matches", rule.matches}, {"released", released}});
      if (const auto forgotten = rules_.forget(rule.id); !forgotten)
        log::error("relay.rules_not_saved", {{"reason", forgotten.error()}});
    }
    return true;
  });
  ending_rules_ = !done;
  wake_up_->event.set();
}

std::expected<void, std::string> Relay::add_rule(Rule rule) {
  auto added = impl_->rules_.add(std::move(rule));
  impl_->wake_up();  // it may end sooner than the scheduler means to wake up
  return added;
}

std::expected<std::optional<Rule>, std::string> Relay::end_rule(std::string_view id) { return impl_->rules_.end(id); }
std::expected<void, std::string> Relay::forget_rule(std::string_view id) { return impl_->rules_.forget(id); }
std::vector<Rule> Relay::rules() const { return impl_->rules_.list(); }

}  // namespace quartet::relay
