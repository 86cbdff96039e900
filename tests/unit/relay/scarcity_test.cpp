// This host has no descriptor left: that is no fault of those whom mail goes to.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>

#include "common/log/tap.h"
#include "helpers.h"
#include "tests/unit/dns/packet.h"
#include "tests/unit/dns/scripted_server.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using dns::Type;
using dns::testing::Packet;

namespace {

/// Leaves the process none. What is closed meanwhile is free again until take_more().
class AllDescriptors {
 public:
  AllDescriptors() {
    constexpr rlim_t kFew = 512;
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit few{std::min(kFew, before_.rlim_cur), before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    take_more();
  }
  ~AllDescriptors() {
    for (const int one : held_) ::close(one);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  AllDescriptors(const AllDescriptors&) = delete;
  AllDescriptors& operator=(const AllDescriptors&) = delete;

  void take_more() {
    for (int one = 0; (one = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0;) held_.push_back(one);
  }

 private:
  rlimit before_{};
  std::vector<int> held_;
};

/// Whether the log has told of an event.
class Told final : public log::Tap {
 public:
  explicit Told(std::string event) : event_(std::move(event)) {}
  void take(log::Level, std::string_view event, std::string_view) override {
    if (event == event_) told_ = true;
  }
  bool told() const { return told_; }

 private:
  const std::string event_;
  std::atomic<bool> told_ = false;
};

/// All names are hosts at 127.0.0.1 and have no other records.
std::vector<std::string> zone(const dns::testing::Query& query) {
  const auto& [name, type] = query.question;
  Packet packet(query.id, 0x8180, name, type);
  if (type == Type::kA) packet.answer(name, type, 60, std::string("\x7f\0\0\x01", 4));
  return {packet.bytes()};
}

}  // namespace

TEST_CASE("without a descriptor mail waits, and neither a site nor a name server is to blame", "[relay]") {
  const bool by_mx = GENERATE(false, true);
  const dns::testing::ScriptedServer server(zone);
  Sink sink({});
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};  // an attempt that counted would not come again
  options.idle_timeout = std::chrono::seconds(0);
  options.resolver.servers = {server.address()};
  options.lookup.families = dns::Families::kIpv4Only;
  RoutingTable table;
  table.mx.tls = TlsPolicy::kNone;
  table.mx.mx_port = sink.port();
  if (!by_mx) table.smart_host = to_port(sink.port());
  Running running(std::move(table), std::move(options));
  running.start();
  // What the spool opens at its first message is open from then on.
  running.enqueue(message_to({"a@first.test"}));
  REQUIRE(running.empty());
  REQUIRE(before_long([&] { return sites_of(running.relay()).at(0).connections == 0; }));

  const auto scarce = std::make_shared<Told>("relay.scarce");
  const auto attached = log::attach(scarce, log::Level::kWarn);
  // A sanitizer looks at the first object of a class through a pipe, and takes the lack of one for a fault.
  log::warn("test.warm");
  // Nor is anything checked while there is none, for the same reason.
  bool told = false;
  std::vector<spool::Entry> waiting;
  std::vector<Relay::SiteStatus> sites;
  {
    AllDescriptors none;
    running.spool().submit(message_to({"b@second.test"}), [](const auto&) {});
    told = before_long([&] {
      none.take_more();
      return scarce->told();
    });
    waiting = running.entries();
    sites = sites_of(running.relay());
  }
  CHECK(told);
  REQUIRE(waiting.size() == 1);
  CHECK(waiting[0].attempts == 0);
  CHECK(std::ranges::none_of(sites, &Relay::SiteStatus::dead));
  CHECK(running.empty());
  CHECK(sink.mails().size() == 2);
}
