// Asking for our own mail: what answers mean, when it is asked again, what is taken over a turned connection.
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "common/async/loop_threads.h"
#include "common/service/call_on.h"
#include "mta/turned_session.h"
#include "mta/upstreams.h"
#include "tests/unit/mta/helpers.h"

using namespace quartet;
using namespace quartet::mta;
using Kind = Asked::Kind;
using State = relay::UpstreamStatus::State;
using std::chrono::milliseconds;

namespace {

bool before_long(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Upstreams whose answers are the test's.
struct Running {
  explicit Running(std::vector<Upstream> list, bool held = false)
      : hold(held),
        upstreams(loops[0], std::move(list),
                  [this](const Upstream&, Upstreams::Progress& progress) { return ask(progress); },
                  {.first_pause = milliseconds(20),
                   .longest_pause = milliseconds(60),
                   .good_connection = milliseconds(60'000),
                   .after_outbound = milliseconds(200),
                   .jitter = 0}) {
    upstreams.start();
  }
  ~Running() { upstreams.stop(std::chrono::seconds(5)); }
  async::Task<Asked> ask(Upstreams::Progress& progress) {
    ++asked;
    progress.receiving = true;
    while (hold) co_await async::sleep_for(milliseconds(1));
    co_return Asked{kind, "ATRN", 250, "said"};
  }
  relay::UpstreamStatus status() { return upstreams.upstreams().at(0); }
  /// A connection for mail to this host was opened.
  void connected(const std::string& host) {
    service::call_on(loops[0], [this, &host] { upstreams.connected(host); });
  }

  std::atomic<int> asked = 0;
  std::atomic<bool> hold;
  std::atomic<Kind> kind = Kind::kNothing;
  async::LoopThreads loops{1};
  Upstreams upstreams;
};

Upstream named(const std::string& name, bool at_start) {
  Upstream upstream;
  upstream.name = name;
  upstream.domains = {"a.test"};
  upstream.at_start = at_start;
  upstream.hop.hosts = {{name + ".test", 366}};
  return upstream;
}

}  // namespace

TEST_CASE("what the answers to ATRN and ETRN mean", "[upstream]") {
  CHECK(meaning_of_atrn(250) == Kind::kDone);
  CHECK(meaning_of_atrn(453) == Kind::kNothing);
  for (const int later : {421, 450, 451}) CHECK(meaning_of_atrn(later) == Kind::kFailed);
  for (const int never : {500, 501, 502, 530}) CHECK(meaning_of_atrn(never) == Kind::kStopped);
  for (const int going : {250, 252, 253}) CHECK(meaning_of_etrn(going) == Kind::kDone);
  CHECK(meaning_of_etrn(251) == Kind::kNothing);
  for (const int later : {421, 458, 459}) CHECK(meaning_of_etrn(later) == Kind::kFailed);
  for (const int never : {500, 501, 502}) CHECK(meaning_of_etrn(never) == Kind::kStopped);
}

TEST_CASE("an upstream is asked at the start, and when it is triggered", "[upstream]") {
  Running running({named("isp", true)});
  REQUIRE(before_long([&] { return running.status().runs == 1; }));
  CHECK(running.status().state == State::kIdle);
  CHECK(running.status().method == "ATRN");
  CHECK_FALSE(running.status().next.has_value());
  CHECK_FALSE(running.upstreams.trigger("nobody").has_value());
  running.hold = true;
  CHECK(running.upstreams.trigger("isp") == 2U);
  REQUIRE(before_long([&] { return running.status().state == State::kReceiving; }));
  CHECK(running.upstreams.trigger("isp") == 2U);  // joins
  running.hold = false;
  REQUIRE(before_long([&] { return running.status().runs == 2; }));
  CHECK(running.asked == 2);
}

TEST_CASE("an upstream is asked when mail goes out to its host, and not too often", "[upstream]") {
  auto isp = named("isp", false);
  isp.on_outbound = true;
  auto twin = isp;
  twin.name = "twin";
  twin.on_outbound = false;
  Running running({isp, named("other", false), twin});
  running.connected("elsewhere.test");
  running.connected("other.test");
  running.connected("ISP.test");
  REQUIRE(before_long([&] { return running.status().runs == 1; }));
  const auto ended = std::chrono::steady_clock::now();
  running.connected("isp.test");
  CHECK(running.asked == 1);
  REQUIRE(before_long([&] {
    running.connected("isp.test");
    return running.status().runs == 2;
  }));
  CHECK(std::chrono::steady_clock::now() - ended >= milliseconds(190));
  // Not one that refused for good.
  running.kind = Kind::kStopped;
  running.upstreams.trigger("isp");
  REQUIRE(before_long([&] { return running.status().state == State::kStopped; }));
  running.kind = Kind::kNothing;
  twin.on_outbound = true;
  twin.source = "as configured then";
  running.upstreams.set({isp, twin});
  running.upstreams.trigger("twin");
  REQUIRE(before_long([&] {  // its last request ended after that of the first
    running.connected("isp.test");
    return running.upstreams.upstreams().at(1).runs == 2;
  }));
  CHECK(running.status().state == State::kStopped);
  CHECK(running.status().runs == 3);
}

TEST_CASE("other upstreams take the place of those that were", "[upstream]") {
  auto isp = named("isp", true);
  isp.source = "as first configured";
  Running running({isp, named("other", false)}, true);
  REQUIRE(before_long([&] { return running.status().state == State::kReceiving; }));
  // The same: nothing happens to it.
  running.upstreams.set({isp});
  CHECK(running.upstreams.upstreams().size() == 1);
  CHECK(running.status().state == State::kReceiving);
  // Another one of the same name waits for its end.
  isp.source = "as configured then";
  running.upstreams.set({isp, named("third", true)});
  REQUIRE(before_long([&] { return running.asked == 2; }));  // the third
  CHECK(running.status().state == State::kIdle);
  running.hold = false;
  REQUIRE(before_long([&] { return running.status().runs == 1 && running.asked == 3; }));
  // None: a request that runs ends by itself.
  running.hold = true;
  running.upstreams.trigger("isp");
  REQUIRE(before_long([&] { return running.asked == 4; }));
  running.upstreams.set({});
  CHECK(running.upstreams.upstreams().empty());
  CHECK_FALSE(running.upstreams.trigger("isp"));
  running.hold = false;
}

TEST_CASE("the clock asks give or take a tenth, and after the start only if that is wanted", "[upstream]") {
  auto isp = named("isp", false);
  isp.every = std::chrono::seconds(100);
  async::LoopThreads loops{1};
  std::atomic<int> asked = 0;
  const auto ask = [&asked](const Upstream&, Upstreams::Progress&) -> async::Task<Asked> {
    ++asked;
    co_return Asked{Kind::kNothing, "ETRN", 251, ""};
  };
  Upstreams upstreams(loops[0], {isp}, ask, Upstreams::Pace());
  upstreams.start();
  std::set<std::int64_t> pauses;
  for (std::uint64_t run = 1; run <= 40; ++run) {
    CHECK(upstreams.trigger("isp") == run);
    REQUIRE(before_long([&] { return upstreams.upstreams().at(0).runs == run; }));
    const auto pause = *upstreams.upstreams().at(0).next - wall_now();
    CHECK(pause > std::chrono::seconds(85));
    CHECK(pause <= std::chrono::seconds(110));
    pauses.insert(std::chrono::round<std::chrono::seconds>(pause).count());
  }
  CHECK(pauses.size() >= 5);  // all over the place
  CHECK(asked == 40);
  upstreams.stop(std::chrono::seconds(5));
}

TEST_CASE("failures are tried again after a growing pause, refusals are not", "[upstream]") {
  Running running({named("isp", false)});
  CHECK(running.asked == 0);
  running.kind = Kind::kFailed;
  running.upstreams.trigger("isp");
  REQUIRE(before_long([&] { return running.status().failures >= 3; }));
  running.kind = Kind::kStopped;
  REQUIRE(before_long([&] { return running.status().state == State::kStopped; }));
  CHECK_FALSE(running.status().next.has_value());
  const int before = running.asked;
  running.kind = Kind::kDone;
  running.upstreams.trigger("isp");
  REQUIRE(before_long([&] { return running.status().state == State::kIdle; }));
  CHECK(running.asked == before + 1);
  CHECK(running.status().failures == 0);
}

TEST_CASE("a turned connection takes our own domains and nothing else, whoever is trusted", "[upstream]") {
  const Site site;
  const auto settings = load_settings(site.config("trusted: \"127.0.0.0/8\" relay_domain: \"b.test\""));
  REQUIRE(settings.has_value());
  const auto code = [&](const std::string& to) {
    return check_turned_recipient(**settings, {"a.test", "b.test"}, to).code;
  };
  CHECK(code("ann@A.test") == 250);
  CHECK(code("x@b.test") == 250);
  CHECK(code("postmaster") == 250);
  CHECK(code("nobody@a.test") == 550);
  CHECK(code("x@else.test") == 550);
  CHECK(code("x@sub.a.test") == 550);
  auto offered = turned_options((*settings)->server);
  CHECK(offered.tls == nullptr);
  CHECK(offered.features.mechanisms.empty());
  CHECK_FALSE(offered.features.etrn);
}

TEST_CASE("what a configuration may say of upstreams", "[upstream]") {
  const Site site;
  const auto faults = [&site](const std::string& more) {
    const auto settings = load_settings(site.config("upstream { name: \"isp\" " + more + " }"));
    std::string out;
    if (!settings) {
      for (const auto& error : settings.error()) out += error.text.substr(error.text.find(": ") + 2) + "\n";
    }
    return out;
  };
  CHECK(faults("host: \"isp.test\" domain: \"a.test\" login: \"x\" password: \"y\"").empty());
  CHECK(faults("host: \"isp.test\" domain: \"a.test\" method: ETRN").empty());
  CHECK(faults("host: \"isp.test\" domain: \"a.test\"") == "is required for ATRN\n");
  CHECK(faults("host: \"isp.test\" domain: \"else.test\" method: ETRN").starts_with("is neither of the directory"));
  CHECK(
      faults("host: \"isp.test\" domain: \"a\" method: ETRN").starts_with("expected a domain of at least two labels"));
  CHECK(faults("host: \"isp.test\" domain: \"a.test\" method: ETRN etrn_node: \"#a.test\" etrn_node: \"@a.test\"")
            .empty());
  for (const std::string node : {"", "#", "@", "a b"})
    CHECK(faults("host: \"isp.test\" domain: \"a.test\" method: ETRN etrn_node: \"" + node + "\"")
              .starts_with("expected \"domain\", "));
  CHECK(faults("host: \"isp.test\" domain: \"a.test\" login: \"x\" method: ATRN etrn_node: \"a\"") ==
        "is for ETRN, which the method excludes\n");
  CHECK(faults("host: \"isp.test\" method: ETRN") == "at least one is required\n");
  CHECK(faults("host: \"isp.test\" domain: \"a.test\" login: \"x\" tls: MAY").starts_with("a login needs ENCRYPT"));
  const auto settings =
      load_settings(site.config("upstream { name: \"isp\" host: \"isp.test\" domain: \"A.test\" login: \"x\" "
                                "every_seconds: 60 not_at_start: true }"));
  REQUIRE(settings.has_value());
  const auto& upstream = (*settings)->upstreams.at(0);
  CHECK(upstream.hop.hosts.at(0).port == 366);
  CHECK(upstream.hop.tls == relay::TlsPolicy::kVerify);
  CHECK(upstream.domains == std::vector<std::string>{"a.test"});
  CHECK(upstream.every == std::chrono::seconds(60));
  CHECK_FALSE(upstream.at_start);
  CHECK(upstream.etrn_nodes == upstream.domains);
}
