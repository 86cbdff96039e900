// What a site's policy does to mail on its way.
#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using std::chrono::steady_clock;

namespace {

/// All mail to one server, with a policy for `match`.
RoutingTable with_policy(std::uint16_t port, const std::string& match, SitePolicy policy) {
  auto table = all_to(to_port(port));
  policy.match = match;
  table.site_policies[match] = std::make_shared<const SitePolicy>(std::move(policy));
  return table;
}

SitePolicy usual() { return usual_policy(options_for_tests()); }

}  // namespace

TEST_CASE("a policy of a host holds for all mail that goes there", "[relay]") {
  Sink sink({});
  auto policy = usual();
  policy.limits.recipients_per_transaction = 2;
  policy.messages_per_connection = 1;
  Running running(with_policy(sink.port(), "127.0.0.1", std::move(policy)));
  running.enqueue(message_to({"a@b.test", "b@b.test", "c@c.test", "d@d.test", "e@d.test"}));
  running.start();
  REQUIRE(running.empty());
  CHECK(sink.mails().size() == 3);
  CHECK(sink.connections() >= 3);
  for (const auto& mail : sink.mails()) CHECK(mail.recipients.size() <= 2);
}

TEST_CASE("a policy of a domain comes before one of its host, and its limits are its own", "[relay]") {
  Sink sink({});
  auto table = with_policy(sink.port(), "127.0.0.1", usual());
  auto one = usual();
  one.match = "slow.test";
  one.message_rate = Rate{1, std::chrono::hours(1)};
  table.site_policies["slow.test"] = std::make_shared<const SitePolicy>(one);
  Running running(std::move(table));
  for (int i = 0; i < 5; ++i) running.enqueue(message_to({"u" + std::to_string(i) + "@slow.test"}));
  for (int i = 0; i < 20; ++i) running.enqueue(message_to({"u" + std::to_string(i) + "@b.test"}));
  running.start();
  REQUIRE(sink.wait_for(21));
  CHECK(before_long([&] { return running.spool().counts().messages == 4; }));
  const auto sites = sites_of(running.relay());
  REQUIRE(sites.size() == 2);
  const auto& slow = sites[0].policy == "slow.test" ? sites[0] : sites[1];
  const auto& other = sites[0].policy == "slow.test" ? sites[1] : sites[0];
  CHECK(slow.message_rate == Rate{1, std::chrono::hours(1)});
  CHECK(slow.waits_for == Site::Wait::kMessageRate);
  CHECK(slow.wait > std::chrono::minutes(50));
  CHECK(other.policy == "127.0.0.1");
  CHECK(other.waits_for == Site::Wait::kNothing);
}

TEST_CASE("mail of a rated site keeps its pace", "[relay]") {
  Sink sink({});
  auto policy = usual();
  policy.message_rate = Rate{300, std::chrono::minutes(1)};  // five a second, and five at once
  Running running(with_policy(sink.port(), "b.test", std::move(policy)));
  for (int i = 0; i < 15; ++i) running.enqueue(message_to({"u" + std::to_string(i) + "@b.test"}));
  const auto start = steady_clock::now();
  running.start();
  REQUIRE(running.empty());
  CHECK(steady_clock::now() - start >= std::chrono::milliseconds(10 * 200 - 50));
  CHECK(sink.mails().size() == 15);
}

TEST_CASE("connections are opened at their rate, and one that is open goes on", "[relay]") {
  Sink sink({});
  auto policy = usual();
  policy.connection_rate = Rate{1, std::chrono::hours(1)};
  Running running(with_policy(sink.port(), "b.test", std::move(policy)));
  for (int i = 0; i < 30; ++i) running.enqueue(message_to({"u" + std::to_string(i) + "@b.test"}));
  running.start();
  REQUIRE(running.empty());
  CHECK(sink.connections() == 1);
}

TEST_CASE("a site has its own retry schedule", "[relay]") {
  Script script;
  script.command = [](int, const std::string& line) -> std::string {
    return line.starts_with("RCPT") ? "450 4.7.1 come back" : "";
  };
  Sink sink(std::move(script));
  auto policy = usual();
  policy.retry.delays = {std::chrono::hours(2)};
  policy.retry.jitter = 0;
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(7)};
  Running running(with_policy(sink.port(), "b.test", std::move(policy)), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.enqueue(message_to({"a@c.test"}));
  running.start();
  REQUIRE(running.deferred("a@b.test"));
  REQUIRE(running.deferred("a@c.test"));
  const auto now = wall_now();
  CHECK(running.entry("a@b.test").next_attempt <= now + std::chrono::hours(2));
  CHECK(running.entry("a@c.test").next_attempt > now + std::chrono::hours(6));
}

TEST_CASE("new tables bring new policies to sites that are at work", "[relay]") {
  Sink sink({});
  auto policy = usual();
  policy.message_rate = Rate{1, std::chrono::hours(1)};
  Running running(with_policy(sink.port(), "b.test", std::move(policy)));
  for (int i = 0; i < 6; ++i) running.enqueue(message_to({"u" + std::to_string(i) + "@b.test"}));
  running.start();
  REQUIRE(sink.wait_for(1));
  running.relay().set_router(std::make_shared<const Router>(with_policy(sink.port(), "b.test", usual())));
  CHECK(running.empty());
}

TEST_CASE("connections come from the source addresses, those that are not ours left out", "[relay]") {
  Sink sink({});
  auto policy = usual();
  policy.source_addresses = {*net::Address::from_ip("192.0.2.1", 0), *net::Address::from_ip("127.0.0.77", 0)};
  Running running(with_policy(sink.port(), "b.test", std::move(policy)));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  CHECK(running.empty());
}

TEST_CASE("mail waits while no source address can be used", "[relay]") {
  Sink sink({});
  for (const auto* source : {"192.0.2.1", "2001:db8::1"}) {
    auto policy = usual();
    policy.source_addresses = {*net::Address::from_ip(source, 0)};
    Running running(with_policy(sink.port(), "b.test", std::move(policy)));
    running.enqueue(message_to({"a@b.test"}));
    running.start();
    REQUIRE(running.deferred("a@b.test"));
    const auto last = running.entry("a@b.test").last;
    CHECK(last.enhanced == "4.3.5");
    CHECK(last.code == 0);
  }
  CHECK(sink.connections() == 0);
}
