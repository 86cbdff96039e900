// Keyed digests (RFC 2104), by OpenSSL.
#pragma once
#include <string>
#include <string_view>

namespace quartet::crypto {

std::string hmac_md5(std::string_view key, std::string_view bytes);   // 16 bytes; for CRAM-MD5 and nothing new
std::string hmac_sha1(std::string_view key, std::string_view bytes);  // 20 bytes

}  // namespace quartet::crypto
