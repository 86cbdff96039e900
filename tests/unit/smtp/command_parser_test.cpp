#include "common/smtp/command_parser.h"

#include <catch2/catch.hpp>

#include <vector>

using namespace quartet::smtp;

namespace {

const char* name_of(LineError error) {
  switch (error) {
    case LineError::kTooLong:
      return "too long";
    case LineError::kAuthTooLong:
      return "AUTH too long";
    case LineError::kBareCrOrLf:
      return "bare";
  }
  return "";
}

/// Verb and argument of each event, or the error's name.
std::vector<std::string> events(std::string_view input, std::size_t chunk, std::size_t limit = 4096) {
  CommandParser parser(limit);
  std::vector<std::string> seen;
  for (; !input.empty(); input.remove_prefix(std::min(chunk, input.size()))) {
    parser.feed(input.substr(0, chunk));
    while (const auto event = parser.next()) {
      if (*event)
        seen.push_back(std::string(to_string((*event)->verb)) + "|" + (*event)->argument);
      else
        seen.emplace_back(name_of(event->error()));
    }
  }
  return seen;
}

}  // namespace

TEST_CASE("commands do not depend on how the bytes were split", "[smtp]") {
  const std::size_t chunk = GENERATE(1, 2, 7, 4096);
  CHECK(events("ehlo a.test\r\nMAIL FROM:<x@a.test> SIZE=9\r\nQUIT\r\n", chunk) ==
        std::vector<std::string>{"EHLO|a.test", "MAIL|FROM:<x@a.test> SIZE=9", "QUIT|"});
  CHECK(events("\r\n \r\nNOOP \r\nNoOp  x \r\nMAILX\r\nMAI\r\nbdat 5 LAST\r\nStartTLS\r\n", chunk) ==
        std::vector<std::string>{"unknown|", "unknown|", "NOOP|", "NOOP| x", "unknown|", "unknown|", "BDAT|5 LAST",
                                 "STARTTLS|"});
}

TEST_CASE("a bare LF or CR is an error, never a line ending (RFC 5321 section 2.3.8)", "[smtp]") {
  const std::size_t chunk = GENERATE(1, 3, 4096);
  CHECK(events("NOOP\nMAIL\r\n", chunk) == std::vector<std::string>{"bare", "MAIL|"});
  CHECK(events("NOOP\rMAIL\r\n", chunk) == std::vector<std::string>{"bare"});
  CHECK(events("NOOP\r\r\n", chunk) == std::vector<std::string>{"bare"});
  CHECK(events("\n", chunk) == std::vector<std::string>{"bare"});
  CHECK(events("QUIT\r\n\nQUIT\r\n", chunk) == std::vector<std::string>{"QUIT|", "bare", "QUIT|"});
  CHECK(events("\r", chunk).empty());
}

TEST_CASE("a line past the limit is reported once and skipped (RFC 5321 section 4.5.3.1.4)", "[smtp]") {
  const std::size_t chunk = GENERATE(1, 2, 9, 10, 11, 4096);
  CHECK(events("NOOP 678\r\nQUIT\r\n", chunk, 10) == std::vector<std::string>{"NOOP|678", "QUIT|"});
  CHECK(events("NOOP 6789\r\nQUIT\r\n", chunk, 10) == std::vector<std::string>{"too long", "QUIT|"});
  CHECK(events("NOOP " + std::string(5000, 'x') + "\r\nQUIT\r\n", chunk, 10) ==
        std::vector<std::string>{"too long", "QUIT|"});
  CHECK(events(std::string(5000, 'x') + "\n" + std::string(5000, '\r') + "\nQUIT\r\n", chunk, 10) ==
        std::vector<std::string>{"too long", "too long", "QUIT|"});
}

TEST_CASE("blanks at the end of a command are nothing, those before the verb are (RFC 5321 section 4.1.1)", "[smtp]") {
  CHECK(events("RSET \r\nQUIT \t \r\nAUTH LOGIN \r\nBDAT 0 LAST  \r\n", 4096, 64) ==
        std::vector<std::string>{"RSET|", "QUIT|", "AUTH|LOGIN", "BDAT|0 LAST"});
  CHECK(events("MAIL FROM:< a@b.test > \r\n", 4096, 64) == std::vector<std::string>{"MAIL|FROM:< a@b.test >"});
  CommandParser parser;
  parser.feed(" QUIT \r\n\tQUIT\r\n  \r\n");
  for (int i = 0; i < 3; ++i) CHECK((*parser.next())->verb == Verb::kUnknown);
}

TEST_CASE("message data passes by and the parser goes on behind it", "[smtp]") {
  CommandParser parser;
  parser.feed("BDAT 7 LAST\r\nab\ncd\r\nNOOP\r\n");
  CHECK((*parser.next())->argument == "7 LAST");
  CHECK(parser.unconsumed().substr(0, 7) == "ab\ncd\r\n");
  parser.consume(7);
  CHECK((*parser.next())->verb == Verb::kNoop);
  CHECK(parser.unconsumed().empty());
  CHECK_FALSE(parser.next().has_value());
}

TEST_CASE("a long pipeline is taken in order", "[smtp]") {
  CommandParser parser;
  std::string all;
  for (int i = 0; i < 20000; ++i) all += "NOOP " + std::to_string(i) + "\r\n";
  parser.feed(all);
  for (int i = 0; i < 20000; ++i) REQUIRE((*parser.next())->argument == std::to_string(i));
  CHECK_FALSE(parser.next().has_value());
}

TEST_CASE("a response within AUTH is a line by itself, of its own limit (RFC 4954 section 4)", "[smtp]") {
  CommandParser parser(16);
  parser.feed(std::string(100, 'A') + "\r\n*\r\n" + std::string(101, 'B') + "\r\nQUIT\r\n");
  CHECK(**parser.next_line(102) == std::string(100, 'A'));
  CHECK(**parser.next_line(102) == "*");
  CHECK(parser.next_line(102)->error() == LineError::kTooLong);
  CHECK((*parser.next())->verb == Verb::kQuit);
}

TEST_CASE("AUTH has room for a token that comes along with it", "[smtp]") {
  const std::size_t chunk = GENERATE(1, 7, 4096, 20000);
  const std::string longest(kMostAuthLine - std::string_view("AUTH XOAUTH2 \r\n").size(), 'A');
  CHECK(events("auth XOAUTH2 " + longest + "\r\nQUIT\r\n", chunk, 512) ==
        std::vector<std::string>{"AUTH|XOAUTH2 " + longest, "QUIT|"});
  CHECK(events("AUTH XOAUTH2 A" + longest + "\r\nQUIT\r\n", chunk, 512) ==
        std::vector<std::string>{"AUTH too long", "QUIT|"});
  CHECK(events("AUTHX " + longest + "\r\nQUIT\r\n", chunk, 512) == std::vector<std::string>{"too long", "QUIT|"});
}
