// Messages that are read while they are sent: as they are, in whatever part, and whatever happens to them meanwhile.
#include "common/mime/downgrade.h"
#include "common/mime/transfer.h"
#include "imapd/pop3_session.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

/// Bytes, NUL among them, of which no piece is like another.
std::string noise(std::size_t size) {
  std::string bytes;
  for (std::uint32_t state = 1; bytes.size() < size; state = state * 1664525 + 1013904223)
    bytes += static_cast<char>(state >> 24);
  return bytes;
}

std::string lines(std::string_view begin, std::string_view end, std::size_t size) {
  std::string text;
  for (int n = 0; text.size() < size; ++n) text.append(begin).append(std::to_string(n)).append(end).append("\r\n");
  return text;
}

const std::string kHeader =
    "From: bob@b.test\r\nSubject: large\r\nX-Kept-By-Nobody: value\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=x\r\n\r\n";

struct Parts {
  std::string plain = lines("..dots \xC3\xA4 ", "", 700'000);
  std::string bytes = noise(600'000);
  std::string base64 = [this] {
    std::string text;
    mime::append_base64(text, bytes);
    return text;
  }();
  std::string quoted = lines("=C3=BC soft=\r\n", "=20", 600'000);
  std::string text() const {
    return "--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + plain +
           "\r\n--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64 +
           "\r\n--x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted +
           "\r\n--x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: rot13\r\n\r\nabc\r\n--x--\r\n";
  }
};

std::string literal(std::string_view bytes, bool literal8 = false) {
  return (literal8 ? "~{" : "{") + std::to_string(bytes.size()) + "}\r\n" + std::string(bytes);
}

/// Fetches the item and compares, without a word of the octets where they are not the same.
async::Task<void> check(Client& client, std::string item, std::string expected) {
  INFO(item);
  const auto told = co_await client.say("FETCH 1 (" + item + ")");
  CHECK((told.size() == 2 && told[0] == "* 1 FETCH (" + expected + ")"));
  CHECK(told.back() == "OK Fetched");
}

/// All that the stream has, up to `end`, if it comes.
async::Task<void> read_until(net::Stream& stream, std::string_view end, std::string& text) {
  while (!text.contains(end)) {
    const auto more = co_await stream.read_some(soon());
    if (!more) co_return;
    text += *more;
  }
}

/// Expunges all of INBOX, and what was kept of it for others is collected.
async::Task<void> collect(Server& here) {
  const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
  REQUIRE(inbox.has_value());
  const auto removed = co_await here.store().remove_messages(inbox->ref, {{1, 9}});
  REQUIRE(removed.has_value());
  const auto report = co_await here.store().gc();
  REQUIRE(report.has_value());
  CHECK(report->objects_released == 1);
}

/// Whether what is collected is gone for who reads it just then.
bool collected_is_gone() { return std::getenv("QUARTET_TEST_POSTGRES") != nullptr; }

}  // namespace

TEST_CASE("large messages and their parts are sent as they are", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const Parts parts;
    const auto text = parts.text();
    const auto message = kHeader + text;
    co_await here.deliver(message);
    co_await client.say("EXAMINE INBOX");
    co_await check(client, "BODY[]", "BODY[] " + literal(message));
    co_await check(client, "RFC822 UID", "RFC822 " + literal(message) + " UID 1");
    co_await check(client, "RFC822.TEXT", "RFC822.TEXT " + literal(text));
    co_await check(client, "BODY[HEADER] BODY[TEXT]",
                   "BODY[HEADER] " + literal(kHeader) + " BODY[TEXT] " + literal(text));
    co_await check(client, "BODY[1] BODY[7] BODY[3]",
                   "BODY[1] " + literal(parts.plain) + " BODY[7] NIL BODY[3] " + literal(parts.quoted));
    co_await check(client, "BODY[2]", "BODY[2] " + literal(parts.base64));
    co_await check(client, "BODY[HEADER.FIELDS (X-Kept-By-Nobody)] BODY[1]",
                   "BODY[HEADER.FIELDS (X-Kept-By-Nobody)] " + literal("X-Kept-By-Nobody: value\r\n\r\n") +
                       " BODY[1] " + literal(parts.plain));
    co_await check(client, "BODY[]<300000.600000>", "BODY[]<300000> " + literal(message.substr(300'000, 600'000)));
    co_await check(client, "BODY[]<262144.262144>", "BODY[]<262144> " + literal(message.substr(262'144, 262'144)));
    co_await check(client, "BODY[2]<1.500000> BODY[]<9999999.1>",
                   "BODY[2]<1> " + literal(parts.base64.substr(1, 500'000)) + " BODY[]<9999999> {0}\r\n");
  });
}

TEST_CASE("parts of large messages are decoded while they are sent", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const Parts parts;
    const auto message = kHeader + parts.text();
    const auto quoted = mime::decode(mime::Encoding::kQuotedPrintable, parts.quoted);
    co_await here.deliver(message);
    co_await client.say("EXAMINE INBOX");
    co_await check(client, "BINARY[]", "BINARY[] " + literal(message));
    co_await check(client, "BINARY[1]", "BINARY[1] " + literal(parts.plain));
    co_await check(client, "BINARY[2] BINARY.SIZE[2]",
                   "BINARY[2] " + literal(parts.bytes, true) + " BINARY.SIZE[2] 600000");
    co_await check(client, "BINARY[3]", "BINARY[3] " + literal(quoted));
    co_await check(client, "BINARY[2]<300001.200000>",
                   "BINARY[2]<300001> " + literal(std::string_view(parts.bytes).substr(300'001, 200'000), true));
    co_await check(client, "BINARY[3]<300000.1000000> BINARY[7]",
                   "BINARY[3]<300000> " + literal(std::string_view(quoted).substr(300'000)) + " BINARY[7] NIL");
    const auto told = co_await client.say("FETCH 1 (BINARY[4] BODY[1])");
    CHECK((told[0] == "* 1 FETCH (BINARY[4] NIL BODY[1] " + literal(parts.plain) + ")"));
    CHECK(told.back().starts_with("NO [UNKNOWN-CTE]"));
  });
}

TEST_CASE("NUL in a large message is sent as something else, and literals keep their length", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    auto message = "Subject: NUL\r\n\r\n" + noise(600'000);
    co_await here.deliver(message);
    co_await client.say("EXAMINE INBOX");
    co_await check(client, "BINARY[]", "BINARY[] " + literal(message, true));
    std::ranges::replace(message, '\0', '?');
    co_await check(client, "BODY[]", "BODY[] " + literal(message));
  });
}

TEST_CASE("a header too long to be kept is found in a large message", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver("Subject: x\r\nReferences: " + lines(" <", "@b.test>", 500'000) + "To: ann@a.test\r\n\r\n" +
                          lines("", "", 600'000));
    co_await client.say("EXAMINE INBOX");
    const std::string name = "BODY[HEADER.FIELDS (TO)]";
    co_await check(client, name, name + " " + literal("To: ann@a.test\r\n\r\n"));
  });
}

TEST_CASE("what was announced of a message is sent though it is expunged meanwhile, or the session ends", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const auto message = "Subject: x\r\n\r\n" + lines("", "", 1'000'000);
    co_await here.deliver(message);
    co_await client.say("SELECT INBOX");
    co_await client.send("a FETCH 1 BODY.PEEK[]\r\n");
    auto stream = client.take_stream();
    const auto expected = "* 1 FETCH (BODY[] " + literal(message) + ")\r\n";
    std::string text;
    co_await read_until(*stream, "Subject: x", text);
    co_await collect(here);
    co_await read_until(*stream, "\r\na ", text);
    if (collected_is_gone())
      CHECK((text.size() < expected.size() && expected.starts_with(text)));
    else
      CHECK((text.starts_with(expected) && text.substr(expected.size()).starts_with("a OK ")));
    client.put_stream(std::move(stream));
  });
}

namespace {

async::Task<void> log_in(Client& client) {
  co_await client.line();
  co_await client.send("USER ann@a.test\r\nPASS secret\r\n");
  for (int n = 0; n < 2; ++n) {
    const auto in = co_await client.line();
    CHECK(in.starts_with("+OK "));
  }
}

/// As POP3 sends it, whose lines end by CRLF all.
std::string stuffed(std::string_view text) {
  std::string out = "\r\n" + std::string(text);
  for (auto at = out.find("\r\n."); at != std::string::npos; at = out.find("\r\n.", at + 3)) out.insert(at + 2, 1, '.');
  return out.substr(2) + ".\r\n";
}

async::Task<void> check_pop3(Client& client, std::string command, std::string expected) {
  INFO(command);
  co_await client.send(command + "\r\n");
  auto stream = client.take_stream();
  std::string text;
  co_await read_until(*stream, "\r\n.\r\n", text);
  client.put_stream(std::move(stream));
  CHECK((text == "+OK Here it is\r\n" + stuffed(expected)));
}

}  // namespace

TEST_CASE("POP3 sends large messages while they are read", "[pop3]") {
  Server server;
  server.protocol = imapd::serve_pop3;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    const std::string header = "Subject: x\r\n\r\n";
    const auto ascii = header + lines(".dot ", ".", 300'000) + lines("", "\r\n.", 300'000);
    const auto utf8 = "Subject: \xC3\xA4\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n" +
                      lines(".\xC3\xBC ", "", 600'000) + "\r\n--x\r\nContent-Description: \xC3\xBC\r\n\r\n" +
                      lines("", "\xC3\xB6", 300'000) + "\r\n--x--\r\n";
    co_await here.deliver(ascii);
    co_await here.deliver(utf8);
    co_await log_in(client);
    co_await check_pop3(client, "RETR 1", ascii);
    co_await check_pop3(client, "TOP 1 0", header);
    co_await check_pop3(client, "TOP 1 2", header + ".dot 0.\r\n.dot 1.\r\n");
    const auto end = ascii.find("\r\n", 290'000) + 2;
    const auto count = std::ranges::count(ascii.substr(header.size(), end - header.size()), '\n');
    co_await check_pop3(client, "TOP 1 " + std::to_string(count), ascii.substr(0, end));
    co_await check_pop3(client, "TOP 1 99999999", ascii);
    const auto downgraded = mime::downgrade(utf8).value();
    CHECK(downgraded.contains("\r\nContent-Description: =?"));
    co_await check_pop3(client, "TOP 2 0", downgraded.substr(0, downgraded.find("--x")));
    co_await check_pop3(client, "TOP 2 99999999", downgraded);
    co_await check_pop3(client, "RETR 2", downgraded);
    const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
    REQUIRE(inbox.has_value());
    CHECK(inbox->status.unseen == 2);
    co_await client.send("QUIT\r\n");
    const auto bye = co_await client.line();
    CHECK(bye == "+OK Bye");
    const auto seen = co_await here.store().find("ann@a.test", "INBOX");
    REQUIRE(seen.has_value());
    CHECK(seen->status.unseen == 0);
    auto other = here.second();
    co_await other.send("UTF8\r\n");
    co_await other.line();
    co_await log_in(other);
    co_await check_pop3(other, "RETR 2", utf8);
    co_await check_pop3(other, "TOP 2 0", utf8.substr(0, utf8.find("--x")));
    co_await other.send("QUIT\r\n");
    co_await other.line();
  });
}

TEST_CASE("who goes while POP3 sends a message has not deleted it, whatever was sent along", "[pop3]") {
  Server server;
  server.protocol = imapd::serve_pop3;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver("Subject: x\r\n\r\n" + lines("", "", 1'000'000));
    co_await log_in(client);
    co_await client.send("RETR 1\r\nDELE 1\r\nQUIT\r\n");
    auto stream = client.take_stream();
    std::string text;
    co_await read_until(*stream, "Subject: x", text);
    stream.reset();
  });
  server.run([](Client&, Server& here) -> async::Task<void> {
    const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
    REQUIRE(inbox.has_value());
    CHECK(inbox->status.messages == 1);
  });
}

TEST_CASE("a message that is expunged while POP3 sends it is sent to its end, or the session ends", "[pop3]") {
  Server server;
  server.protocol = imapd::serve_pop3;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    const auto message = "Subject: x\r\n\r\n" + lines("", "", 1'000'000);
    co_await here.deliver(message);
    co_await log_in(client);
    co_await client.send("RETR 1\r\n");
    auto stream = client.take_stream();
    std::string text;
    co_await read_until(*stream, "Subject: x", text);
    co_await collect(here);
    co_await read_until(*stream, "\r\n.\r\n", text);
    const auto expected = "+OK Here it is\r\n" + message + ".\r\n";
    if (collected_is_gone())
      CHECK((text.size() < expected.size() && expected.starts_with(text) && !text.contains("\r\n.\r\n")));
    else
      CHECK((text == expected));
  });
}
