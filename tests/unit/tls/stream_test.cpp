#include "common/tls/stream.h"

#include <openssl/err.h>
#include <catch2/catch.hpp>

#include "common/async/task_group.h"
#include "common/metrics/metrics.h"
#include "common/net/socket.h"
#include "tests/unit/tls/helpers.h"

using namespace quartet;
using namespace quartet::async;
using namespace quartet::net;
using namespace quartet::tls::test;
using namespace std::chrono_literals;

namespace {

Deadline soon() { return Deadline::after(20s); }

struct Pair {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

Task<void> accept_plain(Listener& listener, std::unique_ptr<Stream>& out) {
  auto accepted = co_await listener.accept();
  REQUIRE(accepted.has_value());
  out = *std::move(accepted);
}

Task<Pair> plain(bool tcp, std::size_t capacity = 1000) {
  Pair pair;
  if (!tcp) {
    std::tie(pair.client, pair.server) = make_pipe(capacity);
    co_return pair;
  }
  auto listener = Listener::open(*Address::parse("127.0.0.1:0"));
  REQUIRE(listener.has_value());
  TaskGroup group;
  group.spawn(accept_plain(**listener, pair.server));
  auto client = co_await connect((*listener)->local(), {}, soon());
  REQUIRE(client.has_value());
  pair.client = *std::move(client);
  co_await group.join();
  co_return pair;
}

Task<void> accept_tls(std::unique_ptr<Stream> stream, std::shared_ptr<const tls::ServerContext> context,
                      Deadline deadline, StreamResult& out) {
  out = co_await tls::accept(std::move(stream), std::move(context), deadline);
}

Task<void> connect_tls(std::unique_ptr<Stream> stream, Deadline deadline, StreamResult& out) {
  out = co_await tls::connect(std::move(stream), client_context(), "mx.test", deadline);
}

Task<Pair> secured(bool tcp, std::shared_ptr<const tls::ServerContext> context, std::size_t capacity = 1000) {
  auto pair = co_await plain(tcp, capacity);
  StreamResult server;
  TaskGroup group;
  group.spawn(accept_tls(std::move(pair.server), std::move(context), soon(), server));
  auto client = co_await tls::connect(std::move(pair.client), client_context(), "mx.test", soon());
  co_await group.join();
  REQUIRE(client.has_value());
  REQUIRE(server.has_value());
  co_return Pair{*std::move(client), *std::move(server)};
}

Task<void> send_all(Stream& stream, std::string bytes, bool end) {
  const auto sent = co_await stream.write(bytes, soon());
  CHECK(sent.has_value());
  if (!end) co_return;
  const auto ended = co_await stream.shutdown(soon());
  CHECK(ended.has_value());
}

Task<void> read_all(Stream& stream, std::string& all, IoCode& code) {
  for (;;) {
    const auto bytes = co_await stream.read_some(soon());
    if (!bytes) {
      code = bytes.error().code;
      co_return;
    }
    all.append(*bytes);
  }
}

Task<void> both_ways(bool tcp) {
  auto pair = co_await secured(tcp, server_context());
  CHECK(pair.client->tls()->peer_verified);
  CHECK(pair.server->tls()->server_name == "mx.test");
  std::string there(3'000'000, 'x');
  for (std::size_t i = 0; i < there.size(); ++i) there[i] = static_cast<char>(i * 13 >> 5);
  const std::string back(there.rbegin(), there.rend());
  std::string at_server;
  std::string at_client;
  IoCode server_end{};
  IoCode client_end{};
  TaskGroup group;
  group.spawn(send_all(*pair.client, there, true));
  group.spawn(send_all(*pair.server, back, true));
  group.spawn(read_all(*pair.server, at_server, server_end));
  group.spawn(read_all(*pair.client, at_client, client_end));
  const bool done = co_await group.join(soon());
  REQUIRE(done);
  CHECK(at_server == there);
  CHECK(at_client == back);
  CHECK(server_end == IoCode::kEndOfStream);
  CHECK(client_end == IoCode::kEndOfStream);
}

Task<void> one_side_ends(bool tcp) {
  auto pair = co_await secured(tcp, server_context());
  co_await send_all(*pair.client, "question", true);
  std::string question;
  IoCode end{};
  co_await read_all(*pair.server, question, end);
  CHECK(question == "question");
  CHECK(end == IoCode::kEndOfStream);
  co_await send_all(*pair.server, "answer", true);
  std::string answer;
  co_await read_all(*pair.client, answer, end);
  CHECK(answer == "answer");
}

Task<void> cut_off(bool tcp) {
  auto pair = co_await secured(tcp, server_context());
  co_await send_all(*pair.client, "half a mes", false);
  pair.client.reset();  // without close_notify
  std::string text;
  IoCode end{};
  co_await read_all(*pair.server, text, end);
  CHECK(text == "half a mes");
  CHECK(end == IoCode::kReset);
}

Task<void> a_read_times_out_and_goes_on(bool tcp) {
  auto pair = co_await secured(tcp, server_context());
  const auto nothing = co_await pair.server->read_some(Deadline::after(10ms));
  REQUIRE_FALSE(nothing.has_value());
  CHECK(nothing.error().code == IoCode::kTimedOut);
  co_await send_all(*pair.client, "late", false);
  const auto late = co_await pair.server->read_some(soon());
  REQUIRE(late.has_value());
  CHECK(*late == "late");
}

/// A handshake with a peer that says nothing, ended by the deadline or by the group.
Task<void> handshake_without_peer(bool tcp, bool as_client, bool by_deadline) {
  auto pair = co_await plain(tcp);
  StreamResult result;
  TaskGroup group;
  const auto deadline = by_deadline ? Deadline::after(20ms) : Deadline::never();
  if (as_client)
    group.spawn(connect_tls(std::move(pair.client), deadline, result));
  else
    group.spawn(accept_tls(std::move(pair.server), server_context(), deadline, result));
  if (!by_deadline) group.request_stop();
  const bool ended = co_await group.join(soon());
  REQUIRE(ended);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == (by_deadline ? IoCode::kTimedOut : IoCode::kCancelled));
}

Task<void> plain_text_to_server(bool tcp) {
  auto pair = co_await plain(tcp);
  co_await send_all(*pair.client, "EHLO client.test\r\n", false);
  const auto result = co_await tls::accept(std::move(pair.server), server_context(), soon());
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == IoCode::kTls);
}

std::uint64_t failed_handshakes() {
  const metrics::Labels labels = {{"role", "server"}, {"version", "failed"}};
  return metrics::counter("quartet_tls_handshakes_total", "TLS handshakes by their result", labels).value();
}

Task<void> peer_leaves_in_handshake(bool tcp, std::string begin) {
  auto pair = co_await plain(tcp);
  const auto before = failed_handshakes();
  if (!begin.empty()) co_await send_all(*pair.client, begin, false);
  pair.client.reset();
  const auto result = co_await tls::accept(std::move(pair.server), server_context(), soon());
  REQUIRE_FALSE(result.has_value());
  CHECK((result.error().code == IoCode::kEndOfStream || result.error().code == IoCode::kReset));
  // Who said nothing looked only whether the port is open.
  CHECK(failed_handshakes() == before + (begin.empty() ? 0 : 1));
}

Task<void> reload() {
  auto context = server_context("server");
  auto old_session = co_await secured(false, context);
  const std::weak_ptr<const tls::ServerContext> old = context;
  context = server_context("renewed");
  CHECK_FALSE(old.expired());  // the open session keeps it
  auto new_session = co_await secured(false, context);
  CHECK(old_session.client->tls()->peer_subject == "/CN=server");
  CHECK(new_session.client->tls()->peer_subject == "/CN=renewed");
  for (auto* pair : {&old_session, &new_session}) {
    co_await send_all(*pair->server, "hello", false);
    const auto bytes = co_await pair->client->read_some(soon());
    REQUIRE(bytes.has_value());
    CHECK(*bytes == "hello");
  }
  old_session = {};
  CHECK(old.expired());
}

Task<void> pump(RawClient& client, Stream& stream) {
  const auto output = client.take_output();
  const auto sent = co_await stream.write(output, soon());
  REQUIRE(sent.has_value());
}

/// The types of the records in `bytes`, which must be whole ones.
std::string record_types(std::string_view bytes) {
  std::string types;
  while (bytes.size() >= 5) {
    types += bytes[0] == 23 ? 'd' : bytes[0] == 21 ? 'a' : '?';
    const auto size =
        static_cast<std::size_t>(static_cast<unsigned char>(bytes[3]) << 8 | static_cast<unsigned char>(bytes[4]));
    bytes.remove_prefix(std::min(bytes.size(), size + 5));
  }
  if (!bytes.empty()) types += '!';
  return types;
}

/// A peer wants to renegotiate and does not read the refusal, while we also write: the alert and the data must leave
/// one after the other.
Task<void> alert_beside_a_write() {
  auto pair = co_await plain(false, 10);  // so small that every write waits for the peer
  StreamResult result;
  TaskGroup group;
  group.spawn(accept_tls(std::move(pair.server), server_context(), soon(), result));
  RawClient client(TLS1_2_VERSION);
  while (SSL_do_handshake(client.ssl()) != 1) {
    co_await pump(client, *pair.client);
    const auto bytes = co_await pair.client->read_some(soon());
    REQUIRE(bytes.has_value());
    client.feed(*bytes);
  }
  co_await group.join();
  REQUIRE(result.has_value());
  auto server = *std::move(result);

  std::string read;
  IoCode code{};
  group.spawn(read_all(*server, read, code));
  REQUIRE(SSL_renegotiate(client.ssl()) == 1);
  SSL_do_handshake(client.ssl());
  co_await pump(client, *pair.client);
  for (int turn = 0; turn < 20; ++turn) co_await yield();  // the reader refuses, and waits for us to take it
  group.spawn(send_all(*server, std::string(100'000, 'w'), true));
  std::string received;
  IoCode end{};
  co_await read_all(*pair.client, received, end);
  CHECK(record_types(received) == "addddddda");  // the refusal, 100 KB, close_notify
  pair.client.reset();
  co_await group.join();
  CHECK(read.empty());
  ERR_clear_error();
}

}  // namespace

TEST_CASE("large transfers both ways at once", "[tls]") { Loop().block_on(both_ways(GENERATE(false, true))); }
TEST_CASE("each side ends by itself", "[tls]") { Loop().block_on(one_side_ends(GENERATE(false, true))); }
TEST_CASE("an end without close_notify is no end of the stream", "[tls]") {
  Loop().block_on(cut_off(GENERATE(false, true)));
}
TEST_CASE("a TLS read that timed out leaves the stream usable", "[tls]") {
  Loop().block_on(a_read_times_out_and_goes_on(GENERATE(false, true)));
}
TEST_CASE("handshakes end by deadline and by cancellation", "[tls]") {
  Loop().block_on(handshake_without_peer(GENERATE(false, true), GENERATE(false, true), GENERATE(false, true)));
}
TEST_CASE("plain text for a TLS server", "[tls]") { Loop().block_on(plain_text_to_server(GENERATE(false, true))); }
TEST_CASE("a peer that leaves in the handshake", "[tls]") {
  Loop().block_on(peer_leaves_in_handshake(GENERATE(false, true), GENERATE("", "\x16\x03\x01")));
}
TEST_CASE("new certificates for new sessions, the old for those that are open", "[tls]") { Loop().block_on(reload()); }
TEST_CASE("an alert that a read causes does not mix with a write", "[tls]") { Loop().block_on(alert_beside_a_write()); }
