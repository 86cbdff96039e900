#include "common/smtp/reply.h"

#include <catch2/catch.hpp>

using namespace quartet::smtp;

namespace {

struct Seen {
  std::vector<Reply> replies;
  std::optional<ReplyError> error;
};

Seen parse(std::string_view input, std::size_t chunk = 4096) {
  ReplyParser parser;
  Seen seen;
  for (; !input.empty() && !seen.error; input.remove_prefix(std::min(chunk, input.size()))) {
    parser.feed(input.substr(0, chunk));
    while (auto event = parser.next()) {
      if (!*event) {
        seen.error = event->error();
        break;
      }
      seen.replies.push_back(**event);
    }
  }
  return seen;
}

Reply reply(int code, std::string enhanced, std::vector<std::string> lines) {
  Reply made(code, std::move(enhanced), "");
  made.lines = std::move(lines);
  return made;
}

}  // namespace

TEST_CASE("replies do not depend on how the bytes were split (RFC 5321 section 4.2)", "[smtp]") {
  const std::size_t chunk = GENERATE(1, 2, 5, 4096);
  const auto seen = parse(
      "220 mx.test ESMTP\r\n250-mx.test\r\n250-SIZE 9\r\n250 DSN\r\n250 2.1.0 fine\r\n354\r\n"
      "550-5.1.1 no\r\n550 5.1.1 such user\r\n",
      chunk);
  CHECK_FALSE(seen.error);
  CHECK(seen.replies == std::vector<Reply>{reply(220, "", {"mx.test ESMTP"}),
                                           reply(250, "", {"mx.test", "SIZE 9", "DSN"}), reply(250, "2.1.0", {"fine"}),
                                           reply(354, "", {""}), reply(550, "5.1.1", {"no", "such user"})});
  CHECK(seen.replies.back().text() == "no such user");
}

TEST_CASE("an enhanced code is one only in its class and at the front (RFC 2034 section 4)", "[smtp]") {
  CHECK(parse("250 5.1.0 x\r\n").replies == std::vector<Reply>{reply(250, "", {"5.1.0 x"})});
  CHECK(parse("250 2.1 x\r\n").replies == std::vector<Reply>{reply(250, "", {"2.1 x"})});
  CHECK(parse("250 2.1.1000 x\r\n").replies == std::vector<Reply>{reply(250, "", {"2.1.1000 x"})});
  CHECK(parse("250 2.0.0\r\n").replies == std::vector<Reply>{reply(250, "2.0.0", {""})});
  // An EHLO line that looks like one is text.
  CHECK(parse("250-mx.test\r\n250 2.0.0 x\r\n").replies == std::vector<Reply>{reply(250, "", {"mx.test", "2.0.0 x"})});
}

TEST_CASE("a lone LF ends a reply's line: servers that send it exist, and nothing follows from it", "[smtp]") {
  CHECK(parse("250 a\n250 b\r\n").replies.size() == 2);
}

TEST_CASE("what is no reply is an error", "[smtp]") {
  const std::size_t chunk = GENERATE(1, 4096);
  for (const char* bad : {"\r\n", "25\r\n", "2500 x\r\n", "abc\r\n", "199 x\r\n", "600 x\r\n", "250_x\r\n", "+50 x\r\n",
                          "250-a\r\n251 b\r\n", "SSH-2.0-OpenSSH\r\n"}) {
    INFO(bad);
    CHECK(parse(bad, chunk).error == ReplyError::kMalformed);
  }
}

TEST_CASE("replies have a size", "[smtp]") {
  const std::size_t chunk = GENERATE(1, 2048, 2049, 1 << 20);
  CHECK_FALSE(parse("250 " + std::string(2044, 'x') + "\r\n", chunk).error);
  CHECK(parse("250 " + std::string(2045, 'x') + "\r\n", chunk).error == ReplyError::kTooLong);
  CHECK(parse(std::string(100'000, 'x'), chunk).error == ReplyError::kTooLong);
  std::string many;
  for (int i = 0; i < 511; ++i) many += "250-x\r\n";
  CHECK_FALSE(parse(many + "250 x\r\n", chunk).error);
  CHECK(parse(many + "250-x\r\n250 x\r\n", chunk).error == ReplyError::kTooLong);
}

TEST_CASE("what is written is read back", "[smtp]") {
  for (const auto& each : {reply(250, "2.1.5", {"a", "b", ""}), reply(354, "", {"go"}), reply(421, "4.4.2", {""})}) {
    const auto seen = parse(format(each));
    CHECK(seen.replies == std::vector<Reply>{each});
  }
  // Text that quotes a peer cannot end the line.
  CHECK(format(Reply(550, "5.1.1", "no \r\n250 ok\x7f")) == "550 5.1.1 no ??250 ok?\r\n");
}

TEST_CASE("classes of replies", "[smtp]") {
  CHECK(Reply(250, "", "").positive());
  CHECK(Reply(451, "", "").transient());
  CHECK(Reply(550, "", "").permanent());
  CHECK_FALSE(Reply().positive());
}

TEST_CASE("of a reply without measure only the beginning is kept as text", "[smtp]") {
  const std::string line(2000, 'x');
  CHECK(reply(550, "", {line}).text() == line);
  CHECK(reply(550, "", {line, std::string(47, 'y')}).text() == line + " " + std::string(47, 'y'));
  // The 2048th octet is any of a character's four.
  const auto before = GENERATE(44, 45, 46, 47);
  const auto first = line + " " + std::string(static_cast<std::size_t>(before), 'y');
  auto endless = reply(550, "", {line, std::string(static_cast<std::size_t>(before), 'y') + "\U0001F4EE after it"});
  endless.lines.resize(512, line);
  CHECK(endless.text() == first + "...");
  // What is not UTF-8 has no boundaries.
  CHECK(reply(550, "", {line, std::string(2000, '\x80')}).text() == line + " " + std::string(47, '\x80') + "...");
}
