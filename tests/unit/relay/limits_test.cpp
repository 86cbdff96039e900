// What all deliveries share: connections and memory for bodies.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;

namespace {

/// How many connections are open at a time, from EHLO to QUIT.
class Watch {
 public:
  void change(int by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
    most_ = std::max(most_, now_);
  }
  int most() const {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  mutable std::mutex mutex_;
  int now_ = 0, most_ = 0;
};

struct Sites {
  Watch watch;
  std::vector<std::unique_ptr<Sink>> sinks;
  RoutingTable table;

  explicit Sites(int count) {
    for (int i = 0; i < count; ++i) {
      Script script;
      script.command = [this](int, const std::string& line) {
        if (line.starts_with("EHLO")) watch.change(1);
        if (line.starts_with("QUIT")) watch.change(-1);
        return std::string();
      };
      sinks.push_back(std::make_unique<Sink>(std::move(script)));
      table.local_domains[fmt::format("d{}.test", i)] = to_port(sinks.back()->port());
    }
  }
};

}  // namespace

TEST_CASE("sites share the connections there are, and idle ones give way at once", "[relay]") {
  constexpr int kSites = 12, kEach = 5;
  Sites sites(kSites);
  auto options = options_for_tests();
  options.connections = 3;
  options.idle_timeout = std::chrono::minutes(10);  // not what makes room
  Running running(sites.table, std::move(options));
  for (int i = 0; i < kEach; ++i)
    for (int site = 0; site < kSites; ++site) running.enqueue(message_to({fmt::format("u{}@d{}.test", i, site)}));
  running.start();
  REQUIRE(running.empty());
  for (const auto& sink : sites.sinks) CHECK(sink->mails().size() == kEach);
  CHECK(sites.watch.most() >= 1);
  CHECK(sites.watch.most() <= 3);
  // The last ones are idle now; one more site finds its place.
  running.enqueue(message_to({"late@d0.test"}));
  running.enqueue(message_to({"late@d1.test"}));
  running.enqueue(message_to({"late@d2.test"}));
  running.enqueue(message_to({"late@d3.test"}));
  CHECK(running.empty());
  CHECK(sites.watch.most() <= 3);
}

TEST_CASE("messages larger than the memory for bodies are delivered one after the other", "[relay]") {
  Sites sites(4);
  auto options = options_for_tests();
  options.bodies_in_memory = 10'000;
  std::string large = "Subject: x\r\n\r\n";
  while (large.size() < 15'000) large += "not a short text\r\n";
  Running running(sites.table, std::move(options));
  for (int i = 0; i < 8; ++i) running.enqueue(message_to({fmt::format("u{}@d{}.test", i, i % 4)}, large));
  running.start();
  REQUIRE(running.empty());
  std::size_t mails = 0;
  for (const auto& sink : sites.sinks) mails += sink->mails().size();
  CHECK(mails == 8);
}

TEST_CASE("a letter passes another sender's mailing to the same site", "[relay]") {
  Sink sink({});
  auto options = options_for_tests();
  options.site.concurrency.initial = options.site.concurrency.maximum = 1;
  Running running(all_to(to_port(sink.port())), std::move(options));
  for (int i = 0; i < 400; ++i) running.enqueue(message_to({fmt::format("u{}@b.test", i)}));
  auto letter = message_to({"friend@b.test"});
  letter.envelope.reverse_path = "person@a.test";
  running.enqueue(std::move(letter));
  running.start();
  REQUIRE(running.empty());
  const auto mails = sink.mails();
  REQUIRE(mails.size() == 401);
  const auto found = std::ranges::find_if(mails, [](const Mail& mail) { return mail.from.contains("person@a.test"); });
  REQUIRE(found != mails.end());
  CHECK(found - mails.begin() < 40);
}
