#include "common/store/patience.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

using quartet::store::Patience;

namespace {

struct Pair {
  Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0); }
  ~Pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  bool is_cut() const {
    pollfd fd{ends[0], POLLIN, 0};
    return ::poll(&fd, 1, 0) == 1;
  }
  std::array<int, 2> ends{};
};

}  // namespace

TEST_CASE("the end of patience cuts the connections that are waited for, and those of later", "[store]") {
  Patience patience;
  const Pair waiting, left, later;
  const int place = patience.enter(waiting.ends[0]);
  patience.leave(patience.enter(left.ends[0]));
  CHECK_FALSE(waiting.is_cut());
  CHECK_FALSE(patience.is_over());
  CHECK(patience.end() == 1);
  CHECK(patience.is_over());
  CHECK(waiting.is_cut());
  CHECK_FALSE(left.is_cut());
  const int other = patience.enter(later.ends[0]);
  CHECK(later.is_cut());
  patience.leave(place);
  patience.leave(other);
  CHECK(patience.end() == 0);
}

TEST_CASE("a socket without a connection is nobody's wait", "[store]") {
  Patience patience;
  CHECK(patience.enter(-1) == -1);
  patience.leave(-1);
  CHECK(patience.end() == 0);
}
