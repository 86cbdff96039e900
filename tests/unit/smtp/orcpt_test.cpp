#include "common/smtp/orcpt.h"

#include <catch2/catch.hpp>

using namespace quartet::smtp;

TEST_CASE("an original recipient goes on in the form that the server reads", "[smtp][rfc3461][rfc6533]") {
  CHECK(original_recipient("a+b@c.test") == "rfc822;a+b@c.test");
  CHECK(orcpt_value("rfc822;a+b=@c.test", true) == "rfc822;a+2Bb+3D@c.test");
  const auto international = original_recipient("j\u00f6rg+x@b\u00fccher.test");
  CHECK(international == "utf-8;j\u00f6rg\\x{2B}x@b\u00fccher.test");
  CHECK(orcpt_value(international, true) == international);
  CHECK(orcpt_value(international, false) == "utf-8;j\\x{F6}rg\\x{2B}x@b\\x{FC}cher.test");
  CHECK(orcpt_value("utf-8;\U00010428@c.test", false) == "utf-8;\\x{10428}@c.test");
  for (const bool smtputf8 : {false, true}) {
    const auto value = orcpt_value(international, smtputf8);
    CHECK(parse_orcpt(value) == value);
  }
  // As older records of the spool may have it.
  CHECK(orcpt_value("rfc822;j\u00f6rg@c.test", true) == "rfc822;j+C3+B6rg@c.test");
}
