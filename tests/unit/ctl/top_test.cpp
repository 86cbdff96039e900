// The screen of `quartetctl top`.
#include <catch2/catch.hpp>

#include "ctl/top_frame.h"

using namespace quartet::ctl;

namespace {

TopAgent example() {
  TopAgent agent;
  agent.name = "relay-1";
  agent.state = "mta@mx.a.test ready";
  agent.messages = 7;
  agent.queued = 3;
  agent.active = 2;
  agent.deferred = 4;
  agent.held = 1;
  agent.rates = {1.25, 250, 0, 0.5};
  agent.sites = {{"smtp+may:mx:25:b.test", false, 40, 3, ""}, {"smtp:c.test/25", true, 0, 0, "refused\x1b[2J"}};
  agent.remember();
  return agent;
}

std::string all(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("sparklines go from zero to the largest value", "[ctl]") {
  CHECK(sparkline({}, 3, true) == "   ");
  CHECK(sparkline({0, 1, 7, 8}, 4, false) == "_.%#");
  CHECK(sparkline({0, 8}, 4, true) == "  ▁█");
  CHECK(sparkline({9, 0, 0}, 2, true) == "▁▁");  // what is out of sight does not count
  CHECK(sparkline({0.001, 1'000'000}, 2, false) == ".#");
}

TEST_CASE("the screen has every agent, its queue, rates and busiest sites", "[ctl]") {
  const std::vector<TopAgent> agents = {example()};
  const auto text = all(top_screen(agents, "2026-11-26T12:00:00Z", 100, 30, false));
  CHECK(text.starts_with("quartetctl top  2026-11-26T12:00:00Z  (q quits)\n\nrelay-1: mta@mx.a.test ready\n"));
  CHECK(text.find("7 messages; recipients: 3 queued, 2 active, 4 deferred, 1 held\n") != std::string::npos);
  CHECK(text.find("1.2/s accepted, 250/s delivered, 0.0/s deferred, 0.5/s failed\n") != std::string::npos);
  CHECK(text.find("#         10\n") != std::string::npos);
  CHECK(text.find("        40            3  open     smtp+may:mx:25:b.test\n") != std::string::npos);
  CHECK(text.find("backoff  smtp:c.test/25  refused?[2J\n") != std::string::npos);
}

TEST_CASE("the screen is never larger than the terminal", "[ctl]") {
  auto agent = example();
  for (int i = 0; i < 100; ++i) agent.sites.push_back({std::string(300, 'x'), false, 1, 1, ""});
  TopAgent silent;
  silent.name = "relay-2";
  silent.error = "no answer";
  const std::vector<TopAgent> agents = {agent, silent, agent};
  for (const std::size_t width : {1u, 12u, 24u, 80u}) {
    for (const std::size_t height : {1u, 10u, 24u, 50u}) {
      const auto lines = top_screen(agents, "now", width, height, false);
      CHECK(lines.size() <= height);
      for (const auto& line : lines) CHECK(line.size() <= width);
    }
  }
  const auto text = all(top_screen(agents, "now", 80, 60, true));
  CHECK(text.find("relay-2: no answer\n") != std::string::npos);
  CHECK(text.find("  more\n") != std::string::npos);
}

TEST_CASE("lines for when there is no screen", "[ctl]") {
  const auto agent = example();
  CHECK(
      top_line(agent, "now") ==
      "now  relay-1  accepted 1.2/s  delivered 250/s  deferred 0.0/s  failed 0.5/s  queue 10  sites 2 (1 in backoff)");
  CHECK(top_json(agent, "now") ==
        "{\"time\":\"now\",\"agent\":\"relay-1\",\"state\":\"mta@mx.a.test "
        "ready\",\"accepted\":1.250,\"delivered\":250.000,"
        "\"deferred\":0.000,\"failed\":0.500,\"lost\":0,\"queue\":{\"messages\":7,\"queued\":3,\"active\":2,"
        "\"deferred\":4,"
        "\"held\":1},\"sites\":2}");
  TopAgent silent;
  silent.name = "relay-2";
  silent.error = "no answer";
  CHECK(top_line(silent, "now") == "now  relay-2  no answer");
  CHECK(top_json(silent, "now") == "{\"time\":\"now\",\"agent\":\"relay-2\",\"error\":\"no answer\"}");
}

TEST_CASE("what was before is kept for a while", "[ctl]") {
  TopAgent agent;
  for (std::size_t i = 0; i < TopAgent::kHistory + 5; ++i) {
    agent.queued = i;
    agent.remember();
  }
  CHECK(agent.depth_before.size() == TopAgent::kHistory);
  CHECK(agent.depth_before.back() == TopAgent::kHistory + 4);
}
