// Room for bodies: in turn, and given back.
#include "common/relay/gate.h"

#include <catch2/catch.hpp>
#include <string>

#include "common/async/task_group.h"

using namespace quartet;
using namespace quartet::relay;

namespace {

async::Deadline soon() { return async::Deadline::after(std::chrono::seconds(20)); }

async::Task<void> go(Gate& gate, std::uint64_t octets, std::string name, std::string& order, async::Event& out) {
  const bool in = co_await gate.enter(octets, soon());
  if (!in) {
    order += "-" + name;
    co_return;
  }
  order += name;
  co_await out.wait(soon());
  gate.leave(octets);
}

/// Lets everything run that can.
async::Task<void> settle() {
  for (int i = 0; i < 10; ++i) co_await async::yield();
}

async::Task<void> in_turn() {
  Gate gate(100);
  std::string order;
  async::Event a, b, c, d, e;
  async::TaskGroup group;
  group.spawn(go(gate, 60, "a", order, a));
  group.spawn(go(gate, 30, "b", order, b));
  group.spawn(go(gate, 500, "c", order, c));  // larger than all there is
  group.spawn(go(gate, 5, "d", order, d));    // would fit, but others came before
  group.spawn(go(gate, 96, "e", order, e));
  co_await settle();
  CHECK(order == "ab");
  CHECK(gate.used() == 90);
  a.set();
  co_await settle();
  CHECK(order == "ab");
  b.set();
  co_await settle();
  CHECK(order == "abc");
  CHECK(gate.used() == 500);
  c.set();
  co_await settle();
  CHECK(order == "abcd");
  d.set();
  co_await settle();
  CHECK(order == "abcde");
  e.set();
  const bool ended = co_await group.join(soon());
  CHECK(ended);
  CHECK(gate.used() == 0);
}

async::Task<void> given_up() {
  Gate gate(100);
  const bool first = co_await gate.enter(80, soon());
  REQUIRE(first);
  const bool late = co_await gate.enter(50, async::Deadline::after(std::chrono::milliseconds(1)));
  CHECK_FALSE(late);
  std::string order;
  async::Event out;
  {
    async::TaskGroup group;
    group.spawn(go(gate, 50, "a", order, out));
    group.request_stop();
    const bool ended = co_await group.join(soon());
    CHECK(ended);
  }
  CHECK(order == "-a");
  // Nobody waits any more, so what fits goes in at once.
  const bool small = co_await gate.enter(20, soon());
  CHECK(small);
  gate.leave(20);
  gate.leave(80);
  CHECK(gate.used() == 0);
}

}  // namespace

TEST_CASE("bodies come in as there is room, in turn", "[relay]") { async::Loop().block_on(in_turn()); }

TEST_CASE("who gives up waiting does not hold up the others", "[relay]") { async::Loop().block_on(given_up()); }
