// What a probe sees of a server, and that it leaves no trace in the relay.
#include "common/relay/probe.h"

#include <future>

#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using Depth = Probe::Depth;
using Phase = ProbeStep::Phase;

namespace {

/// Waits for the end of a probe.
std::vector<ProbeStep> run(Running& running, Probe probe) {
  REQUIRE(before_long([&] { return running.relay().waiting_for({}).has_value(); }));  // it runs
  struct Gathering {
    std::vector<ProbeStep> steps;
    std::promise<std::vector<ProbeStep>> done;
    ~Gathering() { done.set_value(std::move(steps)); }
  };
  auto gathering = std::make_unique<Gathering>();
  auto done = gathering->done.get_future();
  running.relay().probe(std::move(probe), [gathering = std::move(gathering)](ProbeStep step) {
    gathering->steps.push_back(std::move(step));
  });
  return done.get();
}

/// "connect", "reply EHLO 250", ...
std::vector<std::string> names(const std::vector<ProbeStep>& steps) {
  static constexpr const char* kNames[] = {"route", "connect", "reply", "tls", "end"};
  std::vector<std::string> out;
  for (const auto& step : steps) {
    std::string name = kNames[static_cast<int>(step.phase)];
    if (step.reply) name += " " + step.command + " " + std::to_string(step.reply->code);
    if (!step.failure.empty()) name += " failed";
    out.push_back(std::move(name));
  }
  return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a probe goes as deep as it is told", "[relay]") {
  Script script;
  script.command = [](int, const std::string& line) -> std::string {
    return line.starts_with("RCPT TO:<no@") ? "550 5.1.1 unknown" : "";
  };
  Sink sink(std::move(script));
  Running running(all_to(to_port(sink.port())));
  running.start();
  CHECK(names(run(running, {"b.test", Depth::kConnect})) == Names{"route", "connect", "end"});
  CHECK(names(run(running, {"b.test", Depth::kEhlo})) ==
        Names{"route", "connect", "reply  220", "reply EHLO 250", "end"});
  CHECK(names(run(running, {"b.test", Depth::kTls})) ==
        Names{"route", "connect", "reply  220", "reply EHLO 250", "end"});
  CHECK(names(run(running, {"b.test", Depth::kRcpt})) == Names{"route", "connect", "reply  220", "reply EHLO 250",
                                                               "reply MAIL 250", "reply RCPT 250", "reply RSET 250",
                                                               "end"});
  CHECK(names(run(running, {"b.test", Depth::kRcpt, "no@b.test"}))[5] == "reply RCPT 550 failed");
  CHECK(sink.mails().empty());
  CHECK(sites_of(running.relay()).empty());
}

TEST_CASE("a probe of an address beyond ASCII is made as a delivery would be (RFC 6531 section 3.1)", "[relay]") {
  std::atomic<bool> utf8 = false;
  Script script;
  script.extensions = {"SMTPUTF8"};
  script.command = [&utf8](int, const std::string& line) -> std::string {
    if (line.starts_with("MAIL")) utf8 = line.ends_with(" SMTPUTF8");
    return line.starts_with("RCPT") && utf8 != line.contains('\xc3') ? "553 5.6.7 no" : "";
  };
  Sink sink(std::move(script));
  Running running(all_to(to_port(sink.port())));
  running.start();
  CHECK(names(run(running, {"b.test", Depth::kRcpt, "\xc3\xa4@b.test"}))[5] == "reply RCPT 250");
  CHECK(names(run(running, {"b.test", Depth::kRcpt, "a@b.test"}))[5] == "reply RCPT 250");
}

TEST_CASE("a probe of a site asks its hosts one after the other", "[relay]") {
  Script refusing;
  refusing.greeting = "554 5.3.2 no";
  Sink first(std::move(refusing)), second({});
  auto next_hop = to_port(first.port());
  next_hop.hosts.push_back({"127.0.0.1", second.port()});
  Running running(all_to(next_hop));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.empty());
  const auto sites = sites_of(running.relay());
  REQUIRE(sites.size() == 1);
  const auto steps = run(running, {sites[0].key, Depth::kTls});
  CHECK(names(steps) ==
        Names{"route", "connect", "reply  554 failed", "end failed", "connect", "reply  220", "reply EHLO 250", "end"});
  CHECK(steps.back().host.ends_with(std::to_string(second.port())));
  CHECK(names(run(running, {"smtp:nobody/25"})) == Names{"route failed"});
}

TEST_CASE("a probe says why there is no connection", "[relay]") {
  const auto port = Sink({}).port();
  auto table = all_to(to_port(port));
  table.transports["held.test"].kind = NextHop::Kind::kHold;
  Running running(std::move(table));
  running.start();
  const auto steps = run(running, {"b.test"});
  CHECK(names(steps) == Names{"route", "connect failed", "end failed"});
  CHECK(names(run(running, {"held.test"})) == Names{"route failed"});
}
