// HMAC-MD5 (RFC 2104), which CRAM-MD5 is made of and nothing new should be.
#pragma once
#include <string>
#include <string_view>

namespace quartet::crypto {

std::string hmac_md5(std::string_view key, std::string_view bytes);  // 16 bytes

}  // namespace quartet::crypto
