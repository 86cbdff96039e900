// What a server session says of itself, and how an operator ends it.
#include <catch2/catch.hpp>

#include "common/async/task_group.h"
#include "tests/unit/smtp/test_handler.h"

using namespace quartet;
using namespace quartet::smtp;
using namespace quartet::smtp::test;

namespace {

constexpr const char* kTransaction = "EHLO c.test\r\nMAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\n";

struct Run {
  std::string last_words;
  SessionEnd end = SessionEnd::kQuit;
  std::size_t messages = 0;
};

async::Task<std::string> read_until(net::Stream& stream, std::string what) {
  std::string text;
  while (!text.contains(what)) {
    const auto bytes = co_await stream.read_some(soon());
    if (!bytes) break;
    text += *bytes;
  }
  CHECK(text.contains(what));
  co_return text;
}

async::Task<std::string> read_to_end(net::Stream& stream) {
  std::string text;
  for (;;) {
    const auto bytes = co_await stream.read_some(soon());
    if (!bytes) co_return text;
    text += *bytes;
  }
}

/// The client says `said` and hears `heard`; then the session is ended.
async::Task<void> end_after(std::string said, std::string heard, Run& run) {
  auto [mine, theirs] = net::make_pipe();
  net::Sessions sessions;
  const auto place = sessions.enter("smtp", *theirs);
  ServerOptions options;
  options.features.hostname = "mx.test";
  options.record = &place.record();
  TestHandler handler;
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), options, handler, run.end));
  const auto sent = co_await mine->write(said, soon());
  REQUIRE(sent.has_value());
  co_await read_until(*mine, heard);
  CHECK(sessions.end(1));
  run.last_words = co_await read_to_end(*mine);
  co_await group.join();
  run.messages = handler.messages.size();
}

async::Task<void> talk(net::SessionInfo& info) {
  auto [mine, theirs] = net::make_pipe();
  net::Sessions sessions;
  const auto place = sessions.enter("smtp", *theirs);
  ServerOptions options;
  options.features.hostname = "mx.test";
  options.features.auth_in_clear = true;
  options.features.mechanisms = {"PLAIN"};
  options.record = &place.record();
  TestHandler handler;
  SessionEnd end{};
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), options, handler, end));
  // RFC 4616: tim, tanstaaftanstaaf.
  const std::string said =
      "EHLO c.test\r\nAUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\nMAIL FROM:<a@c.test>\r\n"
      "RCPT TO:<b@mx.test>\r\nDATA\r\n";
  const auto sent = co_await mine->write(said, soon());
  REQUIRE(sent.has_value());
  co_await read_until(*mine, "354");
  const auto message = co_await mine->write("text\r\n.\r\nNOOP\r\n", soon());
  REQUIRE(message.has_value());
  co_await read_until(*mine, "250 2.0.0");
  (void)co_await mine->write("RSET\r\n", soon());
  co_await read_until(*mine, "250");
  info = sessions.list()[0];
  mine.reset();
  co_await group.join();
}

}  // namespace

TEST_CASE("a session is ended where it waits for its client", "[smtp]") {
  Run run;
  async::Loop loop;
  SECTION("idle") { loop.block_on(end_after("EHLO c.test\r\n", "250 ", run)); }
  SECTION("in a transaction") { loop.block_on(end_after(kTransaction, "recipient ok\r\n", run)); }
  SECTION("in a message") { loop.block_on(end_after(std::string(kTransaction) + "DATA\r\ntext\r\n", "354", run)); }
  CHECK(run.last_words.ends_with("421 4.3.2 the operator ends this session\r\n"));
  CHECK(run.end == SessionEnd::kStopped);
  CHECK(run.messages == 0);
}

TEST_CASE("a session says of itself what it does", "[smtp]") {
  net::SessionInfo info;
  async::Loop loop;
  loop.block_on(talk(info));
  CHECK(info.hello == "c.test");
  CHECK(info.login == "tim");
  CHECK(info.messages == 1);
  CHECK((info.last_command == "NOOP" || info.last_command == "RSET"));
  CHECK(info.tls.empty());
}
