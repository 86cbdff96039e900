#include "common/control/rule.h"

#include "common/base/id.h"
#include "common/control/convert.h"
#include "common/control/operation.h"
#include "common/control/selector_text.h"

namespace quartet::control {
namespace {

using relay::Rule;
using Request = v1::ChangeQueueRequest;

constexpr std::chrono::hours kLongestTtl{30 * 24};
constexpr std::optional<std::chrono::microseconds> kUsualTtl = std::chrono::hours(1);

std::optional<Rule::Kind> to_kind(int kind) {
  switch (kind) {
    case v1::Rule::KIND_HOLD:
      return Rule::Kind::kHold;
    case v1::Rule::KIND_BOUNCE:
      return Rule::Kind::kBounce;
    case v1::Rule::KIND_DROP:
      return Rule::Kind::kDrop;
    case v1::Rule::KIND_REROUTE:
      return Rule::Kind::kReroute;
    case v1::Rule::KIND_THROTTLE:
      return Rule::Kind::kThrottle;
    default:
      return std::nullopt;
  }
}

v1::Rule::Kind from_kind(Rule::Kind kind) {
  switch (kind) {
    case Rule::Kind::kHold:
      return v1::Rule::KIND_HOLD;
    case Rule::Kind::kBounce:
      return v1::Rule::KIND_BOUNCE;
    case Rule::Kind::kDrop:
      return v1::Rule::KIND_DROP;
    case Rule::Kind::kReroute:
      return v1::Rule::KIND_REROUTE;
    case Rule::Kind::kThrottle:
      return v1::Rule::KIND_THROTTLE;
  }
  return v1::Rule::KIND_UNSPECIFIED;
}

Operation::Verb verb_of(Rule::Kind kind) {
  switch (kind) {
    case Rule::Kind::kHold:
      return Request::VERB_HOLD;
    case Rule::Kind::kBounce:
      return Request::VERB_BOUNCE;
    case Rule::Kind::kDrop:
      return Request::VERB_DROP;
    case Rule::Kind::kReroute:
    case Rule::Kind::kThrottle:
      break;
  }
  return Request::VERB_RETRY_NOW;
}

std::chrono::microseconds to_micros(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + std::chrono::microseconds(duration.nanos() / 1000);
}

/// Conditions for all times: ages stay ages. to_filter() has looked at them.
void set_conditions(Rule& rule, const v1::Selector& selector) {
  if (selector.has_older_than()) rule.older_than = to_micros(selector.older_than());
  if (selector.has_newer_than()) rule.newer_than = to_micros(selector.newer_than());
  rule.filter.received_from.reset();
  rule.filter.received_before.reset();
}

/// What the kind needs; the verb's own checks, where there is one. Empty: nothing is wrong.
std::string set_action(Rule& rule, const v1::CreateRuleRequest& request, relay::Relay& relay) {
  const bool throttle = rule.kind == Rule::Kind::kThrottle, reroute = rule.kind == Rule::Kind::kReroute;
  if (!throttle && !request.rate().empty()) return "rate: only a throttle has one";
  if (throttle) {
    const auto rate = relay::parse_rate(request.rate());
    if (!rate) return "rate: " + rate.error();
    rule.rate = *rate;
  }
  if (reroute && request.next_hop() == "default") return "next_hop: the default is what is there without a rule";
  v1::ChangeRequest change;
  change.set_reason(request.reason());
  change.set_status(request.status());
  change.set_next_hop(request.next_hop());
  spool::Order order;
  const auto verb = reroute ? Request::VERB_REROUTE : verb_of(rule.kind);
  if (const auto status = to_order(verb, change, &relay, order); !status.ok()) return status.error_message();
  rule.reply = order.reply;
  rule.next_hop = order.next_hop;
  return {};
}

}  // namespace

std::string why_no_rule(const v1::Selector& given) {
  auto selector = given;
  if (auto expanded = expand_text(selector, wall_now()); !expanded) return "." + expanded.error();
  if (!selector.all() && has_no_condition(selector)) return ": selects everything; say so with `all`";
  const auto refuse = [](const char* field) {
    return "." + std::string(field) + ": of one moment, not for a standing rule";
  };
  if (selector.id_size() != 0) return refuse("id");
  if (selector.state_size() != 0) return refuse("state");
  if (selector.has_next_attempt_from()) return refuse("next_attempt_from");
  if (selector.has_next_attempt_before()) return refuse("next_attempt_before");
  if (selector.has_rule()) return refuse("rule");
  return {};
}

std::expected<Rule, std::string> make_rule(const v1::CreateRuleRequest& request, const std::string& who,
                                           relay::Relay& relay) {
  const auto kind = to_kind(request.kind());
  if (!kind) return std::unexpected("kind: none is given");
  if (auto why = why_no_rule(request.selector()); !why.empty()) return std::unexpected("selector" + why);
  Rule rule;
  rule.since = wall_now();
  auto filter = to_filter(request.selector(), rule.since);
  if (!filter) return std::unexpected("selector." + filter.error());
  const auto ttl = request.has_ttl() ? time_to_live(request.ttl(), kLongestTtl) : kUsualTtl;
  if (!ttl) return std::unexpected("ttl: above 0 and at most 30 days");
  rule.id = Id::make().to_string();
  rule.kind = *kind;
  rule.filter = *std::move(filter);
  rule.until = rule.since + *ttl;
  rule.selector = request.selector().SerializeAsString();
  rule.reason = request.reason();
  rule.who = who;
  auto expanded = request.selector();
  if (expand_text(expanded, rule.since)) set_conditions(rule, expanded);
  if (auto why = set_action(rule, request, relay); !why.empty()) return std::unexpected(std::move(why));
  return rule;
}

v1::ChangeQueueRequest change_of(const Rule& rule) {
  v1::ChangeQueueRequest request;
  request.set_verb(verb_of(rule.kind));
  auto& change = *request.mutable_change();
  change.set_reason(rule.reason);
  change.set_status(rule.reply.enhanced);
  auto& selector = *change.mutable_selector();
  selector.ParseFromString(rule.selector);
  selector.clear_all();  // states are a condition
  selector.add_state(v1::STATE_QUEUED);
  selector.add_state(v1::STATE_DEFERRED);
  return request;
}

void fill(v1::Rule& to, const Rule& rule) {
  to.set_id(rule.id);
  to.set_kind(from_kind(rule.kind));
  to.mutable_selector()->ParseFromString(rule.selector);
  set(*to.mutable_since(), rule.since);
  set(*to.mutable_until(), rule.until);
  to.set_reason(utf8(rule.reason));
  to.set_who(utf8(rule.who));
  to.set_status(rule.reply.enhanced);
  to.set_next_hop(utf8(rule.next_hop));
  if (rule.kind == Rule::Kind::kThrottle) to.set_rate(relay::to_string(rule.rate));
  to.set_matches(rule.matches);
  to.set_ending(rule.ending);
}

}  // namespace quartet::control
