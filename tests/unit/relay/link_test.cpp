// Links: mail that waits for its site, and the answers to who asks for it (RFC 1985).
#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using Kind = StartAnswer::Kind;

namespace {

RoutingTable with_link(std::uint16_t port, bool on_request = true) {
  RoutingTable table;
  table.links.push_back({"branch", {"branch.test", ".branch.test"}, to_port(port), on_request});
  table.links.push_back({"other", {"other.test"}, to_port(port), true});
  return table;
}

bool waits(Running& running, std::size_t recipients) {
  return before_long([&] {
    spool::Filter filter;
    filter.states = {spool::State::kQueued};
    filter.next_attempt_from = wall_now() + std::chrono::hours(24);
    return running.spool().count(filter) == recipients;
  });
}

}  // namespace

TEST_CASE("a link's mail waits until it is asked for", "[relay]") {
  Sink sink({});
  Running running(with_link(sink.port()));
  running.start();
  CHECK(running.relay().start_link("branch").kind == Kind::kNothing);
  CHECK(running.relay().start_link("nobody").kind == Kind::kUnknown);
  running.enqueue(message_to({"a@branch.test", "b@sub.branch.test"}));
  running.enqueue(message_to({"c@other.test"}));
  REQUIRE(waits(running, 3));
  CHECK(sink.connections() == 0);
  auto status = running.relay().links();
  REQUIRE(status.size() == 2);
  CHECK(status[0].pending == 2);
  CHECK_FALSE(status[0].running);

  const auto answer = running.relay().start_link("branch");
  CHECK(answer.kind == Kind::kStarted);
  CHECK(answer.pending == 2);
  CHECK(answer.link == "branch");
  REQUIRE(before_long([&] { return running.spool().counts().total_recipients() == 1; }));
  CHECK(sink.mails().size() == 1);
  // When its queue is empty the link waits again, by itself and soon.
  REQUIRE(before_long([&] { return !running.relay().links()[0].running; }));
  running.enqueue(message_to({"late@branch.test"}));
  REQUIRE(waits(running, 2));
  CHECK(sink.mails().size() == 1);
  CHECK(running.relay().start_link("branch").kind == Kind::kStarted);
  CHECK(sink.wait_for(2));
}

TEST_CASE("domains lead to their link", "[relay]") {
  Sink sink({});
  Running running(with_link(sink.port()));
  running.enqueue(message_to({"a@branch.test", "b@sub.branch.test", "c@other.test"}));
  running.start();
  REQUIRE(waits(running, 3));
  CHECK(running.relay().start_domain("nowhere.test", false).kind == Kind::kUnknown);
  CHECK(running.relay().start_domain("other.test", true).kind == Kind::kUnknown);  // it has no subdomains
  const bool below = GENERATE(false, true);
  const auto answer = running.relay().start_domain("Branch.Test", below);
  CHECK(answer.kind == Kind::kStarted);
  CHECK(answer.link == "branch");
  REQUIRE(before_long([&] { return running.spool().counts().total_recipients() == 1; }));
  CHECK(running.relay().start_domain("sub.branch.test", false).kind == Kind::kNothing);
}

TEST_CASE("who asks while its queue is being served hears that", "[relay]") {
  std::atomic<bool> take = false;
  Script script;
  script.command = [&take](int, const std::string& line) -> std::string {
    return line.starts_with("RCPT") && !take ? "450 4.2.0 not yet" : "";
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  Running running(with_link(sink.port()), std::move(options));
  running.enqueue(message_to({"a@branch.test"}));
  running.start();
  REQUIRE(waits(running, 1));
  CHECK(running.relay().start_link("branch").kind == Kind::kStarted);
  REQUIRE(running.deferred("a@branch.test"));
  CHECK(running.relay().links()[0].running);
  take = true;
  const auto again = running.relay().start_link("branch");
  CHECK(again.kind == Kind::kAlreadyRunning);
  CHECK(again.pending == 1);
  CHECK(running.empty());  // asked again, it is tried again at once, whatever its back-off
}

TEST_CASE("a start wakes a site that was found dead", "[relay]") {
  auto sink = std::make_unique<Sink>(Script{});
  const auto port = sink->port();
  sink.reset();  // nobody is there
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  options.site.concurrency.first_pause = options.site.concurrency.longest_pause = std::chrono::hours(1);
  Running running(with_link(port, false), std::move(options));
  running.enqueue(message_to({"a@branch.test"}));
  running.start();
  REQUIRE(running.deferred("a@branch.test"));
  sink = std::make_unique<Sink>(Script{}, port);
  CHECK(running.relay().start_link("branch").kind == Kind::kStarted);
  CHECK(sink->wait_for(1));
}
