// What operators order for single recipients, and what the relay makes of it: to bounce, and to go another way.
#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;

namespace {

spool::Filter to_domain(const std::string& domain) {
  spool::Filter filter;
  filter.recipient_domains = {domain};
  return filter;
}

spool::Order bounce() {
  return {.verb = spool::Verb::kBounce, .reply = {550, "5.7.13", "the postmaster wants it so", ""}};
}

spool::Order reroute(std::string next_hop) { return {.verb = spool::Verb::kReroute, .next_hop = std::move(next_hop)}; }

/// Puts off what is for b.test.
Script puts_off() {
  Script script;
  script.command = [](int, const std::string& line) -> std::string {
    return line.find("@b.test") == std::string::npos ? "" : "450 4.2.0 later";
  };
  return script;
}

/// A free port of a moment ago.
std::uint16_t nobody() { return Sink({}).port(); }

}  // namespace

TEST_CASE("a bounced message is told of in one notice, whatever its recipients wait for", "[relay]") {
  Sink sink(puts_off());
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  Running running(all_to(to_port(sink.port())), options);
  running.enqueue(message_to({"one@b.test", "two@b.test", "three@b.test"}));
  running.start();
  REQUIRE(running.deferred("three@b.test"));
  auto held = to_domain("b.test");
  held.recipient = "two@b.test";
  REQUIRE(running.spool().hold(held).changed == 1);
  CHECK(running.spool().change(to_domain("b.test"), bounce()).changed == 3);
  REQUIRE(sink.wait_for(1));
  REQUIRE(running.empty());
  const auto mails = sink.mails();
  REQUIRE(mails.size() == 1);
  CHECK(mails[0].from.starts_with("MAIL FROM:<>"));
  CHECK(mails[0].recipients[0].starts_with("RCPT TO:<sender@a.test>"));
  const auto report = parse_report(mails[0].body);
  REQUIRE(report.recipients.size() == 3);
  for (const auto& recipient : report.recipients) {
    CHECK(recipient.at("action") == "failed");
    CHECK(recipient.at("status") == "5.7.13");
    CHECK(recipient.at("diagnostic-code").find("the postmaster wants it so") != std::string::npos);
  }
}

TEST_CASE("what an operator expires comes back as what had no more time, with the last words of its host", "[relay]") {
  Sink sink(puts_off());
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  Running running(all_to(to_port(sink.port())), options);
  running.enqueue(message_to({"one@b.test"}));
  running.start();
  REQUIRE(running.deferred("one@b.test"));
  const auto events = running.spool().subscribe(100);
  CHECK(running.spool().change(to_domain("b.test"), {.verb = spool::Verb::kExpire}).changed == 1);
  REQUIRE(sink.wait_for(1));
  REQUIRE(running.empty());
  const auto report = parse_report(sink.mails().at(0).body);
  REQUIRE(report.recipients.size() == 1);
  CHECK(report.recipients[0].at("action") == "failed");
  CHECK(report.recipients[0].at("status") == "4.4.7");
  CHECK(report.recipients[0].at("diagnostic-code") == "smtp; 450 later");
  const auto seen = events->take(100);
  CHECK(std::ranges::count(seen, spool::EventKind::kExpired, &spool::Event::kind) == 1);
  CHECK(std::ranges::count(seen, spool::EventKind::kBounced, &spool::Event::kind) == 0);
}

TEST_CASE("many bounces at once go a few at a time, each once", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  constexpr std::size_t kMessages = 1'500;
  for (std::size_t i = 0; i < kMessages; ++i) {
    auto message = message_to({"x@b.test"});
    message.due = wall_now() + std::chrono::hours(1);
    running.enqueue(std::move(message));
  }
  CHECK(running.spool().change({}, bounce()).changed == kMessages);
  running.start();
  REQUIRE(sink.wait_for(kMessages));
  REQUIRE(running.empty());
  CHECK(sink.mails().size() == kMessages);
}

TEST_CASE("a bounce with the null sender, or unwanted, ends without a word", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  auto notice = message_to({"x@b.test"}, "Subject: x\r\n\r\n", "");
  auto quiet = message_to({"y@b.test"});
  quiet.recipients[0].notify = spool::kNotifyNever;
  for (auto* message : {&notice, &quiet}) {
    message->due = wall_now() + std::chrono::hours(1);
    running.enqueue(std::move(*message));
  }
  running.spool().change({}, bounce());
  running.start();
  REQUIRE(running.empty());
  CHECK(sink.mails().empty());
}

TEST_CASE("a rerouted recipient goes where it was told, past tables and links, until told otherwise", "[relay]") {
  Sink usual({}), other({});
  auto table = all_to(to_port(usual.port()));
  table.links.push_back({"branch", {"b.test"}, to_port(usual.port()), true, false});
  Running running(std::move(table));
  running.enqueue(message_to({"one@b.test"}));
  running.enqueue(message_to({"two@b.test"}));
  auto second = to_domain("b.test");
  second.recipient = "two@b.test";
  const auto there = "127.0.0.1:" + std::to_string(other.port());
  CHECK(running.spool().change(to_domain("b.test"), reroute(there)).changed == 2);
  CHECK(running.spool().change(second, reroute("")).changed == 1);  // which keeps to the link, and so waits
  running.start();
  REQUIRE(other.wait_for(1));
  CHECK(other.mails()[0].recipients[0].starts_with("RCPT TO:<one@b.test>"));
  CHECK(running.entry("two@b.test").next_hop.empty());
  CHECK(usual.mails().empty());
}

TEST_CASE("what is rerouted goes on at once when its old next hop is dead", "[relay]") {
  Sink other({});
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  Running running(all_to(to_port(nobody())), options);
  running.enqueue(message_to({"one@b.test"}));
  running.start();
  REQUIRE(running.deferred("one@b.test"));
  CHECK(running.spool().change({}, reroute("127.0.0.1:" + std::to_string(other.port()))).changed == 1);
  REQUIRE(other.wait_for(1));
  REQUIRE(running.empty());
}

TEST_CASE("an operator's word for a next hop", "[relay]") {
  RoutingTable table;
  table.mx.tls = TlsPolicy::kDane;
  table.smart_host = to_port(25);
  table.tls_policies["mail.x.test"] = TlsPolicy::kEncrypt;
  const Router router(std::move(table));
  const auto mx = router.ordered("mx");
  REQUIRE(mx);
  CHECK(mx->kind == NextHop::Kind::kMx);
  CHECK(mx->tls == TlsPolicy::kDane);
  const auto host = router.ordered("Mail.x.test:2525");
  REQUIRE(host);
  CHECK(host->kind == NextHop::Kind::kHosts);
  CHECK(host->hosts.at(0) == Host{"mail.x.test", 2525, TlsPolicy::kEncrypt});
  CHECK(router.ordered("mail.y.test")->hosts.at(0) == Host{"mail.y.test", 25});
  for (const auto* bad : {"", "a b", "host:", "host:0", "host:99999", "a@b"}) {
    INFO(bad);
    CHECK_FALSE(router.ordered(bad));
  }
}
