#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdio>

#include "common/async/task_group.h"
#include "common/base/scope.h"
#include "common/net/socket.h"

using namespace quartet;
using namespace quartet::async;
using namespace quartet::net;

namespace {

Deadline soon() { return Deadline::after(std::chrono::seconds(5)); }

struct Pair {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

Task<void> accept_into(Listener& listener, std::unique_ptr<Stream>& out) {
  auto accepted = co_await listener.accept();
  REQUIRE(accepted.has_value());
  out = *std::move(accepted);
}

Task<Pair> connected(Address address) {
  auto listener = Listener::open(address);
  REQUIRE(listener.has_value());
  Pair pair;
  TaskGroup group;
  group.spawn(accept_into(**listener, pair.server));
  auto client = co_await connect((*listener)->local(), {}, soon());
  REQUIRE(client.has_value());
  pair.client = *std::move(client);
  co_await group.join(soon());
  REQUIRE(pair.server != nullptr);
  co_return pair;
}

Task<Pair> make(int kind) {
  if (kind == 0) co_return co_await connected(*Address::parse("127.0.0.1:0"));
  if (kind == 1)
    co_return co_await connected(*Address::parse("unix:/tmp/quartet-net-test." + std::to_string(getpid())));
  auto ends = make_pipe(1000);
  co_return Pair{std::move(ends.first), std::move(ends.second)};
}

Task<void> send_all(Stream& stream, std::string bytes) {
  const auto sent = co_await stream.write(bytes, soon());
  CHECK(sent.has_value());
  const auto ended = co_await stream.shutdown(soon());
  CHECK(ended.has_value());
}

Task<std::string> read_all(Stream& stream) {
  std::string all;
  for (;;) {
    const auto bytes = co_await stream.read_some(soon());
    if (!bytes) {
      CHECK(bytes.error().code == IoCode::kEndOfStream);
      co_return all;
    }
    all.append(*bytes);
  }
}

Task<void> transfer(int kind) {
  auto pair = co_await make(kind);
  std::string sent(3'000'000, 'x');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 >> 3);
  TaskGroup group;
  group.spawn(send_all(*pair.client, sent));
  const auto received = co_await read_all(*pair.server);
  CHECK(received == sent);
  co_await group.join();
  // Half-closed: the other direction still works.
  group.spawn(send_all(*pair.server, "still here"));
  const auto answer = co_await read_all(*pair.client);
  CHECK(answer == "still here");
  co_await group.join();
}

Task<void> read_times_out_and_goes_on(int kind) {
  auto pair = co_await make(kind);
  const auto nothing = co_await pair.server->read_some(Deadline::after(std::chrono::milliseconds(20)));
  REQUIRE_FALSE(nothing.has_value());
  CHECK(nothing.error().code == IoCode::kTimedOut);
  const auto sent = co_await pair.client->write("late", soon());
  CHECK(sent.has_value());
  const auto bytes = co_await pair.server->read_some(soon());
  REQUIRE(bytes.has_value());
  CHECK(*bytes == "late");
}

Task<void> expect_read_error(Stream& stream, IoCode& code) {
  const auto bytes = co_await stream.read_some(soon());
  code = bytes ? IoCode::kSystem : bytes.error().code;
}

Task<void> expect_write_error(Stream& stream, IoCode& code) {
  const std::string much(50'000'000, 'y');
  const auto sent = co_await stream.write(much, soon());
  code = sent ? IoCode::kSystem : sent.error().code;
}

Task<void> cancelled_in_the_middle(int kind) {
  auto pair = co_await make(kind);
  TaskGroup group;
  IoCode read = IoCode::kSystem;
  IoCode write = IoCode::kSystem;
  group.spawn(expect_read_error(*pair.server, read));
  group.spawn(expect_write_error(*pair.server, write));
  const bool closed = co_await group.close(soon());
  CHECK(closed);
  CHECK(write == IoCode::kCancelled);
  CHECK((read == IoCode::kCancelled || read == IoCode::kReset));
}

Task<void> slow_reader_stops_the_writer(int kind) {
  auto pair = co_await make(kind);
  const std::string much(50'000'000, 'y');
  const auto sent = co_await pair.client->write(much, Deadline::after(std::chrono::milliseconds(50)));
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().code == IoCode::kTimedOut);
  const auto again = co_await pair.client->write("more", soon());
  CHECK_FALSE(again.has_value());
}

Task<void> lost_peer(int kind) {
  auto pair = co_await make(kind);
  const auto sent = co_await pair.client->write("unread", soon());
  CHECK(sent.has_value());
  pair.server.reset();
  const auto bytes = co_await pair.client->read_some(soon());
  REQUIRE_FALSE(bytes.has_value());
  CHECK((bytes.error().code == IoCode::kEndOfStream || bytes.error().code == IoCode::kReset));
}

Task<void> nobody_listens() {
  std::string address;
  {
    auto listener = Listener::open(*Address::parse("127.0.0.1:0"));
    REQUIRE(listener.has_value());
    address = (*listener)->local().to_string();
  }
  const auto refused = co_await connect(*Address::parse(address), {}, soon());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == IoCode::kRefused);
  const auto missing = co_await connect(*Address::parse("unix:/tmp/quartet-net-test-missing"), {}, soon());
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == IoCode::kRefused);
}

Task<void> two_listeners_share_a_port_only_by_wish() {
  auto first = Listener::open(*Address::parse("127.0.0.1:0"), {.reuse_port = true});
  REQUIRE(first.has_value());
  CHECK(Listener::open((*first)->local(), {.reuse_port = true}).has_value());
  const auto refused = Listener::open((*first)->local());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == IoCode::kInUse);
  co_return;
}

Task<void> a_stale_socket_file_is_replaced() {
  const auto address = *Address::parse("unix:/tmp/quartet-net-stale." + std::to_string(getpid()));
  const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::snprintf(name.sun_path, sizeof name.sun_path, "%s", address.host().c_str());
  REQUIRE(bind(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  close(descriptor);
  auto listener = Listener::open(address);
  REQUIRE(listener.has_value());
  const auto refused = Listener::open(address);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == IoCode::kInUse);
  co_return;
}

Task<void> out_of_descriptors(std::string text) {
  const auto address = *Address::parse(text);
  auto listener = Listener::open(address);
  REQUIRE(listener.has_value());
  const auto client = co_await connect((*listener)->local(), {}, soon());
  REQUIRE(client.has_value());
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  {
    const int next = dup(STDIN_FILENO);
    close(next);
    auto none = before;
    none.rlim_cur = static_cast<rlim_t>(next);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const ScopeExit restore([&before] { setrlimit(RLIMIT_NOFILE, &before); });
    const auto refused = co_await (*listener)->accept();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == IoCode::kScarce);
  }
  // It was not closed, it waits.
  const auto accepted = co_await (*listener)->accept();
  REQUIRE(accepted.has_value());
  co_await send_all(**accepted, "220 at last");
  const auto bytes = co_await (*client)->read_some(soon());
  REQUIRE(bytes.has_value());
  CHECK(*bytes == "220 at last");
}

/// The sockets of this process that are connected to `peer`.
std::vector<int> sockets_to(const Address& peer) {
  std::vector<int> found;
  for (int descriptor = 3; descriptor < 1024; ++descriptor) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) continue;
    if (Address::from_sockaddr(reinterpret_cast<const sockaddr&>(storage)).to_string() == peer.to_string())
      found.push_back(descriptor);
  }
  return found;
}

Task<void> check_no_delay() {
  const auto pair = co_await connected(*Address::parse("127.0.0.1:0"));
  for (const auto* end : {pair.client.get(), pair.server.get()}) {
    const auto sockets = sockets_to(end->peer());
    REQUIRE(sockets.size() == 1);
    int on = 0;
    socklen_t length = sizeof on;
    REQUIRE(getsockopt(sockets[0], IPPROTO_TCP, TCP_NODELAY, &on, &length) == 0);
    CHECK(on != 0);
  }
}

}  // namespace

TEST_CASE("both ends of a TCP connection send what is written at once", "[net]") { Loop().block_on(check_no_delay()); }

TEST_CASE("large transfers arrive whole, and each direction ends by itself", "[net]") {
  Loop().block_on(transfer(GENERATE(0, 1, 2)));
}
TEST_CASE("a read that timed out leaves the stream usable", "[net]") {
  Loop().block_on(read_times_out_and_goes_on(GENERATE(0, 1, 2)));
}
TEST_CASE("a stopped group ends pending reads and writes", "[net]") {
  Loop().block_on(cancelled_in_the_middle(GENERATE(0, 1, 2)));
}
TEST_CASE("a slow reader stops the writer", "[net]") {
  Loop().block_on(slow_reader_stops_the_writer(GENERATE(0, 1, 2)));
}
TEST_CASE("a lost peer is an error, not a silence", "[net]") { Loop().block_on(lost_peer(GENERATE(0, 1, 2))); }
TEST_CASE("nobody listens", "[net]") { Loop().block_on(nobody_listens()); }
TEST_CASE("two listeners share a port only by wish", "[net]") {
  Loop().block_on(two_listeners_share_a_port_only_by_wish());
}
TEST_CASE("without a descriptor connections wait for one", "[net]") {
  const auto address = GENERATE(std::string("127.0.0.1:0"), "unix:/tmp/quartet-net-test." + std::to_string(getpid()));
  Loop().block_on(out_of_descriptors(address));
}
TEST_CASE("a stale socket file is replaced, a live one is not", "[net]") {
  Loop().block_on(a_stale_socket_file_is_replaced());
}
