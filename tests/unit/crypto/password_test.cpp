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

TEST_CASE("which hash is weaker") {
  using enum PasswordHash;
  const std::string argon2id = "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  const std::string fewer_passes = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$x";
  const std::string less_memory = "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$x";
  for (const std::string hash : {"$6$salt$x", "$2b$12$x", "$2y$05$x", "$y$j9T$x$y", "$7$x"}) {
    CHECK(is_weaker(hash, kArgon2id));
    CHECK_FALSE(is_weaker(hash, kSha512));
  }
  CHECK(is_weaker(fewer_passes, kArgon2id));
  CHECK(is_weaker(less_memory, kArgon2id));
  CHECK_FALSE(is_weaker(argon2id, kArgon2id));
  // Nothing is made weaker.
  for (const auto method : {kYescrypt, kBcrypt, kSha512}) CHECK_FALSE(is_weaker(fewer_passes, method));
  CHECK(is_weaker("$6$salt$x", kYescrypt));
  CHECK(is_weaker("$6$rounds=1000$salt$x", kSha512));
  CHECK_FALSE(is_weaker("$6$rounds=100000$salt$x", kSha512));
  CHECK(is_weaker("$2b$04$x", kBcrypt));
  for (const std::string none : {"", "secret", "$1$salt$x"}) CHECK_FALSE(is_weaker(none, kArgon2id));
  for (const auto method : {kYescrypt, kArgon2id, kBcrypt, kSha512})
    CHECK_FALSE(is_weaker(*hash_password("secret", method), method));
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
