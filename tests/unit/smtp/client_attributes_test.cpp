#include "common/smtp/client_attributes.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::smtp;

TEST_CASE("XCLIENT", "[smtp]") {
  const auto all =
      parse_attributes(AttributeCommand::kXclient,
                       "NAME=mail.a.test ADDR=192.0.2.7 PORT=4000 PROTO=ESMTP HELO=he+2Blo LOGIN=ann@a.test "
                       "DESTADDR=IPV6:2001:db8::1 DESTPORT=25");
  REQUIRE(all.has_value());
  CHECK(all->name == "mail.a.test");
  CHECK((*all->address)->host() == "192.0.2.7");
  CHECK(all->port == 4000);
  CHECK(all->esmtp == true);
  CHECK(all->hello == "he+lo");
  CHECK(all->login == "ann@a.test");
  CHECK((*all->local)->host() == "2001:db8::1");
  CHECK(all->local_port == 25);
  const auto mapped = parse_attributes(AttributeCommand::kXclient, "ADDR=IPV6:::ffff:192.0.2.7");
  REQUIRE(mapped.has_value());
  CHECK((*mapped->address)->host() == "192.0.2.7");
  const auto unknown = parse_attributes(AttributeCommand::kXclient,
                                        "name=[UNAVAILABLE] addr=[TEMPUNAVAIL] proto=smtp login=[unavailable]");
  REQUIRE(unknown.has_value());
  CHECK(unknown->name == "");
  REQUIRE(unknown->address.has_value());
  CHECK_FALSE(unknown->address->has_value());
  CHECK(unknown->esmtp == false);
  CHECK(unknown->login == "");
  CHECK_FALSE(unknown->hello.has_value());
}

TEST_CASE("XFORWARD", "[smtp]") {
  const auto all =
      parse_attributes(AttributeCommand::kXforward,
                       "NAME=spike.a.test ADDR=IPV6:2001:db8::7 PORT=4000 PROTO=SMTP HELO=x IDENT=4BX SOURCE=remote");
  REQUIRE(all.has_value());
  CHECK((*all->address)->to_literal() == "[IPv6:2001:db8::7]");
  CHECK(all->ident == "4BX");
  CHECK(all->source == "REMOTE");
}

TEST_CASE("attributes that make no sense", "[smtp]") {
  for (const char* bad : {"", " ", "ADDR", "ADDR=", "ADDR=mail.a.test", "ADDR=IPV6:192.0.2.7", "ADDR=1.2.3",
                          "PORT=65536", "PORT=x", "PROTO=LMTP", "HELO=a b", "HELO=+", "HELO=+0A", "NAME=+20",
                          "NAME=a(b)", "FOO=1", "=1", "IDENT=1", "SOURCE=LOCAL"}) {
    INFO(bad);
    const auto parsed = parse_attributes(AttributeCommand::kXclient, bad);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == 501);
  }
  for (const char* bad : {"LOGIN=x", "DESTADDR=192.0.2.1", "DESTPORT=1", "SOURCE=here"})
    CHECK_FALSE(parse_attributes(AttributeCommand::kXforward, bad).has_value());
  CHECK_FALSE(parse_attributes(AttributeCommand::kXclient, "HELO=" + std::string(256, 'x')).has_value());
}
