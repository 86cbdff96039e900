// Digests with and without keys (RFC 2104), keys made of passwords (RFC 8018), random octets: by OpenSSL. Any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quartet::crypto {

enum class Digest {
  kMd5,     // 16 octets
  kSha1,    // 20
  kSha256,  // 32
};

std::size_t size_of(Digest digest);
std::string hash(Digest digest, std::string_view bytes);
std::string hmac(Digest digest, std::string_view key, std::string_view bytes);
/// PBKDF2 with HMAC, as many octets as the digest has. Blocks for about a millisecond in 2,000 iterations.
std::string pbkdf2(Digest digest, std::string_view password, std::string_view salt, std::uint32_t iterations);
/// Octets that nobody can guess.
std::string random_octets(std::size_t count);
/// Compares without telling by its duration where the first difference is.
bool same_secret(std::string_view one, std::string_view other);

}  // namespace quartet::crypto
