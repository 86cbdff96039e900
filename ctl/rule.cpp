// quartetctl rule ...
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <ostream>

#include "common/base/ascii.h"
#include "common/base/duration.h"
#include "common/base/time.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/queue_text.h"
#include "ctl/remote_queue.h"
#include "ctl/selector.h"
#include "ctl/table.h"
#include "ctl/values.h"
#include "quartet/control/v1/rule.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;

std::string kind_text(const v1::Rule& rule) { return name_of(*v1::Rule::Kind_descriptor(), rule.kind()); }

std::string what_text(const v1::Rule& rule) {
  if (!rule.next_hop().empty()) return "to " + plain(rule.next_hop());
  if (!rule.rate().empty()) return plain(rule.rate());
  return rule.status().empty() ? "-" : plain(rule.status());
}

std::string selector_text(const v1::Selector& selector) {
  v1::Selector rest = selector;
  rest.clear_text();
  auto out = selector.text();
  if (const auto fields = rest.ShortDebugString(); !fields.empty()) out += (out.empty() ? "" : " and ") + fields;
  return plain(out);
}

std::string left_text(const google::protobuf::Timestamp& until) {
  const auto left = std::chrono::seconds(until.seconds()) -
                    std::chrono::duration_cast<std::chrono::seconds>(wall_now().time_since_epoch());
  return format_duration(std::max(left, std::chrono::seconds(0)));
}

/// The selector and what --kind wants; what is wrong, or empty.
std::string read_request(const Arguments& arguments, v1::CreateRuleRequest& request) {
  v1::Rule::Kind kind = v1::Rule::KIND_UNSPECIFIED;
  const auto word = arguments.value("kind").value_or("");
  if (!v1::Rule::Kind_Parse("KIND_" + ascii::upper(word), &kind) || kind == v1::Rule::KIND_UNSPECIFIED)
    return "--kind: expected hold, bounce, drop, reroute or throttle";
  request.set_kind(kind);
  auto selector = read_selector(arguments);
  if (!selector) return selector.error();
  if (!says_which(*selector)) return "which mail? Give a condition, or --all";
  *request.mutable_selector() = *selector;
  if (const auto text = arguments.value("for")) {
    const auto ttl = parse_duration(*text);
    if (!ttl) return "--for: expected a duration such as 30m, 2h or 1d12h";
    request.mutable_ttl()->set_seconds(ttl->count() / 1000);
    request.mutable_ttl()->set_nanos(static_cast<std::int32_t>(ttl->count() % 1000 * 1'000'000));
  }
  const auto most = arguments.count("max-affected");
  if (!most) return most.error();
  request.set_max_affected(most->value_or(0));
  request.set_reason(arguments.value("reason").value_or(""));
  request.set_dry_run(arguments.has("dry-run"));
  request.set_status(arguments.value("code").value_or(""));
  request.set_next_hop(arguments.value("to").value_or(""));
  request.set_rate(arguments.value("rate").value_or(""));
  return {};
}

int add(const Invocation& invocation) {
  v1::CreateRuleRequest request;
  if (const auto error = read_request(invocation.arguments, request); !error.empty())
    return usage_error(invocation, error);
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_stream_deadline(context, invocation);  // what is queued may be much
  v1::CreateRuleResponse response;
  const auto status = v1::RuleService::NewStub(*channel)->CreateRule(&context, request, &response);
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) {
    invocation.out << to_json(response) << '\n';
    return kOk;
  }
  if (request.dry_run()) {
    invocation.out << "no rule made; " << response.counts().changed() << " queued recipients would be changed\n";
  } else {
    invocation.out << plain(response.rule().id()) << " holds until " << time_text(response.rule().until()) << "; "
                   << response.counts().changed() << " queued recipients changed\n";
  }
  return kOk;
}

int list(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::ListRulesResponse response;
  const auto status = v1::RuleService::NewStub(*channel)->ListRules(&context, {}, &response);
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) {
    invocation.out << to_json(response) << '\n';
    return kOk;
  }
  Table table({{"ID"}, {"KIND"}, {"LEFT", true}, {"MATCHES", true}, {"WHAT"}, {"WHO"}, {"SELECTOR"}, {"REASON"}});
  for (const auto& one : response.rule()) {
    table.add({plain(one.id()), kind_text(one), one.ending() ? "ending" : left_text(one.until()),
               std::to_string(one.matches()), what_text(one), plain(one.who()), selector_text(one.selector()),
               plain(one.reason())});
  }
  for (const auto& one : response.suspension())
    table.add({"-", "suspend", left_text(one.until()), "-", plain(one.destination()), plain(one.who()), "-",
               plain(one.reason())});
  invocation.out << table.text();
  return kOk;
}

int cancel(const Invocation& invocation) {
  v1::CancelRuleRequest request;
  request.set_id(invocation.arguments.operands()[0]);
  request.set_keep(invocation.arguments.has("keep"));
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_stream_deadline(context, invocation);
  v1::CancelRuleResponse response;
  const auto status = v1::RuleService::NewStub(*channel)->CancelRule(&context, request, &response);
  if (!status.ok()) return report(status, invocation);
  if (invocation.json)
    invocation.out << to_json(response) << '\n';
  else
    invocation.out << "ended after " << response.rule().matches() << " matches; " << response.operation().changed()
                   << " recipients released\n";
  return kOk;
}

int test(const Invocation& invocation) {
  v1::TestRuleRequest request;
  auto selector = read_selector(invocation.arguments);
  if (!selector) return usage_error(invocation, selector.error());
  if (!says_which(*selector)) return usage_error(invocation, "which mail? Give a condition, or --all");
  *request.mutable_selector() = *std::move(selector);
  const auto most = invocation.arguments.count("limit");
  if (!most) return usage_error(invocation, most.error());
  request.set_entries(static_cast<std::uint32_t>(std::min<std::uint64_t>(most->value_or(10), 1000)));
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::TestRuleResponse response;
  const auto status = v1::RuleService::NewStub(*channel)->TestRule(&context, request, &response);
  if (!status.ok()) return report(status, invocation);
  if (invocation.json)
    invocation.out << to_json(response) << '\n';
  else
    invocation.out << response.matched() << " queued recipients match\n" << entries_text(response.entry(), wall_now());
  return kOk;
}

}  // namespace

std::vector<Command> rule_commands() {
  const auto with = [](std::vector<Option> more) {
    auto options = selector_options();
    // What means the queue of one moment is nothing for a rule.
    std::erase_if(options, [](const Option& one) { return one.name == "id" || one.name == "state"; });
    options.insert(options.end(), more.begin(), more.end());
    return options;
  };
  return {
      {"rule", "add", "", 0, 0, "say what is to be done with certain mail for a time, queued or yet to come",
       with({{"kind", "KIND", "hold, bounce, drop, reroute or throttle", "hold bounce drop reroute throttle"},
             {"for", "TIME", "when it ends by itself, such as 2h (default: 1h)"},
             {"reason", "TEXT", "why; for the log and those who list rules; a bounce tells it to the sender"},
             {"to", "HOST[:PORT]", "of reroute: by SMTP to this host; or mx"},
             {"code", "CODE", "of bounce: enhanced status code of the notice (default: 5.7.1)"},
             {"rate", "RATE", "of throttle: recipients in a time, such as 20/s, 100/min or 1000/h"},
             {"dry-run", "", "make no rule; only say what would happen to what is queued"},
             {"max-affected", "N", "make no rule if more than N queued recipients would be changed"}}),
       add},
      {"rule", "list", "", 0, 0, "the rules that hold, and the suspensions of destinations", {}, list},
      {"rule",
       "cancel",
       "ID",
       1,
       1,
       "end a rule; what it held is due now",
       {{"keep", "", "leave on hold what it holds"}, {"reason", "TEXT", "why; for the log"}},
       cancel},
      {"rule", "test", "", 0, 0, "what a rule with these conditions would find in the queue now",
       with({{"limit", "N", "show at most N of them (default: 10)"}}), test},
  };
}

}  // namespace quartet::ctl
