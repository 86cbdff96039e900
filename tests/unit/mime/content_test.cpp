#include "common/mime/content.h"

#include <catch2/catch.hpp>

using namespace quartet::mime;

TEST_CASE("content types, plain and odd", "[mime]") {
  const ContentValue plain = parse_content_type("text/plain; charset=us-ascii (Plain text)");
  CHECK(plain.is("TEXT", "Plain"));
  CHECK(plain.parameter("CHARSET") == "us-ascii");
  CHECK(parse_content_type("text/plain; charset=\"us-ascii\"").parameter("charset") == "us-ascii");
  CHECK(parse_content_type("multipart/mixed; boundary=----=_Part/1(x)").parameter("boundary") == "----=_Part/1(x)");
  CHECK(parse_content_type("multipart/mixed;\r\n\tboundary=\"a \\\"b\\\" c\"").parameter("boundary") == "a \"b\" c");
  CHECK(parse_content_type("(c) text (d) / (e) html ; a = b ; ; c=d").parameter("c") == "d");
  CHECK(parse_content_type("text").type.empty());
  CHECK(parse_content_type("").type.empty());
  CHECK(parse_content_type("text/plain; name=a; name=b").parameter("name") == "a");
  CHECK(parse_content_type("text/plain; charset").parameters.empty());
  CHECK(parse_content_type("text/plain; x=\"open").parameter("x") == "open");
}

TEST_CASE("the parameters of RFC 2231", "[mime]") {
  const ContentValue joined = parse_content_type(
      "message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu/pub/moore/x.tar\"");
  CHECK(joined.parameter("url") == "ftp://cs.utk.edu/pub/moore/x.tar");
  const ContentValue extended =
      parse_content_type("application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A");
  CHECK(extended.parameter("title") == "This is ***fun***");
  const ContentValue both = parse_content_type(
      "application/x-stuff;\r\n title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n"
      " title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"");
  CHECK(both.parameter("title") == "This is even more ***fun*** isn't it!");
  const ContentValue shuffled = parse_disposition("attachment; filename*1=b; filename*0=a; filename*3=d; filename=old");
  CHECK(shuffled.parameter("filename") == "ab");
  const ContentValue preferred = parse_disposition("attachment; filename=old.txt; filename*=utf-8''%e2%82%ac.txt");
  CHECK(preferred.parameter("filename") == "\xE2\x82\xAC.txt");
  REQUIRE(preferred.parameters.size() == 2);
  CHECK(preferred.parameters[1].value == "old.txt");
  const ContentValue cut = parse_disposition("attachment; filename=old; filename*0*=utf-8''%e2%82; filename*1*=%ac");
  CHECK(cut.parameter("filename") == "\xE2\x82\xAC");
  CHECK(parse_disposition("attachment; filename*=broken%zz").parameter("filename") == "broken%zz");
}

TEST_CASE("dispositions, languages, comments", "[mime]") {
  CHECK(parse_disposition("inline").type == "inline");
  CHECK(parse_disposition("attachment; filename=\"a;b.txt\"").parameter("filename") == "a;b.txt");
  CHECK(parse_disposition("").type.empty());
  CHECK(parse_languages("de, en (English) , ,fr") == std::vector<std::string>{"de", "en", "fr"});
  CHECK(without_comments(" (a) base64 (b (c) \\) d) ") == "base64");
  CHECK(without_comments("a \"(no) comment\" b") == "a \"(no) comment\" b");
}
