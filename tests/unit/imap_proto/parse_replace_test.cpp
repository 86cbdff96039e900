// REPLACE: RFC 8508.
#include "parse.h"

using namespace quartet::imapd;

TEST_CASE("REPLACE names one message", "[imap]") {
  const auto replace = parsed<Replace>("a REPLACE 4 Drafts (\\Seen \\Draft) {3+}\r\nnew");
  CHECK(replace.message.to_string() == "4");
  CHECK(replace.mailbox == "Drafts");
  CHECK(replace.item.flags == std::vector<std::string>{"\\Seen", "\\Draft"});
  CHECK(replace.item.message == "new");
  CHECK(parsed<Replace>("a UID REPLACE * {3+}\r\nabc ~{1+}\r\nx").item.binary);
  error_of("a REPLACE 4:5 Drafts {1+}\r\nx");
  error_of("a REPLACE 4,6 Drafts {1+}\r\nx");
  error_of("a REPLACE $ Drafts {1+}\r\nx");
  error_of("a REPLACE 4 Drafts");
  error_of("a REPLACE 4 Drafts {1+}\r\nx {1+}\r\ny");
}

TEST_CASE("the message of a REPLACE may be as long as that of an APPEND, its mailbox may not", "[imap]") {
  const auto first = [](std::string_view text, std::string_view more = {}) {
    CommandReader reader({.literal = 10, .message = 100, .messages = 200});
    reader.feed(text);
    reader.feed(more);
    return reader.next();
  };
  const auto asked = first("a UID REPLACE 4 Drafts {50}\r\n");
  REQUIRE(std::holds_alternative<LiteralRequest>(asked));
  CHECK(std::get<LiteralRequest>(asked).message);
  CHECK(std::holds_alternative<RawCommand>(first("a REPLACE 4 {3+}\r\nabc {50+}\r\n", std::string(50, 'x') + "\r\n")));
  const auto name = first("a REPLACE 4 {50+}\r\n", std::string(50, 'x') + " {1+}\r\nx\r\n");
  REQUIRE(std::holds_alternative<BadLine>(name));
  CHECK(std::get<BadLine>(name).reason == BadReason::kLiteralTooBig);
}
