// Peers that reset, end one side, read slowly or not at all; waits that are cancelled or time out.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "common/async/task_group.h"
#include "common/net/socket.h"
#include "common/net/udp.h"

using namespace quartet;
using namespace quartet::async;
using namespace quartet::net;
using namespace std::chrono_literals;

namespace {

Deadline soon() { return Deadline::after(20s); }

struct Pair {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

Task<void> accept_into(Listener& listener, std::unique_ptr<Stream>& out) {
  auto accepted = co_await listener.accept();
  REQUIRE(accepted.has_value());
  out = *std::move(accepted);
}

std::string socket_path(const std::string& name) {
  return (std::filesystem::temp_directory_path() / ("quartet-net-" + name + "." + std::to_string(getpid()))).string();
}

Task<Pair> connected(int kind) {
  Pair pair;
  if (kind == 2) {
    std::tie(pair.client, pair.server) = make_pipe(1000);
    co_return pair;
  }
  auto listener = Listener::open(*Address::parse(kind == 0 ? "127.0.0.1:0" : "unix:" + socket_path("lost")));
  REQUIRE(listener.has_value());
  TaskGroup group;
  group.spawn(accept_into(**listener, pair.server));
  auto client = co_await connect((*listener)->local(), {}, soon());
  REQUIRE(client.has_value());
  pair.client = *std::move(client);
  co_await group.join();
  co_return pair;
}

/// A TCP connection whose other end is a plain socket of the system, for what a Stream never does.
struct Raw {
  int descriptor = -1;
  Raw() = default;
  Raw(Raw&& other) noexcept : descriptor(std::exchange(other.descriptor, -1)) {}
  ~Raw() { end(); }
  void end() {
    if (descriptor >= 0) close(std::exchange(descriptor, -1));
  }
  /// Closes with RST in place of FIN.
  void reset() {
    const linger at_once{1, 0};
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    end();
  }
};

Task<void> with_raw(Raw& raw, std::unique_ptr<Stream>& stream) {
  auto listener = Listener::open(*Address::parse("127.0.0.1:0"));
  REQUIRE(listener.has_value());
  sockaddr_storage address;
  (*listener)->local().to_sockaddr(address);
  raw.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // The listener's backlog takes it at once.
  REQUIRE(::connect(raw.descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in)) == 0);
  co_await accept_into(**listener, stream);
}

Task<void> read_code(Stream& stream, Deadline deadline, IoCode& code) {
  const auto bytes = co_await stream.read_some(deadline);
  code = bytes ? IoCode::kSystem : bytes.error().code;
}

Task<void> write_code(Stream& stream, std::size_t size, Deadline deadline, IoCode& code) {
  const std::string much(size, 'y');
  const auto sent = co_await stream.write(much, deadline);
  code = sent ? IoCode::kSystem : sent.error().code;
}

Task<void> reset_ends_reads_and_writes() {
  Raw raw;
  std::unique_ptr<Stream> stream;
  co_await with_raw(raw, stream);
  IoCode read{};
  IoCode write{};
  TaskGroup group;
  group.spawn(read_code(*stream, soon(), read));
  group.spawn(write_code(*stream, 50'000'000, soon(), write));
  raw.reset();
  const bool done = co_await group.join(soon());
  REQUIRE(done);
  CHECK(read == IoCode::kReset);
  CHECK(write == IoCode::kReset);
  const auto again = co_await stream->read_some(soon());
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == IoCode::kReset);
}

Task<void> bytes_before_the_end_are_read_first() {
  Raw raw;
  std::unique_ptr<Stream> stream;
  co_await with_raw(raw, stream);
  REQUIRE(send(raw.descriptor, "last words", 10, 0) == 10);
  ::shutdown(raw.descriptor, SHUT_WR);
  std::string all;
  IoCode code{};
  for (;;) {
    const auto bytes = co_await stream->read_some(soon());
    if (!bytes) {
      code = bytes.error().code;
      break;
    }
    all += *bytes;
  }
  CHECK(all == "last words");
  CHECK(code == IoCode::kEndOfStream);
  // Our own side is still open.
  const auto sent = co_await stream->write("answer", soon());
  CHECK(sent.has_value());
  const auto ended = co_await stream->shutdown(soon());
  CHECK(ended.has_value());
  char memory[16];
  CHECK(recv(raw.descriptor, memory, sizeof memory, MSG_WAITALL) == 6);
  CHECK(recv(raw.descriptor, memory, sizeof memory, 0) == 0);
}

Task<void> note_written(Stream& stream, std::string_view bytes, bool& done) {
  const auto sent = co_await stream.write(bytes, soon());
  CHECK(sent.has_value());
  done = true;
}

/// Reads a little; only when all but the buffers on the way was read may the write have ended.
Task<void> slow_reader(int kind) {
  auto pair = co_await connected(kind);
  const std::string much(40'000'000, 'z');
  bool written = false;
  TaskGroup group;
  group.spawn(note_written(*pair.client, much, written));
  std::size_t received = 0;
  std::size_t received_when_written = 0;
  std::size_t largest = 0;
  while (received < much.size()) {
    const auto bytes = co_await pair.server->read_some(soon());
    REQUIRE(bytes.has_value());
    received += bytes->size();
    largest = std::max(largest, bytes->size());
    if (written && received_when_written == 0) received_when_written = received;
    if (received < 1'000'000) co_await sleep_for(100us);
  }
  co_await group.join();
  CHECK(received == much.size());
  // The write ended when the kernel had taken all of it, not before: its buffers hold some megabytes.
  CHECK(received_when_written > much.size() / 2);
  // Nor does the reader hold more than a few blocks of it.
  CHECK(largest <= 100'000);
}

/// What arrives while nobody reads is bounded: the peer must wait.
Task<void> nobody_reads(int kind) {
  auto pair = co_await connected(kind);
  // One read starts the reading; what follows comes without anybody waiting for it.
  const auto first = co_await pair.client->write("first", soon());
  REQUIRE(first.has_value());
  const auto bytes = co_await pair.server->read_some(soon());
  REQUIRE(bytes.has_value());
  IoCode code{};
  TaskGroup group;
  group.spawn(write_code(*pair.client, 50'000'000, Deadline::after(200ms), code));
  co_await group.join();
  CHECK(code == IoCode::kTimedOut);
  // The reader finds what its buffers held, and then the end that the writer's time-out made.
  std::size_t held = 0;
  for (;;) {
    const auto more = co_await pair.server->read_some(soon());
    if (!more) break;
    held += more->size();
  }
  CHECK(held > 0);
  CHECK(held < 20'000'000);  // the system's buffers among them
}

Task<void> cancelled_read_leaves_the_stream(int kind) {
  auto pair = co_await connected(kind);
  IoCode code{};
  TaskGroup group;
  group.spawn(read_code(*pair.server, Deadline::never(), code));
  co_await group.close();
  CHECK(code == IoCode::kCancelled);
  const auto sent = co_await pair.client->write("later", soon());
  REQUIRE(sent.has_value());
  const auto bytes = co_await pair.server->read_some(soon());
  REQUIRE(bytes.has_value());
  CHECK(*bytes == "later");
}

Task<void> connect_code(Address peer, Deadline deadline, IoCode& code) {
  const auto stream = co_await connect(std::move(peer), {}, deadline);
  code = stream ? IoCode::kSystem : stream.error().code;
}

/// A listener of the system that accepts nobody and whose queue is full: connecting to it waits.
struct FullListener {
  int descriptor;
  Address address;
  std::vector<int> waiting;
  FullListener() : descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage;
    Address::parse("127.0.0.1:0")->to_sockaddr(storage);
    socklen_t length = sizeof(sockaddr_in);
    REQUIRE(bind(descriptor, reinterpret_cast<const sockaddr*>(&storage), length) == 0);
    REQUIRE(listen(descriptor, 0) == 0);
    getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &length);
    address = Address::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
    for (int i = 0; i < 4; ++i) {
      waiting.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(waiting.back(), reinterpret_cast<const sockaddr*>(&storage), length);
    }
  }
  ~FullListener() {
    for (const int each : waiting) close(each);
    close(descriptor);
  }
};

Task<void> connecting_ends(const FullListener& listener) {
  IoCode late{};
  IoCode cancelled{};
  co_await connect_code(listener.address, Deadline::after(50ms), late);
  CHECK(late == IoCode::kTimedOut);
  TaskGroup group;
  group.spawn(connect_code(listener.address, Deadline::never(), cancelled));
  co_await group.close();
  CHECK(cancelled == IoCode::kCancelled);
}

Task<void> accept_code(Listener& listener, IoCode& code) {
  const auto stream = co_await listener.accept();
  code = stream ? IoCode::kSystem : stream.error().code;
}

Task<void> accepting_ends() {
  auto listener = Listener::open(*Address::parse("127.0.0.1:0"));
  REQUIRE(listener.has_value());
  IoCode code{};
  TaskGroup group;
  group.spawn(accept_code(**listener, code));
  co_await group.close();
  CHECK(code == IoCode::kCancelled);
  // It still listens.
  TaskGroup next;
  std::unique_ptr<Stream> server;
  next.spawn(accept_into(**listener, server));
  const auto client = co_await connect((*listener)->local(), {}, soon());
  CHECK(client.has_value());
  co_await next.join();
  CHECK(server != nullptr);
}

Task<void> shutdown_code(Stream& stream, Deadline deadline, IoCode& code) {
  const auto ended = co_await stream.shutdown(deadline);
  code = ended ? IoCode::kSystem : ended.error().code;
}

Task<void> shutting_down_ends(int kind) {
  auto pair = co_await connected(kind);
  IoCode code{};
  TaskGroup group;
  group.spawn(shutdown_code(*pair.client, soon(), code));
  co_await group.join();
  CHECK(code == IoCode::kSystem);  // no error
  IoCode read{};
  co_await read_code(*pair.server, soon(), read);
  CHECK(read == IoCode::kEndOfStream);
  // In a group that stops it ends at once, whether the end was told or not.
  TaskGroup stopping;
  stopping.spawn(shutdown_code(*pair.server, Deadline::never(), code));
  const bool closed = co_await stopping.close(soon());
  CHECK(closed);
}

Task<void> write_after_end(int kind) {
  auto pair = co_await connected(kind);
  co_await pair.client->shutdown(soon());
  const auto sent = co_await pair.client->write("more", soon());
  CHECK_FALSE(sent.has_value());
  const auto received = co_await pair.server->read_some(soon());
  REQUIRE_FALSE(received.has_value());
  CHECK(received.error().code == IoCode::kEndOfStream);
}

Task<void> source_address() {
  auto listener = Listener::open(*Address::parse("127.0.0.1:0"));
  REQUIRE(listener.has_value());
  std::unique_ptr<Stream> server;
  TaskGroup group;
  group.spawn(accept_into(**listener, server));
  const auto client = co_await connect((*listener)->local(), {.source = *Address::parse("127.0.0.9:0")}, soon());
  REQUIRE(client.has_value());
  co_await group.join();
  CHECK(server->peer().host() == "127.0.0.9");
  CHECK(server->peer() == (*client)->local());
  CHECK(server->local() == (*client)->peer());
  const auto foreign = co_await connect((*listener)->local(), {.source = *Address::parse("192.0.2.1:0")}, soon());
  REQUIRE_FALSE(foreign.has_value());
  CHECK(foreign.error().code == IoCode::kDenied);
}

Task<void> a_live_socket_with_a_full_queue_is_no_stale_one() {
  const auto path = socket_path("full");
  const int live = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::snprintf(name.sun_path, sizeof name.sun_path, "%s", path.c_str());
  REQUIRE(bind(live, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  REQUIRE(listen(live, 0) == 0);
  std::vector<int> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(waiting.back(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
  }
  const auto refused = Listener::open(*Address::parse("unix:" + path));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == IoCode::kInUse);
  for (const int each : waiting) close(each);
  close(live);
  unlink(path.c_str());
  co_return;
}

Task<void> files_of_sockets() {
  const auto path = socket_path("file");
  const auto address = *Address::parse("unix:" + path);
  {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    REQUIRE(file != nullptr);
    std::fclose(file);
    // A file that is no socket is somebody's data.
    CHECK_FALSE(Listener::open(address).has_value());
    CHECK(std::filesystem::exists(path));
    std::filesystem::remove(path);
  }
  {
    const auto listener = Listener::open(address, {.unix_mode = 0600});
    REQUIRE(listener.has_value());
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::mask) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  const auto nowhere = Listener::open(*Address::parse("unix:/nonexistent/x.sock"));
  CHECK_FALSE(nowhere.has_value());
  co_return;
}

Task<void> datagram_code(UdpSocket& socket, Deadline deadline, IoCode& code) {
  const auto bytes = co_await socket.receive(deadline);
  code = bytes ? IoCode::kSystem : bytes.error().code;
}

Task<void> datagrams() {
  const int peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_storage storage;
  Address::parse("127.0.0.1:0")->to_sockaddr(storage);
  socklen_t length = sizeof(sockaddr_in);
  REQUIRE(bind(peer, reinterpret_cast<const sockaddr*>(&storage), length) == 0);
  getsockname(peer, reinterpret_cast<sockaddr*>(&storage), &length);
  auto socket = UdpSocket::connect(Address::from_sockaddr(reinterpret_cast<const sockaddr&>(storage)));
  REQUIRE(socket.has_value());
  const auto sent = co_await (*socket)->send("question", soon());
  CHECK(sent.has_value());
  char memory[100];
  sockaddr_storage from{};
  length = sizeof from;
  REQUIRE(recvfrom(peer, memory, sizeof memory, 0, reinterpret_cast<sockaddr*>(&from), &length) == 8);
  sendto(peer, "one", 3, 0, reinterpret_cast<const sockaddr*>(&from), length);
  sendto(peer, "", 0, 0, reinterpret_cast<const sockaddr*>(&from), length);
  for (const char* expected : {"one", ""}) {
    const auto bytes = co_await (*socket)->receive(soon());
    REQUIRE(bytes.has_value());
    CHECK(*bytes == expected);
  }
  IoCode code{};
  co_await datagram_code(**socket, Deadline::after(5ms), code);
  CHECK(code == IoCode::kTimedOut);
  TaskGroup group;
  group.spawn(datagram_code(**socket, Deadline::never(), code));
  co_await group.close();
  CHECK(code == IoCode::kCancelled);
  close(peer);
}

}  // namespace

TEST_CASE("a reset ends reads and writes", "[net]") { Loop().block_on(reset_ends_reads_and_writes()); }
TEST_CASE("what came before the peer's end is read first", "[net]") {
  Loop().block_on(bytes_before_the_end_are_read_first());
}
TEST_CASE("a write ends only when it was taken, and memory stays bounded", "[net]") {
  Loop().block_on(slow_reader(GENERATE(0, 1, 2)));
}
TEST_CASE("what nobody reads stays with the peer", "[net]") { Loop().block_on(nobody_reads(GENERATE(0, 1, 2))); }
TEST_CASE("a cancelled read leaves the stream usable", "[net]") {
  Loop().block_on(cancelled_read_leaves_the_stream(GENERATE(0, 1, 2)));
}
TEST_CASE("connecting ends by deadline and by cancellation", "[net]") {
  const FullListener listener;
  Loop().block_on(connecting_ends(listener));
}
TEST_CASE("accepting ends by cancellation, and begins again", "[net]") { Loop().block_on(accepting_ends()); }
TEST_CASE("shutdown ends in a stopping group", "[net]") { Loop().block_on(shutting_down_ends(GENERATE(0, 1, 2))); }
TEST_CASE("nothing can be written after the end", "[net]") { Loop().block_on(write_after_end(GENERATE(0, 1, 2))); }
TEST_CASE("connections may choose their source address", "[net]") { Loop().block_on(source_address()); }
TEST_CASE("a live socket file whose queue is full is not taken away", "[net]") {
  Loop().block_on(a_live_socket_with_a_full_queue_is_no_stale_one());
}
TEST_CASE("socket files", "[net]") { Loop().block_on(files_of_sockets()); }
TEST_CASE("datagrams, an empty one too", "[net]") { Loop().block_on(datagrams()); }
