#include "common/mime/header.h"

#include <catch2/catch.hpp>

using namespace quartet::mime;

TEST_CASE("fields keep their folding, and lines may end in LF", "[mime]") {
  const std::string crlf = "Subject: one\r\n two\r\n\tthree\r\nTo : a@x.test\r\nX-Empty:\r\n\r\nbody\r\n";
  std::string lf = crlf;
  std::erase(lf, '\r');
  for (const std::string& text : {crlf, lf}) {
    const Header header(text);
    REQUIRE(header.fields().size() == 3);
    CHECK(header.text("subject") == "one two\tthree");
    CHECK(header.fields()[1].name == "To");  // obsolete white space before the colon (RFC 5322 section 4.5)
    CHECK(header.text("TO") == "a@x.test");
    CHECK(header.text("X-Empty").empty());
    CHECK(header.find("X-Empty") != nullptr);
    CHECK(header.find("X-None") == nullptr);
    CHECK(header.terminated());
    CHECK(text.substr(header.size()).starts_with("body"));
    std::string raw;
    for (const Field& field : header.fields()) {
      CHECK(field.offset == raw.size());
      raw += field.raw;
    }
    CHECK(raw == text.substr(0, header.fields_size()));
  }
}

TEST_CASE("a header ends at what is no field, or with the message", "[mime]") {
  const Header early("A: b\r\nthis is text\r\n\r\nmore");
  CHECK(early.size() == 6);
  CHECK_FALSE(early.terminated());
  const Header cut("A: b\r\nC: d");
  CHECK(cut.fields().size() == 2);
  CHECK(cut.text("C") == "d");
  CHECK(cut.size() == 10);
  const Header none("\r\nA: b\r\n");
  CHECK(none.fields().empty());
  CHECK(none.size() == 2);
  CHECK(none.terminated());
  CHECK(Header("").size() == 0);
  CHECK(Header(" folded from nothing\r\n\r\n").size() == 0);
  CHECK(Header(": no name\r\n\r\n").size() == 0);
}

TEST_CASE("an mbox separator before the header is no field", "[mime]") {
  const Header header("From ann@a.test Tue Nov 24 13:05:09 2026\r\nSubject: x\r\n\r\n");
  REQUIRE(header.fields().size() == 1);
  CHECK(header.text("Subject") == "x");
  CHECK(header.terminated());
}

TEST_CASE("limits of a header", "[mime]") {
  std::string many;
  for (int i = 0; i < 50; ++i) many += "X: y\r\n";
  many += "\r\nbody";
  HeaderLimits limits;
  limits.fields = 10;
  const Header few(many, limits);
  CHECK(few.fields().size() == 10);
  CHECK(many.substr(few.size()) == "body");
  limits.fields = 1000;
  limits.bytes = 60;
  const Header shortened(many, limits);
  CHECK(shortened.fields().size() == 10);
  CHECK(shortened.size() == 60);
  CHECK_FALSE(shortened.terminated());
}

TEST_CASE("a continuation after skipped fields does not grow the last kept one", "[mime]") {
  HeaderLimits limits;
  limits.fields = 1;
  const Header header("A: 1\r\nB: 2\r\n more\r\n\r\n", limits);
  REQUIRE(header.fields().size() == 1);
  CHECK(header.text("A") == "1");
}
