#include "common/mime/section.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/unit/mime/letters.h"

using namespace quartet::mime;

namespace {
std::string get(std::string_view message, std::string_view section) {
  const auto parsed = parse_section(section);
  REQUIRE(parsed);
  return section_bytes(message, parse_structure(message), *parsed).value_or("NIL");
}
}  // namespace

TEST_CASE("sections are parsed and printed", "[mime]") {
  for (const char* text : {"", "1", "1.2.3", "HEADER", "TEXT", "1.MIME", "1.2.HEADER", "HEADER.FIELDS (From To)",
                           "3.HEADER.FIELDS.NOT (X-Spam)", "HEADER.FIELDS (\"a b\")"}) {
    const auto section = parse_section(text);
    REQUIRE(section);
    CHECK(to_string(*section) == text);
  }
  CHECK(to_string(*parse_section("header.fields (\"From\")")) == "HEADER.FIELDS (From)");
  for (const char* bad : {"0", "1.", "1.0", ".1", "MIME", "HEADER.FIELDS", "HEADER.FIELDS ()", "HEADER.FIELDS (a",
                          "FOO", "TEXT (a)", "1 2", "99999999999", "1.TEXT.1"})
    CHECK_FALSE(parse_section(bad));
}

TEST_CASE("sections give the bytes of RFC 3501 section 6.4.5", "[mime]") {
  const std::string message = nested_letter();
  CHECK(get(message, "") == message);
  CHECK(get(message, "HEADER").starts_with("From: Ann"));
  CHECK(get(message, "HEADER").ends_with("\r\n\r\n"));
  CHECK(get(message, "HEADER") + get(message, "TEXT") == message);
  CHECK(get(message, "1.1") == "plain text");
  CHECK(get(message, "1.2") == "<p>html=20text</p>\r\n");
  CHECK(get(message, "1.2.MIME").starts_with("Content-Type: text/html"));
  CHECK(get(message, "1.MIME").starts_with("Content-Type: multipart/alternative"));
  CHECK(get(message, "2").starts_with("Subject: inside"));
  CHECK(get(message, "2.HEADER").starts_with("Subject: inside"));
  CHECK(get(message, "2.TEXT").starts_with("--d\r\n"));
  CHECK(get(message, "2.1").starts_with("Subject: one"));
  CHECK(get(message, "2.1.1") == "first");
  CHECK(get(message, "2.1.HEADER") == "Subject: one\r\n\r\n");
  CHECK(get(message, "2.2") == "second");
  CHECK(get(message, "HEADER.FIELDS (subject)") == "Subject: nested\r\n\r\n");
  CHECK(get(message, "HEADER.FIELDS.NOT (subject from content-type)") == "MIME-Version: 1.0\r\n\r\n");
  CHECK(get(message, "HEADER.FIELDS (X-None)") == "\r\n");
  for (const char* none : {"3", "1.3", "1.1.1", "1.HEADER", "1.1.TEXT", "2.2.HEADER", "2.1.2"})
    CHECK(get(message, none) == "NIL");
}

TEST_CASE("a message of one part has a part 1", "[mime]") {
  const std::string message = "Subject: x\n\nbody\n";
  CHECK(get(message, "1") == "body\n");
  CHECK(get(message, "1.MIME") == "Subject: x\n\n");
  CHECK(get(message, "2") == "NIL");
  CHECK(get(message, "1.1") == "NIL");
}

TEST_CASE("fields are selected by many names as by few", "[mime]") {
  const std::string header = "Subject: one\r\nX-7: seven\r\nTO: b\r\nsubject: two\r\nX-77: other\r\n\r\n";
  std::vector<std::string> names{"subject", "To"};
  for (int n = 0; n < 40; ++n) names.push_back("x-" + std::to_string(n));
  CHECK(select_fields(header, names, false) == "Subject: one\r\nX-7: seven\r\nTO: b\r\nsubject: two\r\n\r\n");
  CHECK(select_fields(header, names, true) == "X-77: other\r\n\r\n");
}
