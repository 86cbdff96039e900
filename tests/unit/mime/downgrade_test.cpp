#include "common/mime/downgrade.h"

#include <catch2/catch.hpp>

#include "common/mime/address.h"
#include "common/mime/charset.h"
#include "common/mime/content.h"
#include "common/mime/encoded_word.h"
#include "common/mime/header.h"

using namespace quartet::mime;

namespace {

/// The header of the message in ASCII, whose body stays as it is.
std::string ascii_header(const std::string& fields) {
  const std::string body =
      "\r\nb\xC3\xB6"
      "dy\r\n";
  const auto out = downgrade(fields + body);
  REQUIRE(out);
  REQUIRE(out->ends_with(body));
  auto header = out->substr(0, out->size() - body.size());
  CHECK(is_ascii(header));
  return header;
}

}  // namespace

TEST_CASE("messages that need no downgrade", "[mime]") {
  CHECK_FALSE(downgrade("Subject: x\r\n\r\nbody\r\n"));
  CHECK_FALSE(
      downgrade("Subject: x\r\n\r\nb\xC3\xB6"
                "dy\r\n"));
  CHECK_FALSE(downgrade("Subject: \xF6\r\n\r\nbody\r\n"));  // ISO 8859-1, perhaps
}

TEST_CASE("text in ASCII", "[mime]") {
  const auto header = ascii_header("A: 1\r\nSubject: k\xC3\xB6ln\r\n and =?utf-8?q?=C3=BC?=\r\nX-B: 2\r\n");
  CHECK(header.starts_with("A: 1\r\nSubject: =?utf-8?"));
  CHECK(header.ends_with("\r\nX-B: 2\r\n"));
  CHECK(decode_words(Header(header).find("Subject")->value) == "k\xC3\xB6ln and \xC3\xBC");
}

TEST_CASE("addresses in ASCII", "[mime]") {
  const auto header = ascii_header(
      "From: J\xC3\xB6rg <joerg@a.test>, \"M, =?utf-8?q?=C3=BC?=\" <m@a.test>\r\n"
      "To: T\xC3\xA9"
      "am: a@a.test, b@a.test;, c@a.test\r\n"
      "Cc: G: d@a.test, Bj\xC3\xB6rn <bj\xC3\xB6rn@b\xC3\xBC.test>;\r\n");
  const Header parsed(header);
  const auto from = parse_addresses(parsed.find("From")->value);
  REQUIRE(from.size() == 2);
  CHECK(decode_words(from[0].name) == "J\xC3\xB6rg");
  CHECK(from[0].address() == "joerg@a.test");
  CHECK(decode_words(from[1].name) == "M, \xC3\xBC");
  const auto to = parse_addresses(parsed.find("To")->value);
  REQUIRE(to.size() == 5);
  CHECK(decode_words(to[0].name) ==
        "T\xC3\xA9"
        "am");
  CHECK(to[3].kind == Address::Kind::kGroupEnd);
  CHECK(to[4].address() == "c@a.test");
  const auto cc = parse_addresses(parsed.find("Cc")->value);
  REQUIRE(cc.size() == 3);
  CHECK(cc[0].address() == "d@a.test");
  CHECK(cc[1].kind == Address::Kind::kGroupStart);
  CHECK(decode_words(cc[1].name) == "Bj\xC3\xB6rn <bj\xC3\xB6rn@b\xC3\xBC.test>");
}

TEST_CASE("what may hold no encoded words is kept beside", "[mime]") {
  const auto header = ascii_header("Message-ID: <\xC3\xB6@a.test>\r\n");
  CHECK(decode_words(Header(header).text("Downgraded-Message-ID")) == "<\xC3\xB6@a.test>");
  CHECK(Header(header).find("Message-ID") == nullptr);
  CHECK(decode_words(Header(ascii_header("From: (\xC3\xB6)\r\n")).text("Downgraded-From")) == "(\xC3\xB6)");
}

TEST_CASE("headers of parts in ASCII", "[mime]") {
  const std::string part =
      "--b\r\nContent-Type: application/pdf; name=\"\xC3\xB6.pdf\"; x=y\r\nContent-Transfer-Encoding: "
      "base64\r\n\r\nAAAA\r\n";
  const auto out = downgrade("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part + part + "--b--\r\n");
  REQUIRE(out);
  CHECK(is_ascii(*out));
  const auto at = out->find("Content-Type: application");
  const auto type = parse_content_type(Header(std::string_view(*out).substr(at)).find("Content-Type")->value);
  CHECK(type.parameter("name") == "\xC3\xB6.pdf");
  CHECK(type.parameter("x") == "y");
  CHECK(out->find("\r\n\r\nAAAA\r\n--b--\r\n") != std::string::npos);
}

TEST_CASE("what is signed is not changed", "[mime]") {
  const std::string body =
      "--b\r\nContent-Type: text/plain; name=\"\xC3\xB6\"\r\n\r\nx\r\n--b\r\nContent-Type: "
      "application/pgp-signature\r\n\r\n"
      "y\r\n--b--\r\n";
  const std::string type = "Content-Type: multipart/signed; boundary=b\r\n\r\n";
  CHECK_FALSE(downgrade(type + body));
  const auto out = downgrade("Subject: \xC3\xB6\r\n" + type + body);
  REQUIRE(out);
  CHECK(out->ends_with("\r\n" + type + body));
  CHECK(out->starts_with("Subject: =?utf-8?"));
}
