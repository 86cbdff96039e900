#include "mta/etrn.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::mta;
using relay::StartAnswer;

namespace {

struct Fixture {
  Fixture() {
    relay::RoutingTable table;
    table.links = {{"field", {"field.test", ".field.test"}, {}, true},
                   {"Shy", {"shy.test"}, {}, true},
                   {"theirs", {"theirs.test"}, {}, true}};
    router = std::make_unique<relay::Router>(std::move(table));
    const std::vector<net::Network> allowed = {*net::Network::parse("192.0.2.0/24")};
    rights = {{"field", {allowed, false}}, {"Shy", {allowed, true}}, {"theirs", {{}, false}}};
  }
  int code(const std::string& argument, StartAnswer answer, const std::string& client = "192.0.2.7:1") {
    started.clear();
    const auto reply =
        answer_etrn(argument, *net::Address::parse(client), *router, rights, [this, answer](const std::string& link) {
          started = link;
          return answer;
        });
    text = reply.enhanced + " " + reply.text();
    return reply.code;
  }
  std::unique_ptr<relay::Router> router;
  LinkRights rights;
  std::string started;
  std::string text;
};

StartAnswer answer(StartAnswer::Kind kind, std::uint64_t pending = 0) { return {kind, pending, ""}; }

}  // namespace

TEST_CASE("the replies of RFC 1985 section 5.1", "[etrn]") {
  using Kind = StartAnswer::Kind;
  Fixture fixture;
  CHECK(fixture.code("field.test", answer(Kind::kStarted, 7)) == 253);
  CHECK(fixture.text == "2.0.0 7 pending messages for node field.test started");
  CHECK(fixture.code("shy.test", answer(Kind::kStarted, 7)) == 252);
  CHECK(fixture.text == "2.0.0 pending messages for node shy.test started");
  CHECK(fixture.code("field.test", answer(Kind::kAlreadyRunning, 7)) == 250);
  CHECK(fixture.text.starts_with("2.0.0 "));
  CHECK(fixture.code("field.test", answer(Kind::kNothing)) == 251);
  CHECK(fixture.text == "2.0.0 no messages waiting for node field.test");
  CHECK(fixture.code("field.test", answer(Kind::kUnable)) == 458);
  CHECK(fixture.text.starts_with("4.3.2 "));
  CHECK(fixture.code("field.test", answer(Kind::kPaused, 7)) == 458);
  CHECK(fixture.text == "4.3.2 unable to queue messages for node field.test: delivery is paused");
  CHECK(fixture.code("field.test", {Kind::kTooSoon, 7, "", std::chrono::milliseconds(1001)}) == 458);
  CHECK(fixture.text == "4.7.0 unable to queue messages for node field.test: asked too often, try again in 2 seconds");
  CHECK(fixture.code("field.test", answer(Kind::kUnknown)) == 459);
  CHECK(fixture.text.starts_with("4.7.1 "));
}

TEST_CASE("a node is a domain, a subtree or a link by name", "[etrn]") {
  Fixture fixture;
  const auto yes = answer(StartAnswer::Kind::kStarted, 1);
  CHECK(fixture.code("FIELD.test", yes) == 253);
  CHECK(fixture.started == "field");
  CHECK(fixture.code("a.b.field.test", yes) == 253);
  CHECK(fixture.code("@field.test", yes) == 253);
  CHECK(fixture.code("#FIELD", yes) == 253);
  CHECK(fixture.code("#shy", yes) == 252);
  CHECK(fixture.started == "Shy");
  CHECK(fixture.code("#field.test", yes) == 459);
  CHECK(fixture.code("field", yes) == 459);
}

TEST_CASE("who may not, learns nothing and starts nothing", "[etrn]") {
  Fixture fixture;
  const auto yes = answer(StartAnswer::Kind::kStarted, 1);
  for (const std::string node :
       {"nowhere.test", "theirs.test", "#theirs", "@test", "@com", "@shy.test", "sub.shy.test"}) {
    CHECK(fixture.code(node, yes) == 459);
    CHECK(fixture.started.empty());
    CHECK(fixture.text == "4.7.1 node " + node + " not allowed: no link of this client");
  }
  CHECK(fixture.code("field.test", yes, "198.51.100.1:1") == 459);
  CHECK(fixture.started.empty());
}
