// DEFLATE on a connection: RFC 4978.
#include "common/net/deflate_stream.h"

#include <catch2/catch.hpp>

#include "common/async/loop.h"
#include "common/async/task_group.h"

using namespace quartet;
using namespace quartet::net;

namespace {

async::Deadline soon() { return async::Deadline::after(std::chrono::seconds(30)); }

async::Task<void> send_all(Stream& stream, std::string bytes) {
  const auto sent = co_await stream.write(bytes, soon());
  CHECK(sent.has_value());
  const auto ended = co_await stream.shutdown(soon());
  CHECK(ended.has_value());
}

async::Task<void> receive(Stream& stream, std::string& received) {
  for (;;) {
    const auto bytes = co_await stream.read_some(soon());
    if (!bytes) {
      CHECK(bytes.error().code == IoCode::kEndOfStream);
      co_return;
    }
    received += *bytes;
  }
}

/// What comes out of the other end until the stream ends behind `bytes`.
async::Task<std::string> pass(std::size_t capacity, std::string bytes) {
  auto [far, near] = make_pipe(capacity);
  auto sender = deflate(std::move(far));
  auto receiver = deflate(std::move(near));
  std::string received;
  async::TaskGroup group;
  group.spawn(send_all(*sender, bytes));
  group.spawn(receive(*receiver, received));
  const bool ended = co_await group.join(soon());
  CHECK(ended);
  co_return received;
}

async::Task<void> count_turns(bool& ended, unsigned& turns) {
  while (!ended) {
    co_await async::yield();
    ++turns;
  }
}

async::Task<void> read_to_end(Stream& stream, bool& ended) {
  for (;;) {
    const auto bytes = co_await stream.read_some(soon());
    if (!bytes) break;
  }
  ended = true;
}

/// The turns that others had while a few kilobytes that came at once were read as `size` octets.
async::Task<unsigned> turns_beside(std::size_t size) {
  auto [far, near] = make_pipe(1'000'000);
  auto sender = deflate(std::move(far));
  auto receiver = deflate(std::move(near));
  co_await send_all(*sender, std::string(size, 'x'));
  bool ended = false;
  unsigned turns = 0;
  async::TaskGroup group;
  group.spawn(count_turns(ended, turns));
  group.spawn(read_to_end(*receiver, ended));
  const bool joined = co_await group.join(soon());
  CHECK(joined);
  co_return turns;
}

}  // namespace

TEST_CASE("what expands to its thousandfold does not keep the loop for itself", "[net]") {
  CHECK(async::Loop().block_on(turns_beside(32'000'000)) > 100);
}

TEST_CASE("what is compressed comes out as it was, each write at once", "[net]") {
  async::Loop loop;
  const auto capacity = GENERATE(std::size_t{1}, std::size_t{65536});
  std::string random;
  for (unsigned n = 0; n < 50'000; ++n) random += static_cast<char>(n * 2654435761U >> 24);
  for (const auto& bytes : {std::string("a"), random, std::string(300'000, 'x')})
    CHECK((loop.block_on(pass(capacity, bytes)) == bytes));
}

TEST_CASE("what is no DEFLATE data ends the connection", "[net]") {
  async::Loop loop;
  loop.block_on([]() -> async::Task<void> {
    auto [far, near] = make_pipe();
    const auto receiver = deflate(std::move(near));
    const auto sent = co_await far->write("\xFF\xFF\xFF\xFF clear text", soon());
    CHECK(sent.has_value());
    const auto bytes = co_await receiver->read_some(soon());
    REQUIRE_FALSE(bytes.has_value());
    CHECK(bytes.error().code == IoCode::kReset);
  }());
}
