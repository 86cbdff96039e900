#include "common/crypto/digest.h"

#include <catch2/catch.hpp>

#include "common/base/encoding.h"

using namespace quartet;

TEST_CASE("HMAC-SHA1 of RFC 2202 section 3", "[crypto]") {
  CHECK(hex_encode(crypto::hmac(crypto::Digest::kSha1, std::string(20, '\x0b'), "Hi There")) ==
        "b617318655057264e28bc0b6fb378c8ef146be00");
  CHECK(hex_encode(crypto::hmac(crypto::Digest::kSha1, "Jefe", "what do ya want for nothing?")) ==
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  CHECK(crypto::hmac(crypto::Digest::kSha1, "", "").size() == 20);
}

TEST_CASE("a digest", "[crypto]") {
  // FIPS 180-4, the example of one block.
  CHECK(hex_encode(crypto::hash(crypto::Digest::kSha256, "abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("PBKDF2 of RFC 6070 section 2", "[crypto]") {
  CHECK(hex_encode(crypto::pbkdf2(crypto::Digest::kSha1, "password", "salt", 4096)) ==
        "4b007901b765489abead49d926f721d065a429c1");
}

TEST_CASE("secrets compare by length and octets", "[crypto]") {
  CHECK(crypto::same_secret("abc", "abc"));
  CHECK(crypto::same_secret("", ""));
  CHECK_FALSE(crypto::same_secret("abc", "abd"));
  CHECK_FALSE(crypto::same_secret("abc", "ab"));
}

TEST_CASE("random octets differ", "[crypto]") {
  CHECK(crypto::random_octets(16).size() == 16);
  CHECK(crypto::random_octets(16) != crypto::random_octets(16));
}
