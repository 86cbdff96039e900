#include "common/crypto/password.h"

#include <catch2/catch.hpp>

using namespace quartet::crypto;

TEST_CASE("a password matches its own hash only") {
  const auto hash = hash_password("correct horse");
  REQUIRE(hash.has_value());
  CHECK(hash->starts_with("$y$"));
  CHECK(verify_password("correct horse", *hash));
  CHECK_FALSE(verify_password("correct hors", *hash));
  CHECK_FALSE(verify_password("", *hash));
  const auto again = hash_password("correct horse");
  REQUIRE(again.has_value());
  CHECK(*again != *hash);
}

TEST_CASE("hashes of other methods are understood") {
  // Two other implementations give this for the salt of the published description of SHA-crypt.
  const std::string sha512 =
      "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
  CHECK(verify_password("Hello world!", sha512));
  CHECK_FALSE(verify_password("Hello world", sha512));
}

TEST_CASE("what is no hash matches nothing") {
  CHECK_FALSE(verify_password("", ""));
  CHECK_FALSE(verify_password("secret", ""));
  CHECK_FALSE(verify_password("secret", "secret"));
  CHECK_FALSE(verify_password("secret", "*"));
  CHECK_FALSE(verify_password("secret", "$unknown$x$y"));
  CHECK_FALSE(verify_password(std::string_view("a\0b", 3), "$6$saltstring$x"));
}
