#include "common/service/acceptor.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/async/wait.h"

using namespace quartet;
using namespace quartet::service;

namespace {

async::Deadline soon() { return async::Deadline::after(std::chrono::seconds(20)); }

/// Says "hi", then echoes until the client ends or the acceptor stops it.
async::Task<void> echo(std::unique_ptr<net::Stream> stream, std::atomic<int>& ended) {
  const auto greeted = co_await stream->write("hi", soon());
  for (bool open = greeted.has_value(); open;) {
    const auto bytes = co_await stream->read_some(async::Deadline::never());
    open = bytes.has_value();
    if (!open) break;
    const std::string copy(*bytes);
    const auto sent = co_await stream->write(copy, soon());
    open = sent.has_value();
  }
  ++ended;
}

/// What a new client reads first; "" if it is turned away. Keeps the connection in `stream`.
async::Task<std::string> visit(net::Address address, std::unique_ptr<net::Stream>& stream) {
  auto connected = co_await net::connect(address, {}, soon());
  if (!connected) co_return "no connection";
  stream = *std::move(connected);
  const auto bytes = co_await stream->read_some(soon());
  co_return bytes ? std::string(*bytes) : std::string();
}

/// Says "hi", then waits for the end of the acceptor.
async::Task<void> until_drained(std::unique_ptr<net::Stream> stream, Acceptor& acceptor, std::atomic<int>& told) {
  const auto greeted = co_await stream->write("hi", soon());
  if (!greeted) co_return;
  const auto waited = co_await acceptor.drain_begun().wait(soon());
  if (waited == async::Wait::kReady) ++told;
}

struct Fixture {
  explicit Fixture(Acceptor::Options options = {})
      : acceptor(loops, std::move(options), [this](std::unique_ptr<net::Stream> stream, const ListenerSpec&) {
          return echo(std::move(stream), ended);
        }) {}
  async::LoopThreads loops{2};
  std::atomic<int> ended = 0;
  Acceptor acceptor;
  async::Loop loop;  // of the clients
};

const net::Address kAnyPort = *net::Address::parse("127.0.0.1:0");

}  // namespace

TEST_CASE("sessions run on all loops until the acceptor drains", "[acceptor]") {
  Fixture fixture;
  REQUIRE(fixture.acceptor.bind({{kAnyPort, false}}).has_value());
  fixture.acceptor.start();
  const auto address = fixture.acceptor.listeners().at(0).address;
  CHECK(address.port() != 0);
  std::vector<std::unique_ptr<net::Stream>> clients(8);
  for (auto& client : clients) CHECK(fixture.loop.block_on(visit(address, client)) == "hi");
  CHECK(fixture.acceptor.sessions() == 8);
  CHECK_FALSE(fixture.acceptor.draining());
  fixture.acceptor.drain(std::chrono::seconds(0));
  CHECK(fixture.acceptor.draining());
  CHECK(fixture.ended == 8);
  CHECK(fixture.acceptor.sessions() == 0);
  std::unique_ptr<net::Stream> late;
  CHECK(fixture.loop.block_on(visit(address, late)) == "no connection");
}

TEST_CASE("a client address has so many connections and no more", "[acceptor]") {
  Fixture fixture({.connections_per_client = [] { return 2; },
                   .exempt = [](const net::Address& client) { return client.host() == "127.0.0.9"; }});
  REQUIRE(fixture.acceptor.bind({{kAnyPort, false}}).has_value());
  fixture.acceptor.start();
  const auto address = fixture.acceptor.listeners().at(0).address;
  std::vector<std::unique_ptr<net::Stream>> clients(3);
  CHECK(fixture.loop.block_on(visit(address, clients[0])) == "hi");
  CHECK(fixture.loop.block_on(visit(address, clients[1])) == "hi");
  CHECK(fixture.loop.block_on(visit(address, clients[2])).empty());
}

TEST_CASE("a client that is refused hears why, unless TLS begins at once", "[acceptor]") {
  Fixture fixture({.connections_per_client = [] { return 1; }, .refusal = [] { return std::string("no room\r\n"); }});
  REQUIRE(fixture.acceptor.bind({{kAnyPort, false}, {kAnyPort, true}}).has_value());
  fixture.acceptor.start();
  const auto& listeners = fixture.acceptor.listeners();
  std::vector<std::unique_ptr<net::Stream>> clients(3);
  CHECK(fixture.loop.block_on(visit(listeners.at(0).address, clients[0])) == "hi");
  CHECK(fixture.loop.block_on(visit(listeners.at(0).address, clients[1])) == "no room\r\n");
  CHECK(fixture.loop.block_on(visit(listeners.at(1).address, clients[2])).empty());
}

TEST_CASE("a port or path that another has is an error, not shared", "[acceptor]") {
  const auto path = *net::Address::parse("unix:/tmp/quartet-acceptor-test." + std::to_string(getpid()));
  Fixture first;
  REQUIRE(first.acceptor.bind({{kAnyPort, false}, {path, false}}).has_value());
  const auto port = first.acceptor.listeners().at(0).address;
  Fixture second;
  const auto taken = second.acceptor.bind({{port, false}});
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().starts_with("cannot listen on " + port.to_string()));
  Fixture third;
  CHECK_FALSE(third.acceptor.bind({{path, false}}).has_value());
}

TEST_CASE("a client is an address, or a network of IPv6", "[acceptor]") {
  const auto key = [](const char* text) { return client_key(*net::Address::parse(text)); };
  CHECK(key("192.0.2.7:1") == "192.0.2.7");
  CHECK(key("[2001:db8:1:2:3:4:5:6]:1") == "2001:db8:1:2::/64");
  CHECK(key("[2001:db8:1:2::9]:2") == key("[2001:db8:1:2:3:4:5:6]:1"));
  CHECK(key("[2001:db8:1:3::9]:2") != key("[2001:db8:1:2::9]:2"));
}

TEST_CASE("sessions are told that the acceptor drains", "[acceptor]") {
  async::LoopThreads loops{2};
  std::atomic<int> told = 0;
  Acceptor* here = nullptr;
  Acceptor acceptor(loops, {}, [&](std::unique_ptr<net::Stream> stream, const ListenerSpec&) {
    return until_drained(std::move(stream), *here, told);
  });
  here = &acceptor;
  REQUIRE(acceptor.bind({{kAnyPort, false}}).has_value());
  acceptor.start();
  async::Loop loop;
  std::vector<std::unique_ptr<net::Stream>> clients(6);
  for (auto& client : clients) CHECK(loop.block_on(visit(acceptor.listeners().at(0).address, client)) == "hi");
  // Longer than the test may take: sessions that were not told would be stopped after it.
  acceptor.drain(std::chrono::seconds(100));
  CHECK(told == 6);
}
