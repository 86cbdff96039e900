#include "ctl/password/entry.h"

#include <catch2/catch.hpp>

#include "common/base/ascii.h"
#include "common/crypto/password.h"
#include "common/sasl/scram.h"

using namespace quartet;

TEST_CASE("what is printed of a password fits it", "[password]") {
  const auto entry = password::entry("s3cret \"'\\");
  REQUIRE(entry.has_value());
  int fields = 0;
  const auto text = to_string(*entry);
  for (const auto line : ascii::split(text, '\n')) {
    if (line.empty()) continue;
    ++fields;
    REQUIRE(line.ends_with('"'));
    const auto value = line.substr(line.find('"') + 1, line.size() - line.find('"') - 2);
    INFO(line);
    if (line.starts_with("password_hash: ")) {
      CHECK(crypto::verify_password("s3cret \"'\\", value));
      CHECK_FALSE(crypto::verify_password("s3cret", value));
    } else {
      REQUIRE(line.starts_with("scram_verifier: "));
      const auto verifier = sasl::parse_scram_verifier(value);
      REQUIRE(verifier.has_value());
      CHECK(sasl::fits(*verifier, "s3cret \"'\\"));
    }
  }
  CHECK(fields == 3);
  CHECK(password::entry("s3cret") != password::entry("s3cret"));
}

TEST_CASE("hash and verifiers are of a password in its one form (RFC 4013)", "[password]") {
  const auto entry = password::entry("pa\u0308ss\u00a0wort");
  REQUIRE(entry.has_value());
  CHECK(crypto::verify_password("p\u00e4ss wort", entry->hash));
  for (const auto& text : entry->scram_verifiers) {
    const auto verifier = sasl::parse_scram_verifier(text);
    REQUIRE(verifier.has_value());
    CHECK(sasl::fits(*verifier, "p\u00e4ss wort"));
  }
}

TEST_CASE("passwords that no client could send are not taken", "[password]") {
  for (const std::string& bad :
       {std::string(), std::string("a\0b", 3), std::string(600, 'a'), std::string("\xff\xff"), std::string("\u00ad")})
    CHECK_FALSE(password::entry(bad).has_value());
}
