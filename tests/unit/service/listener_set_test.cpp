#include "common/service/listener_set.h"

#include <catch2/catch.hpp>

#include "common/async/wait.h"
#include "common/net/socket.h"

using namespace quartet;
using namespace quartet::service;

namespace {

async::Deadline soon() { return async::Deadline::after(std::chrono::seconds(20)); }

/// Says what kind of listener it came by, then waits until the client goes.
async::Task<void> greet(std::unique_ptr<net::Stream> stream, bool implicit_tls) {
  const auto greeted = co_await stream->write(implicit_tls ? "tls" : "clear", soon());
  for (bool open = greeted.has_value(); open;) {
    const auto bytes = co_await stream->read_some(async::Deadline::never());
    open = bytes.has_value();
  }
}

async::Task<std::string> hear(net::Stream& stream) {
  const auto bytes = co_await stream.read_some(soon());
  co_return bytes ? std::string(*bytes) : std::string("end");
}

/// What a new client hears first. Keeps the connection in `stream`.
async::Task<std::string> visit(net::Address address, std::unique_ptr<net::Stream>& stream) {
  auto connected = co_await net::connect(address, {}, soon());
  if (!connected) co_return "no connection";
  stream = *std::move(connected);
  co_return co_await hear(*stream);
}

net::Address free_address() {
  async::Loop loop;
  auto listener = *loop.block_on([]() -> async::Task<std::expected<net::Address, net::IoError>> {
    auto open = net::Listener::open(*net::Address::parse("127.0.0.1:0"), {});
    if (!open) co_return std::unexpected(open.error());
    co_return (*open)->local();
  }());
  return listener;
}

ListenerSet::Listener clear(const net::Address& address) { return {{address}, "clear " + address.to_string()}; }

ListenerSet::Listener secure(const net::Address& address) {
  return {{.address = address, .implicit_tls = true}, "tls " + address.to_string()};
}

struct Fixture {
  async::LoopThreads loops{1};
  ListenerSet set{loops, {}, [](std::unique_ptr<net::Stream> stream, const ListenerSpec& listener) {
                    return greet(std::move(stream), listener.implicit_tls);
                  }};
  async::Loop loop;  // of the clients
  net::Address one = free_address();
  net::Address two = free_address();
};

}  // namespace

TEST_CASE("listeners come and go while sessions go on", "[service]") {
  Fixture fixture;
  auto& [loops, set, loop, one, two] = fixture;
  REQUIRE(set.set({clear(one)}));
  set.start();
  std::unique_ptr<net::Stream> first, second, third;
  CHECK(loop.block_on(visit(one, first)) == "clear");
  REQUIRE(set.set({clear(one), secure(two)}));
  set.start();
  CHECK(loop.block_on(visit(two, second)) == "tls");
  REQUIRE(set.set({secure(two)}));
  CHECK(loop.block_on(visit(one, third)) == "no connection");
  CHECK(loop.block_on(visit(two, third)) == "tls");
  // The session of the listener that is gone is still there: the end of the set is what ends it.
  CHECK_FALSE(set.draining());
  const auto quiet = loop.block_on(first->read_some(async::Deadline::after(std::chrono::milliseconds(50))));
  CHECK(quiet.error().code == net::IoCode::kTimedOut);
  set.drain(std::chrono::seconds(0));
  CHECK(set.draining());
  CHECK(loop.block_on(hear(*first)) == "end");
}

TEST_CASE("an address is used in another way, and one that cannot be had changes nothing", "[service]") {
  Fixture fixture;
  auto& [loops, set, loop, one, two] = fixture;
  REQUIRE(set.set({clear(one)}));
  set.start();
  std::unique_ptr<net::Stream> stream;
  REQUIRE(set.set({secure(one)}));
  set.start();
  CHECK(loop.block_on(visit(one, stream)) == "tls");
  Fixture other;
  REQUIRE(other.set.set({clear(two)}));
  const auto refused = set.set({clear(two)});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().starts_with("cannot listen on " + two.to_string()));
  CHECK(loop.block_on(visit(one, stream)) == "tls");
}
