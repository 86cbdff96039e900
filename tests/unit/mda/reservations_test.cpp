// Room that is promised to messages on their way.
#include "mda/reservations.h"

#include <catch2/catch.hpp>

using namespace quartet::mda;

TEST_CASE("each sees what others had reserved before, and gives back what it took", "[mda]") {
  Reservations reservations;
  auto first = reservations.hold("ann@a.test", 100);
  auto second = reservations.hold("ann@a.test", 50);
  const auto other = reservations.hold("bob@a.test", 7);
  CHECK(first->before().messages == 0);
  CHECK(second->before().bytes == 100);
  CHECK(second->before().messages == 1);
  CHECK(other->before().messages == 0);
  first.reset();
  CHECK(reservations.held("ann@a.test").bytes == 50);
  CHECK(reservations.held("ann@a.test").messages == 1);
  // Without an announced size a message is still one.
  const auto third = reservations.hold("ann@a.test", 0);
  CHECK(third->before().bytes == 50);
  CHECK(reservations.held("ann@a.test").messages == 2);
  second.reset();
  CHECK(reservations.held("ann@a.test").bytes == 0);
  CHECK(reservations.held("nobody@a.test").messages == 0);
}
