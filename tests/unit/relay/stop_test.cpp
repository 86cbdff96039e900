// Stopping, restarting, and mail that has to wait: nothing is lost, doubled or tried in a hurry.
#include <future>

#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using std::chrono::seconds;

TEST_CASE("a relay that was stopped before it ran does nothing", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_to({"a@b.test"}));
  running.relay().stop();
  running.relay().stop();
  running.start();
  running.stop();
  CHECK(sink.connections() == 0);
  CHECK(running.spool().counts().messages == 1);
  running.relay().stop();  // nor does it mind afterwards
  running.relay().revive_sites();
  CHECK(sites_of(running.relay()).empty());
}

TEST_CASE("a transaction under way ends within the grace", "[relay]") {
  std::promise<void> arrived, go_on;
  auto may_go_on = go_on.get_future().share();
  Script script;
  script.message = [&arrived, may_go_on](const Mail&) {
    arrived.set_value();
    may_go_on.wait();
    return std::vector<std::string>{"250 2.0.0 ok"};
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.site.concurrency.initial = options.site.concurrency.maximum = 1;
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.enqueue(message_to({"c@d.test"}));
  running.start();
  arrived.get_future().wait();
  running.relay().stop(seconds(60));
  (void)sites_of(running.relay());  // asked behind the stop, answered when the relay knows of it
  go_on.set_value();
  running.stop(seconds(60));
  CHECK(sink.mails().size() == 1);
  const auto entries = running.entries();
  REQUIRE(entries.size() == 1);  // the other one is back in the queue as it was
  CHECK(entries[0].state == spool::State::kQueued);
  CHECK(entries[0].attempts == 0);
}

TEST_CASE("a server that does not answer is cut off after the grace", "[relay]") {
  std::promise<void> arrived, go_on;
  auto may_go_on = go_on.get_future().share();
  Script script;
  script.message = [&arrived, may_go_on](const Mail&) {
    arrived.set_value();
    may_go_on.wait();
    return std::vector<std::string>();
  };
  Sink sink(std::move(script));
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  arrived.get_future().wait();
  running.stop(seconds(0));
  go_on.set_value();
  const auto entries = running.entries();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].state == spool::State::kDeferred);
  CHECK(entries[0].attempts == 1);
}

TEST_CASE("a host that does not answer yet has no grace", "[relay]") {
  std::promise<void> arrived, go_on;
  auto may_go_on = go_on.get_future().share();
  Script script;
  script.command = [&arrived, may_go_on](int, const std::string& line) {
    if (line.starts_with("EHLO")) {
      arrived.set_value();
      may_go_on.wait();
    }
    return std::string();
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.site.concurrency.initial = options.site.concurrency.maximum = 1;
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  arrived.get_future().wait();
  const auto begun = std::chrono::steady_clock::now();
  running.stop(seconds(60));
  CHECK(std::chrono::steady_clock::now() - begun < seconds(30));
  go_on.set_value();
  const auto entries = running.entries();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].state == spool::State::kQueued);
  CHECK(entries[0].attempts == 0);
}

TEST_CASE("new tables hold for what comes after them", "[relay]") {
  Sink first({}), second({});
  Running running(all_to(to_port(first.port())));
  running.start();
  running.enqueue(message_to({"a@b.test"}));
  REQUIRE(first.wait_for(1));
  REQUIRE(running.empty());
  running.relay().set_router(std::make_shared<const Router>(all_to(to_port(second.port()))));
  running.enqueue(message_to({"a@b.test"}));
  REQUIRE(second.wait_for(1));
  CHECK(first.mails().size() == 1);
}

TEST_CASE("a long queue for a dead site costs nothing and holds nobody up", "[relay]") {
  Script full;
  full.greeting = "421 4.3.2 too busy";
  Sink dead(std::move(full));
  Sink alive({});
  RoutingTable table;
  table.transports["dead.test"] = to_port(dead.port());
  table.smart_host = to_port(alive.port());
  auto options = options_for_tests();
  options.site.ready_recipients = 50;
  options.site.concurrency.first_pause = options.site.concurrency.longest_pause = std::chrono::hours(1);
  options.retry.delays = {std::chrono::hours(1)};
  Running running(std::move(table), std::move(options));
  constexpr int kMany = 3'000;
  std::atomic<int> accepted = 0;
  for (int i = 0; i < kMany; ++i)
    running.spool().submit(message_to({"r" + std::to_string(i) + "@dead.test"}), [&accepted](auto) { ++accepted; });
  REQUIRE(before_long([&] { return accepted == kMany; }));
  running.start();
  running.enqueue(message_to({"a@b.test"}));
  CHECK(alive.wait_for(1));
  // All come to rest: deferred, or put back until the probe.
  REQUIRE(before_long([&] {
    const auto due = running.spool().next_due();
    return running.spool().counts().recipients[static_cast<std::size_t>(spool::State::kActive)] == 0 && due &&
           *due > wall_now() + std::chrono::minutes(30);
  }));
  CHECK(running.spool().counts().total_recipients() == kMany);
  CHECK(dead.connections() <= 10);
}

TEST_CASE("more than a site's ready queue holds is delivered in turn", "[relay]") {
  Sink sink({});
  auto options = options_for_tests();
  options.site.ready_recipients = 10;
  Running running(all_to(to_port(sink.port())), std::move(options));
  std::atomic<int> accepted = 0;
  for (int i = 0; i < 300; ++i) running.spool().submit(message_to({"a@b.test"}), [&accepted](auto) { ++accepted; });
  REQUIRE(before_long([&] { return accepted == 300; }));
  running.start();
  REQUIRE(sink.wait_for(300));
  REQUIRE(running.empty());
  CHECK(sink.mails().size() == 300);
}
