// Standing rules in a relay that works: mail that comes while they last, and what happens when they end.
#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

Rule rule_for(std::string domain, Rule::Kind kind, std::chrono::microseconds lasts = hours(1)) {
  Rule rule;
  rule.id = Id::make().to_string();
  rule.kind = kind;
  rule.filter.recipient_domains = {std::move(domain)};
  rule.since = wall_now();
  rule.until = rule.since + lasts;
  rule.reason = "a test";
  return rule;
}

bool held(Running& running, const std::string& rule, std::size_t recipients) {
  return before_long([&] {
    spool::Filter filter;
    filter.rule = rule;
    return running.spool().count(filter) == recipients;
  });
}

}  // namespace

TEST_CASE("a hold holds what comes, and its end releases it and nothing else", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  auto mine = message_to({"m@b.test"});
  mine.held = true;
  running.enqueue(std::move(mine));
  running.start();
  const auto rule = rule_for("b.test", Rule::Kind::kHold, seconds(2));
  REQUIRE(running.relay().add_rule(rule));
  running.enqueue(message_to({"a@b.test", "c@d.test"}));
  REQUIRE(sink.wait_for(1));
  REQUIRE(held(running, rule.id, 1));
  CHECK(running.entry("a@b.test").last.text == "held by rule " + rule.id + ": a test");
  CHECK(running.relay().rules().at(0).matches == 1);
  REQUIRE(sink.wait_for(2));
  CHECK(wall_now() >= rule.until);
  CHECK(before_long([&] { return running.relay().rules().empty(); }));
  CHECK(running.entry("m@b.test").state == spool::State::kHeld);
}

TEST_CASE("a rule that ended while no relay ran releases at the next start", "[relay]") {
  const spool::test::TemporaryDirectory directory;
  const auto rule = rule_for("b.test", Rule::Kind::kHold, seconds(-1));
  REQUIRE(Rules(directory.path()).add(rule));
  Sink sink({});
  auto options = options_for_tests();
  options.directory = directory.path();
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.spool().hold({}, spool::held_by(rule.id, "before"));
  running.start();
  CHECK(sink.wait_for(1));
  CHECK(before_long([&] { return running.relay().rules().empty(); }));
}

TEST_CASE("a rule bounces what comes, with one notice for a message", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  running.start();
  auto rule = rule_for("b.test", Rule::Kind::kBounce);
  rule.reply = {550, "5.1.6", "closed", ""};
  REQUIRE(running.relay().add_rule(rule));
  auto message = message_to({"a@b.test", "c@b.test"});
  message.envelope.reverse_path = "sender@home.test";
  running.enqueue(std::move(message));
  REQUIRE(sink.wait_for(1));
  REQUIRE(running.empty());
  REQUIRE(sink.mails().size() == 1);
  const auto report = parse_report(sink.mails()[0].body);
  REQUIRE(report.recipients.size() == 2);
  CHECK(report.recipients[0].at("status") == "5.1.6");
}

TEST_CASE("a rule drops what comes without a word", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  running.start();
  REQUIRE(running.relay().add_rule(rule_for("b.test", Rule::Kind::kDrop)));
  auto message = message_to({"a@b.test", "c@d.test"});
  message.envelope.reverse_path = "sender@home.test";
  running.enqueue(std::move(message));
  REQUIRE(running.empty());
  REQUIRE(sink.mails().size() == 1);
  REQUIRE(sink.mails()[0].recipients.size() == 1);
  CHECK(sink.mails()[0].recipients[0].find("c@d.test") != std::string::npos);
}

TEST_CASE("a rule reroutes while it lasts, and is gone without a trace", "[relay]") {
  Sink usual({}), other({});
  Running running(all_to(to_port(usual.port())));
  running.start();
  auto rule = rule_for("b.test", Rule::Kind::kReroute);
  rule.next_hop = "127.0.0.1:" + std::to_string(other.port());
  REQUIRE(running.relay().add_rule(rule));
  running.enqueue(message_to({"a@b.test"}));
  running.enqueue(message_to({"c@d.test"}));
  REQUIRE(other.wait_for(1));
  REQUIRE(usual.wait_for(1));
  REQUIRE(*running.relay().end_rule(rule.id));
  REQUIRE(running.relay().forget_rule(rule.id));
  running.enqueue(message_to({"a@b.test"}));
  REQUIRE(usual.wait_for(2));
  CHECK(running.empty());
  CHECK(other.mails().size() == 1);
}

TEST_CASE("a rule that comes while mail waits for its connection applies to it", "[relay]") {
  std::promise<void> arrived, go_on;
  auto may_go_on = go_on.get_future().share();
  std::atomic<int> messages = 0;
  Script script;
  script.message = [&, may_go_on](const Mail&) {
    if (++messages == 1) {
      arrived.set_value();
      may_go_on.wait();
    }
    return std::vector<std::string>{"250 2.0.0 ok"};
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.site.concurrency.initial = options.site.concurrency.maximum = 1;
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  arrived.get_future().wait();
  running.enqueue(message_to({"c@d.test"}));
  running.enqueue(message_to({"e@f.test"}));
  REQUIRE(before_long([&] { return running.spool().counts().recipients[1] == 3; }));  // all are active
  const auto rule = rule_for("d.test", Rule::Kind::kHold);
  REQUIRE(running.relay().add_rule(rule));
  go_on.set_value();
  REQUIRE(sink.wait_for(2));
  REQUIRE(held(running, rule.id, 1));
  CHECK(sink.mails().size() == 2);
}

TEST_CASE("a throttle slows down what it matches, and that alone", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  running.start();
  auto rule = rule_for("b.test", Rule::Kind::kThrottle);
  rule.rate = {2, seconds(1)};
  REQUIRE(running.relay().add_rule(rule));
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 6; ++i) running.enqueue(message_to({"a@b.test"}));
  for (int i = 0; i < 6; ++i) running.enqueue(message_to({"a@d.test"}));
  REQUIRE(sink.wait_for(12));
  CHECK(std::chrono::steady_clock::now() - begun >= seconds(1));  // two at once, the last of the others after two more
  CHECK(running.empty());
}
