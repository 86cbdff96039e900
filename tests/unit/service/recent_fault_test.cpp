#include "common/service/recent_fault.h"

#include <catch2/catch.hpp>

using namespace quartet::service;

TEST_CASE("a fault counts until it works again", "[fault]") {
  RecentFault fault;
  CHECK(fault.text().empty());
  fault.note("disk full");
  CHECK(fault.text() == "disk full");
  fault.clear();
  CHECK(fault.text().empty());
}

TEST_CASE("a fault counts for a while only", "[fault]") {
  RecentFault fault(std::chrono::milliseconds(0));
  fault.note("disk full");
  CHECK(fault.text().empty());
}
