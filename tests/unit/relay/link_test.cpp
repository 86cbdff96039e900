// Links: mail that waits for its site, and the answers to who asks for it (RFC 1985).
#include "settle.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using Kind = StartAnswer::Kind;

namespace {

RoutingTable with_link(std::uint16_t port, bool on_request = true) {
  RoutingTable table;
  table.links.push_back({"branch", {"branch.test", ".branch.test"}, to_port(port), on_request});
  table.links.push_back({"other", {"other.test", "xn--bcher-kva.test"}, to_port(port), true});
  return table;
}

bool waits(Running& running, std::size_t recipients, std::chrono::hours time = std::chrono::hours(24)) {
  return before_long([&] {
    spool::Filter filter;
    filter.states = {spool::State::kQueued};
    filter.next_attempt_from = wall_now() + time;
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
  CHECK(running.relay().start_domain("B\u00fccher.Test", false).link == "other");
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

namespace {

Suspension pause_of(const std::string& link, WallTime until = kUntilResumed) {
  return {link, wall_now(), until, "the line is repaired", "unix:uid=0,pid=1"};
}

}  // namespace

TEST_CASE("a paused link gets nothing, whoever asks, until it is resumed", "[relay]") {
  Sink sink({});
  const bool on_request = GENERATE(true, false);
  const std::chrono::hours until_notice{on_request ? 24 : 3};  // its sender hears of the delay, as of any other
  Running running(with_link(sink.port(), on_request));
  running.start();
  CHECK_FALSE(*running.relay().pause_link(pause_of("nobody")));
  REQUIRE(*running.relay().pause_link(pause_of("branch")));
  settle(running);
  running.enqueue(message_to({"a@branch.test"}));
  REQUIRE(waits(running, 1, until_notice));
  CHECK(running.relay().start_link("branch").kind == Kind::kPaused);
  CHECK(running.relay().start_domain("branch.test", false, true).kind == Kind::kPaused);
  CHECK(running.relay().may_turn("branch").kind == Kind::kPaused);
  CHECK(running.relay().may_turn("other").kind == Kind::kStarted);
  CHECK(running.relay().may_turn("nobody").kind == Kind::kUnknown);
  const auto status = running.relay().links()[0];
  REQUIRE(status.pause);
  CHECK(status.pause->reason == "the line is repaired");
  CHECK_FALSE(status.running);
  CHECK_FALSE(running.relay().links()[1].pause);
  // An operator's retry changes nothing either.
  running.relay().make_due({"branch.test"});
  REQUIRE(waits(running, 1, until_notice));
  CHECK(sink.connections() == 0);

  REQUIRE(*running.relay().resume_link("branch"));
  CHECK_FALSE(*running.relay().resume_link("branch"));
  settle(running);
  CHECK(running.relay().link_resumed("branch") == (on_request ? 0 : 1));
  if (on_request) {
    REQUIRE(waits(running, 1));
    CHECK(running.relay().start_link("branch").kind == Kind::kStarted);
  }
  CHECK(sink.wait_for(1));
}

TEST_CASE("a pause ends a start that is under way, and by itself when its time is over", "[relay]") {
  Script script;
  script.command = [](int, const std::string& line) -> std::string {
    return line.starts_with("RCPT") ? "450 4.2.0 not yet" : "";
  };
  Sink sink(std::move(script));
  Running running(with_link(sink.port()));
  running.enqueue(message_to({"a@branch.test"}));
  running.start();
  REQUIRE(waits(running, 1));
  REQUIRE(running.relay().start_link("branch").kind == Kind::kStarted);
  REQUIRE(running.deferred("a@branch.test"));
  REQUIRE(*running.relay().pause_link(pause_of("branch", wall_now() + std::chrono::milliseconds(300))));
  CHECK_FALSE(running.relay().links()[0].running);
  REQUIRE(before_long([&] { return running.relay().start_link("branch").kind == Kind::kStarted; }));
}

TEST_CASE("pauses outlive a restart", "[relay]") {
  spool::test::TemporaryDirectory directory;
  auto options = options_for_tests();
  options.directory = directory.path();
  Sink sink({});
  {
    Running running(with_link(sink.port()), options);
    REQUIRE(*running.relay().pause_link(pause_of("branch")));
    REQUIRE(*running.relay().pause_link(pause_of("other")));
    REQUIRE(*running.relay().resume_link("other"));
  }
  Running again(with_link(sink.port()), options);
  const auto links = again.relay().links();
  REQUIRE(links[0].pause);
  CHECK(links[0].pause->until == kUntilResumed);
  CHECK(links[0].pause->who == "unix:uid=0,pid=1");
  CHECK_FALSE(links[1].pause);
  CHECK(again.relay().suspensions().empty());
}

TEST_CASE("who asks too soon is put off, and what came during a start is not forgotten", "[relay]") {
  std::atomic<bool> take = true;
  Script script;
  script.command = [&take](int, const std::string& line) -> std::string {
    return line.starts_with("RCPT") && !take ? "450 4.2.0 not yet" : "";
  };
  Sink sink(std::move(script));
  auto table = with_link(sink.port());
  table.links[0].min_interval = std::chrono::seconds(2);
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  Running running(std::move(table), std::move(options));
  running.enqueue(message_to({"a@branch.test"}));
  running.start();
  REQUIRE(waits(running, 1));
  REQUIRE(running.relay().start_link("branch").kind == Kind::kStarted);
  REQUIRE(running.empty());
  REQUIRE(before_long([&] { return !running.relay().links()[0].running; }));
  CHECK(running.relay().start_link("branch").kind == Kind::kNothing);
  running.enqueue(message_to({"b@branch.test"}));
  REQUIRE(waits(running, 1));
  const auto refused = running.relay().start_link("branch");
  CHECK(refused.kind == Kind::kTooSoon);
  CHECK(refused.wait > std::chrono::milliseconds(0));
  CHECK(refused.wait <= std::chrono::seconds(2));
  CHECK(running.relay().may_turn("branch").kind == Kind::kTooSoon);
  // An operator need not wait; and who asks again while that start runs is served when the time is over.
  take = false;
  CHECK(running.relay().start_link("branch", true).kind == Kind::kStarted);
  REQUIRE(running.deferred("b@branch.test"));
  take = true;
  CHECK(running.relay().start_link("branch").kind == Kind::kAlreadyRunning);
  CHECK(running.empty());
  CHECK(sink.mails().size() == 2);
}
