// New settings for a relay that works.
#include <mutex>

#include "common/relay/names.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;

namespace {

std::shared_ptr<const Router> to_sink(const Sink& sink) {
  return std::make_shared<const Router>(all_to(to_port(sink.port())));
}

}  // namespace

TEST_CASE("new options are those of new sessions; a kept connection goes on as it is", "[relay]") {
  std::mutex mutex;
  std::vector<std::string> hellos;
  Script script;
  script.command = [&](int, const std::string& line) -> std::string {
    const std::lock_guard lock(mutex);
    if (line.starts_with("EHLO")) hellos.push_back(line);
    return "";
  };
  Sink sink(script);
  Sink other(script);
  Running running(all_to(to_port(sink.port())));
  running.start();
  running.enqueue(message_to({"a@b.test"}));
  REQUIRE(running.empty());
  auto options = options_for_tests();
  options.hostname = "renamed.test";
  running.relay().reload(options, to_sink(sink));
  running.enqueue(message_to({"a@b.test"}));
  REQUIRE(running.empty());
  CHECK(sink.connections() == 1);
  running.relay().reload(options, to_sink(other));
  running.enqueue(message_to({"a@b.test"}));
  REQUIRE(running.empty());
  const std::lock_guard lock(mutex);
  CHECK(hellos == std::vector<std::string>{"EHLO relay.test", "EHLO renamed.test"});
}

TEST_CASE("what waits for a connection goes the new way", "[relay]") {
  Sink first({});
  Sink second({});
  auto slow = usual_policy(options_for_tests());
  slow.match = "b.test";
  slow.message_rate = Rate{1, std::chrono::hours(1)};
  auto table = all_to(to_port(first.port()));
  table.site_policies["b.test"] = std::make_shared<const SitePolicy>(slow);
  Running running(std::move(table));
  for (int i = 0; i < 6; ++i) running.enqueue(message_to({"u" + std::to_string(i) + "@b.test"}));
  running.start();
  REQUIRE(first.wait_for(1));
  running.relay().reload(options_for_tests(), to_sink(second));
  CHECK(running.empty());
  CHECK(second.mails().size() == 5);
}

TEST_CASE("a new schedule of retries holds from the next failure on", "[relay]") {
  Script script;
  script.command = [](int, const std::string& line) -> std::string {
    return line.starts_with("RCPT") ? "451 4.3.0 later" : "";
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(7)};
  Running running(all_to(to_port(sink.port())), options);
  running.start();
  running.enqueue(message_to({"before@b.test"}));
  REQUIRE(running.deferred("before@b.test"));
  options.retry.delays = {std::chrono::hours(1)};
  running.relay().reload(options, to_sink(sink));
  running.enqueue(message_to({"after@b.test"}));
  REQUIRE(running.deferred("after@b.test"));
  CHECK(running.entry("before@b.test").next_attempt > wall_now() + std::chrono::hours(6));
  CHECK(running.entry("after@b.test").next_attempt < wall_now() + std::chrono::hours(2));
}

TEST_CASE("names are looked up by the new servers, and what was known of them is kept while they stay", "[relay]") {
  auto options = options_for_tests();
  Names names;
  async::Loop loop;
  names.set_options(options);
  const auto resolver = names.resolver();
  CHECK(names.sts() == nullptr);
  options.hostname = "renamed.test";
  names.set_options(options);
  CHECK(names.resolver() == resolver);
  options.resolver.trust_servers = true;
  options.sts.emplace();
  names.set_options(options);
  CHECK(names.resolver() != resolver);
  const auto sts = names.sts();
  REQUIRE(sts != nullptr);
  names.set_options(options);
  CHECK(names.sts() == sts);
  options.sts.reset();
  names.set_options(options);
  CHECK(names.sts() == nullptr);
}
