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
  // Of the reference implementation's own tests.
  const std::string argon2id = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  CHECK(verify_password("password", argon2id));
  CHECK_FALSE(verify_password("passwore", argon2id));
}

TEST_CASE("what is no hash matches nothing") {
  CHECK_FALSE(verify_password("", ""));
  CHECK_FALSE(verify_password("secret", ""));
  CHECK_FALSE(verify_password("secret", "secret"));
  CHECK_FALSE(verify_password("secret", "*"));
  CHECK_FALSE(verify_password("secret", "$unknown$x$y"));
  CHECK_FALSE(verify_password("secret", "$argon2id$"));
  CHECK_FALSE(verify_password("secret", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"));
  CHECK_FALSE(verify_password(std::string_view("a\0b", 3), "$6$saltstring$x"));
}

TEST_CASE("each method makes hashes that look like its own") {
  const std::pair<const char*, const char*> methods[] = {
      {"yescrypt", "$y$"}, {"argon2id", "$argon2id$v=19$m=65536,t=3,p=1$"}, {"bcrypt", "$2b$"}, {"sha512", "$6$"}};
  for (const auto& [name, form] : methods) {
    INFO(name);
    const auto method = password_hash_named(name);
    REQUIRE(method.has_value());
    const auto hash = hash_password("correct horse", *method);
    REQUIRE(hash.has_value());
    CHECK(hash->starts_with(form));
    CHECK(looks_hashed(*hash));
    CHECK(verify_password("correct horse", *hash));
    CHECK_FALSE(verify_password("correct hors", *hash));
  }
  CHECK_FALSE(password_hash_named("md5").has_value());
  CHECK_FALSE(looks_hashed("secret"));
  CHECK_FALSE(looks_hashed("$1$old$x"));
}
