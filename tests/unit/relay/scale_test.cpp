// A long queue for many sites that are down costs what is due, not what is queued.
#include <fmt/format.h>

#include <future>

#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;

namespace {

constexpr int kSites = 1'000, kMessages = 10'000, kRecipients = 10;

/// Every site an address of loopback where nobody listens.
RoutingTable to_dead_sites() {
  RoutingTable table;
  for (int i = 0; i < kSites; ++i) {
    auto next_hop = to_port(1);
    next_hop.hosts = {{fmt::format("127.1.{}.{}", i / 250, i % 250 + 1), 1}};
    table.local_domains[fmt::format("d{}.test", i)] = std::move(next_hop);
  }
  return table;
}

void fill(spool::Spool& spool) {
  std::atomic<int> left = kMessages;
  std::promise<void> done;
  for (int i = 0; i < kMessages; ++i) {
    std::vector<std::string> addresses;
    for (int r = 0; r < kRecipients; ++r)
      addresses.push_back(fmt::format("u@d{}.test", (i * kRecipients + r) % kSites));
    spool.submit(message_to(std::move(addresses)), [&](auto id) {
      if (!id) done.set_exception(std::make_exception_ptr(std::runtime_error(id.error().detail)));
      if (--left == 0) done.set_value();
    });
  }
  done.get_future().get();
}

}  // namespace

TEST_CASE("a hundred thousand recipients for a thousand dead sites are put off without being turned over", "[relay]") {
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  options.site.concurrency.first_pause = std::chrono::hours(1);
  options.site.concurrency.longest_pause = std::chrono::hours(1);
  Running running(to_dead_sites(), std::move(options));
  fill(running.spool());
  REQUIRE(running.spool().counts().total_recipients() == kMessages * kRecipients);
  running.start();
  const auto later = wall_now() + std::chrono::minutes(30);
  const auto put_off = [&] {
    const auto due = running.spool().next_due();
    return due && *due > later &&
           running.spool().counts().recipients[static_cast<std::size_t>(spool::State::kActive)] == 0;
  };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(90);
  while (!put_off() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  REQUIRE(put_off());
  const auto claimed = running.spool().stats().claimed;
  INFO(claimed << " claims");
  // Each once; a few found no place at first and came again.
  CHECK(claimed >= kMessages * kRecipients);
  CHECK(claimed <= kMessages * kRecipients * 3 / 2);
  CHECK(running.spool().counts().total_recipients() == kMessages * kRecipients);
}
