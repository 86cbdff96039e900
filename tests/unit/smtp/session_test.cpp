// Both sessions against each other, and what a transcript cannot say: TLS, draining, writes, large messages.
#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>

#include "common/async/task_group.h"
#include "common/base/ascii.h"
#include "common/net/socket.h"
#include "common/net/wire.h"
#include "common/smtp/client_session.h"
#include "common/tls/stream.h"
#include "tests/support/certificates.h"
#include "tests/unit/smtp/test_handler.h"

using namespace quartet;
using namespace quartet::smtp;
using namespace quartet::smtp::test;
using quartet::test::certificates;

namespace {

ServerOptions server_options() {
  ServerOptions options;
  options.features.hostname = "mx.test";
  options.features.limits.errors_until_slow = 1000;
  return options;
}

ServerOptions tls_options() {
  auto options = server_options();
  options.tls =
      *tls::ServerContext::load({certificates().certificate("server"), certificates().key("server"), "", false});
  options.features.mechanisms = {"PLAIN", "LOGIN"};
  return options;
}

ClientOptions client_options(const std::string& ca = "ca") {
  ClientOptions options;
  options.hostname = "c.test";
  options.server_name = "mx.test";
  options.tls =
      *tls::ClientContext::make({.verify = true, .ca = certificates().certificate(ca), .certificate = {}, .key = {}});
  return options;
}

OutboundTransaction to(std::vector<std::string> recipients, std::string_view message) {
  OutboundTransaction made;
  made.reverse_path = "a@c.test";
  made.message = message;
  for (auto& each : recipients) made.recipients.push_back({std::move(each), 0, {}});
  return made;
}

struct Talk {
  std::optional<ClientError> refused;
  std::vector<TransactionResult> results;
  SessionEnd end = SessionEnd::kStopped;
  std::size_t server_writes = 0;
  bool client_tls = false;
};

async::Task<void> talk(const ServerOptions& server, TestHandler& handler, ClientOptions client,
                       const std::vector<OutboundTransaction>& transactions, Talk& out) {
  auto [mine, theirs] = net::make_pipe();
  async::TaskGroup group;
  group.spawn(
      run_server(std::make_unique<CountingStream>(std::move(theirs), out.server_writes), server, handler, out.end));
  {
    auto session = co_await ClientSession::open(std::move(mine), std::move(client));
    if (!session) out.refused = session.error();
    if (session) out.client_tls = (*session)->stream().tls() != nullptr;
    for (std::size_t i = 0; session && i < transactions.size(); ++i) {
      auto result = co_await (*session)->send(transactions[i]);
      out.results.push_back(std::move(result));
    }
    if (session && out.results.size() == transactions.size()) co_await (*session)->quit();
  }
  const bool ended = co_await group.join(soon());
  REQUIRE(ended);
}

Talk run(const ServerOptions& server, TestHandler& handler, ClientOptions client,
         const std::vector<OutboundTransaction>& transactions) {
  Talk out;
  async::Loop().block_on(talk(server, handler, std::move(client), transactions, out));
  return out;
}

async::Task<std::string> read_to_end(net::Stream& stream) {
  std::string all;
  for (;;) {
    const auto bytes = co_await stream.read_some(soon());
    if (!bytes) co_return all;
    all += *bytes;
  }
}

async::Task<void> read_until(net::Stream& stream, std::string wanted) {
  std::string all;
  while (all.find(wanted) == std::string::npos) {
    const auto bytes = co_await stream.read_some(soon());
    REQUIRE(bytes.has_value());
    all += *bytes;
  }
}

/// How the server's side of a TLS connection ends for a client that says QUIT.
async::Task<void> quit_in_tls(net::IoCode& end) {
  auto options = tls_options();
  options.implicit_tls = true;
  TestHandler handler;
  SessionEnd why{};
  auto [mine, theirs] = net::make_pipe();
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), options, handler, why));
  {
    auto client = co_await tls::connect(std::move(mine), client_options().tls, "mx.test", soon());
    REQUIRE(client.has_value());
    const auto sent = co_await (*client)->write("QUIT\r\n", soon());
    REQUIRE(sent.has_value());
    for (;;) {
      const auto bytes = co_await (*client)->read_some(soon());
      if (bytes) continue;
      end = bytes.error().code;
      break;
    }
  }
  const bool ended = co_await group.join(soon());
  REQUIRE(ended);
  CHECK(why == SessionEnd::kQuit);
}

/// An idle session behind `theirs`, a drain flag that rises or a group that stops, and what the client then reads.
async::Task<void> end_idle(bool by_flag, std::string said, std::unique_ptr<net::Stream> mine,
                           std::unique_ptr<net::Stream> theirs, std::string& last_words, SessionEnd& end) {
  std::atomic<bool> draining = false;
  auto options = server_options();
  options.draining = &draining;
  TestHandler handler;
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), options, handler, end));
  co_await read_until(*mine, "220 mx.test ESMTP Quartet\r\n");
  const auto sent = co_await mine->write(said, soon());
  REQUIRE(sent.has_value());
  if (!said.empty()) co_await read_until(*mine, "250 2.1.0 sender ok\r\n");
  if (by_flag)
    draining = true;
  else
    group.request_stop();
  last_words = co_await read_to_end(*mine);
  const bool ended = co_await group.join(soon());
  REQUIRE(ended);
}

async::Task<void> accept_one(net::Listener& listener, std::unique_ptr<net::Stream>& out) {
  auto accepted = co_await listener.accept();
  REQUIRE(accepted.has_value());
  out = *std::move(accepted);
}

async::Task<void> end_idle_tcp(bool by_flag, std::string& last_words, SessionEnd& end) {
  auto listener = net::Listener::open(*net::Address::parse("127.0.0.1:0"));
  REQUIRE(listener.has_value());
  std::unique_ptr<net::Stream> theirs;
  async::TaskGroup group;
  group.spawn(accept_one(**listener, theirs));
  auto mine = co_await net::connect((*listener)->local(), {}, soon());
  REQUIRE(mine.has_value());
  co_await group.join();
  co_await end_idle(by_flag, "", *std::move(mine), std::move(theirs), last_words, end);
}

async::Task<void> end_idle_pipe(bool by_flag, std::string said, std::string& last_words, SessionEnd& end) {
  auto [mine, theirs] = net::make_pipe();
  co_await end_idle(by_flag, std::move(said), std::move(mine), std::move(theirs), last_words, end);
}

/// The draining server lets a transaction end before it says 421.
async::Task<void> drain_in_transaction(std::string& last_words, SessionEnd& end) {
  auto [mine, theirs] = net::make_pipe();
  std::atomic<bool> draining = false;
  auto options = server_options();
  options.draining = &draining;
  TestHandler handler;
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), options, handler, end));
  co_await mine->write("EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\n", soon());
  co_await read_until(*mine, "250 2.1.5 recipient ok\r\n");
  draining = true;
  co_await mine->write("DATA\r\n", soon());
  co_await read_until(*mine, "354");
  co_await mine->write("text\r\n.\r\nNOOP\r\n", soon());
  last_words = co_await read_to_end(*mine);
  co_await group.join();
  CHECK(handler.messages.size() == 1);
}

/// What the server says to `said` and then silence, or to the rest of the message.
async::Task<void> send_slowly(ServerOptions options, std::string said, std::string rest, std::string& last_words,
                              SessionEnd& end) {
  auto [mine, theirs] = net::make_pipe();
  TestHandler handler;
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), options, handler, end));
  co_await mine->write("EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\n" + said, soon());
  if (!rest.empty()) {
    co_await read_until(*mine, "354");
    for (const char octet : rest) co_await mine->write(std::string(1, octet), soon());
    co_await mine->write("QUIT\r\n", soon());
  }
  last_words = co_await read_to_end(*mine);
  co_await group.join();
}

/// A line of which an octet comes now and then, and never the end.
async::Task<void> trickle(ServerOptions options, std::string begun, std::string& last_words, SessionEnd& end) {
  auto [mine, theirs] = net::make_pipe();
  TestHandler handler;
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), options, handler, end));
  co_await mine->write(begun, soon());
  for (int i = 0; i < 60; ++i) {
    const auto sent = co_await mine->write("x", soon());
    if (!sent) break;
    co_await async::sleep_for(std::chrono::milliseconds(50));
  }
  last_words = co_await read_to_end(*mine);
  co_await group.join();
}

}  // namespace

TEST_CASE("a line that comes octet by octet has the time of one command", "[smtp][session]") {
  auto options = server_options();
  options.command_timeout = std::chrono::seconds(1);
  std::string last_words;
  SessionEnd end = SessionEnd::kQuit;
  const auto begun = std::chrono::steady_clock::now();
  async::Loop().block_on(trickle(options, "EHLO c.test\r\nNOOP ", last_words, end));
  CHECK(last_words.ends_with("421 4.4.2 too long without a command\r\n"));
  CHECK(end == SessionEnd::kTimedOut);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(3900));
}

TEST_CASE("who sends a message too slowly gets 421", "[smtp][session]") {
  const std::string begun = GENERATE("DATA\r\nSubject: x\r\n", "BDAT 1000 LAST\r\nSubject: x\r\n");
  auto options = server_options();
  options.data_rate = 1'000;
  options.data_grace = std::chrono::milliseconds(50);
  std::string last_words;
  SessionEnd end = SessionEnd::kQuit;
  async::Loop().block_on(send_slowly(options, begun, "", last_words, end));
  CHECK(last_words.ends_with("421 4.4.2 the message comes too slowly\r\n"));
  CHECK(end == SessionEnd::kTimedOut);
}

TEST_CASE("a message in many small pieces is not slow by itself; 0 is no limit", "[smtp][session]") {
  auto options = server_options();
  options.data_rate = GENERATE(1, 0);
  options.data_grace = std::chrono::milliseconds(options.data_rate == 0 ? 0 : 20'000);
  std::string last_words;
  SessionEnd end = SessionEnd::kPeerLost;
  async::Loop().block_on(send_slowly(options, "DATA\r\n", std::string(200, 'x') + "\r\n.\r\n", last_words, end));
  CHECK(last_words.find("250 2.0.0 took 202 octets\r\n") != std::string::npos);
  CHECK(end == SessionEnd::kQuit);
}

TEST_CASE("a slow command after a message is not taken for a slow message", "[smtp][session]") {
  auto options = server_options();
  options.data_rate = 1'000'000;
  options.data_grace = std::chrono::milliseconds(20'000);
  options.command_timeout = std::chrono::seconds(1);
  std::string last_words;
  SessionEnd end = SessionEnd::kQuit;
  async::Loop().block_on(send_slowly(options, "BDAT 3 LAST\r\nx\r\n", "", last_words, end));
  CHECK(last_words.ends_with("421 4.4.2 too long without a command\r\n"));
}

TEST_CASE("client and server agree on transactions of many recipients", "[smtp][session]") {
  const bool lmtp = GENERATE(false, true);
  auto options = server_options();
  options.features.lmtp = lmtp;
  TestHandler handler(lmtp);
  auto client = client_options();
  client.lmtp = lmtp;
  std::vector<std::string> many{"unknown@mx.test", "full@mx.test"};
  for (int i = 0; i < 900; ++i) many.push_back("r" + std::to_string(i) + "@mx.test");
  const std::string message = "Subject: x\r\n\r\n..\r\n.\r\n";
  const auto out = run(options, handler, client, {to(many, message), to({"b@mx.test"}, message)});
  REQUIRE_FALSE(out.refused);
  REQUIRE(out.results.size() == 2);
  CHECK_FALSE(out.results[0].broken);
  CHECK(out.results[0].recipients[0].code == 550);
  CHECK(out.results[0].recipients[1].code == (lmtp ? 452 : 250));
  for (std::size_t i = 2; i < many.size(); ++i) CHECK(out.results[0].recipients[i].code == 250);
  CHECK(out.results[1].recipients[0].code == 250);
  REQUIRE(handler.messages.size() == 2);
  CHECK(handler.messages[0].transaction.recipients.size() == 901);
  for (const auto& each : handler.messages) CHECK(each.bytes == message);
  CHECK(out.end == SessionEnd::kQuit);
}

TEST_CASE("large messages arrive octet by octet as they were", "[smtp][session]") {
  std::string message;
  for (int i = 0; message.size() < 3'000'000; ++i)
    message += std::string(static_cast<std::size_t>(i % 90), '.') + std::to_string(i) + "\r\n";
  TestHandler handler;
  const auto out = run(server_options(), handler, client_options(), {to({"b@mx.test"}, message)});
  CHECK(out.results.at(0).recipients[0].code == 250);
  CHECK(handler.messages.at(0).bytes == message);
}

TEST_CASE("replies to a pipelined batch leave in one write", "[smtp][session]") {
  TestHandler handler;
  auto client = client_options();
  client.starttls = StartTls::kNever;
  const auto one = run(server_options(), handler, client, {to({"b@mx.test", "d@mx.test"}, "text\r\n")});
  // The greeting, EHLO, the whole transaction by BDAT, QUIT.
  CHECK(one.server_writes == 4);
}

TEST_CASE("a small disk or a sender that is refused", "[smtp][session]") {
  TestHandler handler;
  auto full = to({"b@mx.test"}, "text\r\n");
  full.reverse_path = "diskfull@c.test";
  auto refused = to({"b@mx.test", "d@mx.test"}, "text\r\n");
  refused.reverse_path = "refused@c.test";
  const auto out = run(server_options(), handler, client_options(), {full, refused, to({"b@mx.test"}, "text\r\n")});
  REQUIRE(out.results.size() == 3);
  CHECK(out.results[0].recipients[0].code == 452);
  CHECK(out.results[1].recipients[0].code == 550);
  CHECK(out.results[1].recipients[1].code == 550);
  CHECK(out.results[2].recipients[0].code == 250);
}

namespace {

class Seen final : public net::WireWatcher {
 public:
  void take(const net::WireLine& line) override {
    if (!line.ours && !line.last) said += std::string(line.text) + "|";
  }
  std::string said;
};

async::Task<void> say_what_is_no_command(std::string said) {
  auto [mine, theirs] = net::make_pipe();
  TestHandler handler;
  async::TaskGroup group;
  SessionEnd end{};
  const auto options = server_options();
  group.spawn(run_server(std::move(theirs), options, handler, end));
  (void)co_await mine->write(said, soon());
  (void)co_await read_to_end(*mine);
  co_await group.join(soon());
}

}  // namespace

TEST_CASE("what is no command is not shown to those who look on, as it may be a login", "[smtp][session]") {
  const auto seen = std::make_shared<Seen>();
  const auto watching = net::watch_wire(seen);
  async::Loop().block_on(
      say_what_is_no_command("AUTH=PLAIN c2VjcmV0\r\nPASS reads-much\r\na LOGIN u reads-much\r\nNOOP x\r\nQUIT\r\n"));
  CHECK(seen->said == "(unknown)|(unknown)|(unknown)|NOOP x|QUIT|");
}

TEST_CASE("STARTTLS and AUTH", "[smtp][session]") {
  auto options = tls_options();
  options.features.auth_required = options.features.tls_required = true;
  TestHandler handler;
  auto client = client_options();
  client.starttls = StartTls::kRequired;
  client.login = ClientLogin{"tim", "tanstaaftanstaaf"};
  const auto out = run(options, handler, client, {to({"b@mx.test"}, "text\r\n")});
  REQUIRE_FALSE(out.refused);
  CHECK(out.client_tls);
  CHECK(out.results.at(0).recipients[0].code == 250);
  CHECK(handler.messages.at(0).tls);
  CHECK(handler.messages.at(0).login == "tim");
  CHECK(handler.messages.at(0).transaction.mail.auth == std::optional<std::string>(""));
  CHECK(handler.messages.at(0).hello == "c.test");

  client.login->password = "wrong";
  const auto wrong = run(options, handler, client, {});
  CHECK(wrong.refused->kind == ClientError::Kind::kLogin);
  CHECK(wrong.refused->reply->code == 535);

  client.login.reset();
  const auto nobody = run(options, handler, client, {to({"b@mx.test"}, "text\r\n")});
  CHECK(nobody.results.at(0).recipients[0].code == 530);
}

namespace {

/// What was said, as far as an observer sees it.
class Listener final : public ClientObserver {
 public:
  void on_reply(std::string_view command, const Reply& reply) override {
    said += fmt::format("{}:{} ", command, reply.code);
  }
  void on_tls(const net::TlsInfo&) override {}
  std::string said;
};

}  // namespace

TEST_CASE("the client logs in by the best that is offered, and shows the password to nobody who has a better way",
          "[smtp][session]") {
  const std::string offered = GENERATE("SCRAM-SHA-256-PLUS PLAIN SCRAM-SHA-256", "SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN",
                                       "LOGIN PLAIN SCRAM-SHA-1");
  auto options = tls_options();
  options.features.mechanisms.clear();
  for (const auto name : ascii::split(offered, ' ')) options.features.mechanisms.emplace_back(name);
  TestHandler handler;
  Listener listener;
  auto client = client_options();
  client.starttls = StartTls::kRequired;
  client.observer = &listener;
  client.login = ClientLogin{"tim", "tanstaaftanstaaf by SCRAM"};
  const auto out = run(options, handler, client, {to({"b@mx.test"}, "text\r\n")});
  // Our server can always bind. If -PLUS is not in the list that the client saw, somebody has taken it out.
  const bool bound = offered.contains("-PLUS");
  CHECK(out.refused.has_value() == !bound);
  if (bound) CHECK(handler.messages.at(0).login == "tim");
  const std::string expected = bound ? "AUTH:334 AUTH:334 AUTH:235 " : "AUTH:501 ";
  CHECK(listener.said == ":220 EHLO:250 STARTTLS:220 EHLO:250 " + expected);

  client.login->password = "tanstaaftanstaaf";
  const auto wrong = run(options, handler, client, {});
  CHECK(wrong.refused->kind == ClientError::Kind::kLogin);
}

TEST_CASE("TLS from the first octet (RFC 8314 section 3)", "[smtp][session]") {
  auto options = tls_options();
  options.implicit_tls = true;
  TestHandler handler;
  auto client = client_options();
  client.implicit_tls = true;
  client.login = ClientLogin{"tim", "tanstaaftanstaaf"};
  const auto out = run(options, handler, client, {to({"b@mx.test"}, "text\r\n")});
  REQUIRE_FALSE(out.refused);
  CHECK(handler.messages.at(0).tls);
}

TEST_CASE("who says QUIT in TLS hears close_notify (RFC 8446 section 6.1)", "[smtp][session]") {
  net::IoCode end{};
  async::Loop().block_on(quit_in_tls(end));
  CHECK(end == net::IoCode::kEndOfStream);
}

TEST_CASE("a certificate that is not believed ends the session", "[smtp][session]") {
  TestHandler handler;
  auto client = client_options("other_ca");
  client.starttls = StartTls::kRequired;
  const auto unknown = run(tls_options(), handler, client, {});
  CHECK(unknown.refused->kind == ClientError::Kind::kTls);
  CHECK(unknown.end == SessionEnd::kTlsFailed);
  client = client_options();
  client.server_name = "other.test";
  CHECK(run(tls_options(), handler, client, {}).refused->kind == ClientError::Kind::kTls);
}

TEST_CASE("the agent may refuse a connection", "[smtp][session]") {
  TestHandler handler;
  handler.open = Reply(554, "5.7.1", "not you");
  const auto out = run(server_options(), handler, client_options(), {});
  CHECK(out.refused->reply->code == 554);
  CHECK(out.end == SessionEnd::kRefused);
}

TEST_CASE("an idle session hears 421 when the server drains or stops", "[smtp][session]") {
  const bool by_flag = GENERATE(true, false);
  const bool tcp = GENERATE(true, false);
  std::string last_words;
  SessionEnd end = SessionEnd::kQuit;
  if (tcp)
    async::Loop().block_on(end_idle_tcp(by_flag, last_words, end));
  else
    async::Loop().block_on(end_idle_pipe(by_flag, "", last_words, end));
  CHECK(last_words == "421 4.3.2 the server is closing\r\n");
  CHECK(end == SessionEnd::kStopped);
}

TEST_CASE("a stopped server says 421 within a transaction", "[smtp][session]") {
  std::string last_words;
  SessionEnd end = SessionEnd::kQuit;
  async::Loop().block_on(end_idle_pipe(false, "EHLO c.test\r\nMAIL FROM:<a@c.test>\r\n", last_words, end));
  CHECK(last_words == "421 4.3.2 the server is closing\r\n");
}

TEST_CASE("a draining server lets a transaction end", "[smtp][session]") {
  std::string last_words;
  SessionEnd end = SessionEnd::kQuit;
  async::Loop().block_on(drain_in_transaction(last_words, end));
  CHECK(last_words.ends_with("250 2.0.0 took 6 octets\r\n421 4.3.2 the server is closing\r\n"));
  CHECK(end == SessionEnd::kStopped);
}

namespace {

/// Says what the client says first and then stands as a server on the same connection.
async::Task<std::string> turn(const ServerOptions& server, TestHandler& handler, TestHandler& mine, std::string last,
                              SessionEnd& end) {
  auto [ours, theirs] = net::make_pipe();
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), server, handler, end));
  auto client = client_options();
  client.login = ClientLogin{"tim", "tanstaaftanstaaf"};
  client.starttls = StartTls::kRequired;
  auto session = co_await ClientSession::open(std::move(ours), client);
  REQUIRE(session);
  CHECK((*session)->capabilities().atrn);
  auto reply = co_await (*session)->ask(std::move(last), std::chrono::seconds(20));
  std::string said = reply ? std::to_string(reply->code) : "closed";
  if (said == "250") {
    auto stream = (*session)->release();
    REQUIRE(stream);
    CHECK(stream->tls() != nullptr);
    ServerOptions options;
    options.features.hostname = "c.test";
    SessionEnd ignored{};
    co_await run_server(std::move(stream), options, mine, ignored);
  } else {
    co_await (*session)->quit();
  }
  const bool ended = co_await group.join(soon());
  REQUIRE(ended);
  co_return said;
}

}  // namespace

TEST_CASE("ATRN turns the connection around, with its TLS (RFC 2645)", "[smtp]") {
  auto server = tls_options();
  server.features.odmr = true;
  TestHandler handler, mine;
  SessionEnd end{};
  async::Loop loop;
  CHECK(loop.block_on(turn(server, handler, mine, "ATRN none.test\r\n", end)) == "453");
  CHECK(end == SessionEnd::kQuit);
  CHECK(loop.block_on(turn(server, handler, mine, "ATRN c.test,d.test\r\n", end)) == "250");
  CHECK(end == SessionEnd::kTurned);
  REQUIRE(handler.turned);
  CHECK(handler.turned->recipients[0].code == 250);
  REQUIRE(mine.messages.size() == 1);
  CHECK(mine.messages[0].hello == "mx.test");
  CHECK(mine.messages[0].bytes == "Subject: turned\r\n\r\nhello\r\n");
}

TEST_CASE("what follows ATRN in the same breath ends the session", "[smtp]") {
  auto server = tls_options();
  server.features.odmr = true;
  TestHandler handler, mine;
  SessionEnd end{};
  async::Loop loop;
  CHECK(loop.block_on(turn(server, handler, mine, "ATRN\r\n220 c.test ESMTP\r\n", end)) == "503");
  CHECK(end == SessionEnd::kPlaintextInjected);
  CHECK_FALSE(handler.turned);
}
