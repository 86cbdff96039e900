#include "common/mime/idna.h"

#include <catch2/catch.hpp>

using namespace quartet::mime;

TEST_CASE("domains as DNS knows them", "[mime][rfc5890]") {
  CHECK(ascii_domain("B\u00dcCHER.Example") == "xn--bcher-kva.example");
  CHECK(ascii_domain("bu\u0308cher.example") == "xn--bcher-kva.example");      // taken apart
  CHECK(ascii_domain("b\u00fccher\u3002example") == "xn--bcher-kva.example");  // an ideographic full stop
  CHECK(ascii_domain("stra\u00dfe.example") == "xn--strae-oqa.example");       // not "strasse"
  CHECK(ascii_domain(".\u4f8b\u5b50.Example") == ".xn--fsqu00a.example");
  CHECK(ascii_domain("XN--bcher-kva.Example") == "xn--bcher-kva.example");
  CHECK(ascii_domain("mail_1.Example") == "mail_1.example");
}

TEST_CASE("what is no domain stays", "[mime][rfc5890]") {
  CHECK(ascii_domain("") == "");
  CHECK(ascii_domain("A\xFF.Example") == "a\xFF.example");
  CHECK(ascii_domain("\u00fc..Example") == "\u00fc..example");
  CHECK(ascii_domain("-\u00fc.example") == "-\u00fc.example");
  std::string endless;
  for (int n = 0; n < 200; ++n) endless += "\u00fc";
  CHECK(ascii_domain(endless) == endless);
}

TEST_CASE("addresses with such domains", "[mime][rfc5890]") {
  CHECK(ascii_address("J\u00f6rg@B\u00fccher.example") == "j\u00f6rg@xn--bcher-kva.example");
  CHECK(ascii_address("<>") == "<>");
}
