// Reading until something else happens.
#include "common/net/read_unless.h"

#include <catch2/catch.hpp>

#include "common/async/loop.h"
#include "common/async/task_group.h"

using namespace quartet;
using namespace quartet::net;
using namespace std::chrono_literals;

namespace {

async::Deadline soon() { return async::Deadline::after(30s); }

async::Task<void> read_and_note(Stream& stream, async::Deadline deadline, std::vector<async::Event*> enough,
                                std::vector<std::string>& results) {
  const auto bytes = co_await read_unless(stream, deadline, std::move(enough));
  results.push_back(bytes ? std::string(*bytes) : to_string(bytes.error()));
}

const std::string kTimedOut = to_string(IoError{IoCode::kTimedOut, ""});
const std::string kCancelled = to_string(IoError{IoCode::kCancelled, ""});

async::Task<void> what_ends_a_read() {
  auto [near, far] = make_pipe();
  async::Event one;
  async::Event other;
  const std::vector<async::Event*> enough = {&one, &other};
  std::vector<std::string> results;
  async::TaskGroup group;

  group.spawn(read_and_note(*near, soon(), enough, results));
  (void)co_await far->write("octets", soon());
  co_await group.join();
  CHECK(results.back() == "octets");

  group.spawn(read_and_note(*near, async::Deadline::after(5ms), enough, results));
  co_await group.join();
  CHECK(results.back() == kTimedOut);

  group.spawn(read_and_note(*near, soon(), enough, results));
  other.set();
  co_await group.join();
  CHECK(results.back() == kCancelled);

  // What has come goes before.
  (void)co_await far->write("more", soon());
  group.spawn(read_and_note(*near, soon(), enough, results));
  group.spawn(read_and_note(*near, soon(), enough, results));
  co_await group.join();
  CHECK(results[3] == "more");
  CHECK(results[4] == kCancelled);

  other.reset();
  group.spawn(read_and_note(*near, soon(), enough, results));
  co_await group.close();
  CHECK(results.back() == kCancelled);
  CHECK(results.size() == 6);
}

async::Task<void> late_octets(bool with_event) {
  auto [near, far] = make_pipe();
  (void)co_await far->write("late", soon());
  async::Event event;
  std::vector<async::Event*> enough;
  if (with_event) enough.push_back(&event);
  const auto late = co_await read_unless(*near, async::Deadline::after(-1ms), enough);
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == IoCode::kTimedOut);
  const auto again = co_await read_unless(*near, soon(), enough);
  CHECK(again.value() == "late");
}

}  // namespace

TEST_CASE("octets, the deadline, an event or a stop end a read, and the stream stays usable", "[net]") {
  async::Loop().block_on(what_ends_a_read());
}

TEST_CASE("after the deadline nothing is read, even if it is there", "[net]") {
  async::Loop().block_on(late_octets(GENERATE(false, true)));
}
