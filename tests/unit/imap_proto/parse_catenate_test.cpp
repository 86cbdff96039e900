// CATENATE: RFC 4469 section 5; UTF8 in it: RFC 9755 section 4.
#include "parse.h"

using namespace quartet::imapd;

TEST_CASE("messages are put together from texts and URLs", "[imap]") {
  const auto append = parsed<Append>(
      "a APPEND Drafts (\\Seen) CATENATE (URL \"/Drafts/;UID=20/;section=HEADER\" TEXT {5+}\r\nabc\r\n "
      "url {6+}\r\n;UID=1) {1+}\r\nx catenate (TEXT {0+}\r\n)");
  REQUIRE(append.items.size() == 3);
  const auto& parts = append.items[0].parts;
  REQUIRE(parts.size() == 3);
  CHECK(append.items[0].flags == std::vector<std::string>{"\\Seen"});
  CHECK(parts[0].url == "/Drafts/;UID=20/;section=HEADER");
  CHECK_FALSE(parts[1].url);
  CHECK(parts[1].text == "abc\r\n");
  CHECK(parts[2].url == ";UID=1");
  CHECK(append.items[1].parts.empty());
  CHECK(append.items[1].message == "x");
  REQUIRE(append.items[2].parts.size() == 1);
  CHECK(append.items[2].parts[0].text.empty());
}

TEST_CASE("UTF-8 in a part is announced", "[imap]") {
  const auto item = parsed<Replace>("a REPLACE 1 Drafts CATENATE (UTF8 (~{2+}\r\n\xC3\xBC) TEXT {1+}\r\nx)").item;
  CHECK(item.utf8);
  REQUIRE(item.parts.size() == 2);
  CHECK(item.parts[0].text == "\xC3\xBC");
  CHECK(item.parts[1].text == "x");
}

TEST_CASE("CATENATE needs parts, each of a known kind", "[imap]") {
  error_of("a APPEND Drafts CATENATE ()");
  error_of("a APPEND Drafts CATENATE {1+}\r\nx");
  error_of("a APPEND Drafts CATENATE (TEXT \"x\")");
  error_of("a APPEND Drafts CATENATE (TEXT ~{1+}\r\nx)");
  error_of("a APPEND Drafts CATENATE (UTF8 ({1+}\r\nx))");
  error_of("a APPEND Drafts CATENATE (UTF8 (~{1+}\r\nx)");
  error_of("a APPEND Drafts CATENATE (FILE x)");
  error_of("a APPEND Drafts CATENATE (URL )");
  error_of("a APPEND Drafts CATENATE (TEXT {1+}\r\nx");
  std::string many = "a APPEND Drafts CATENATE (URL /x";
  for (int n = 0; n < 1000; ++n) many += " URL /x";
  CHECK(error_of(many + ")").kind == ParseError::Kind::kLimit);
}
