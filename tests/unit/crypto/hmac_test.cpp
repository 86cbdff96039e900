#include "common/crypto/hmac.h"

#include <catch2/catch.hpp>

#include "common/base/encoding.h"

using namespace quartet;

TEST_CASE("HMAC-SHA1 of RFC 2202 section 3", "[crypto]") {
  CHECK(hex_encode(crypto::hmac_sha1(std::string(20, '\x0b'), "Hi There")) ==
        "b617318655057264e28bc0b6fb378c8ef146be00");
  CHECK(hex_encode(crypto::hmac_sha1("Jefe", "what do ya want for nothing?")) ==
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  CHECK(crypto::hmac_sha1("", "").size() == 20);
}
