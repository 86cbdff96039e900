#include "common/crypto/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "common/base/check.h"

namespace quartet::crypto {
namespace {

const EVP_MD* native(Digest digest) {
  switch (digest) {
    case Digest::kMd5:
      return EVP_md5();
    case Digest::kSha1:
      return EVP_sha1();
    case Digest::kSha256:
      break;
  }
  return EVP_sha256();
}

const unsigned char* octets(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* octets(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

}  // namespace

std::size_t size_of(Digest digest) { return static_cast<std::size_t>(EVP_MD_get_size(native(digest))); }

std::string hash(Digest digest, std::string_view bytes) {
  std::string out(size_of(digest), '\0');
  QUARTET_CHECK(EVP_Digest(bytes.data(), bytes.size(), octets(out), nullptr, native(digest), nullptr) == 1);
  return out;
}

std::string hmac(Digest digest, std::string_view key, std::string_view bytes) {
  std::string out(size_of(digest), '\0');
  const auto* const made =
      HMAC(native(digest), key.data(), static_cast<int>(key.size()), octets(bytes), bytes.size(), octets(out), nullptr);
  QUARTET_CHECK(made != nullptr);
  return out;
}

std::string pbkdf2(Digest digest, std::string_view password, std::string_view salt, std::uint32_t iterations) {
  std::string out(size_of(digest), '\0');
  QUARTET_CHECK(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), octets(salt),
                                  static_cast<int>(salt.size()), static_cast<int>(iterations), native(digest),
                                  static_cast<int>(out.size()), octets(out)) == 1);
  return out;
}

std::string random_octets(std::size_t count) {
  std::string out(count, '\0');
  QUARTET_CHECK(RAND_bytes(octets(out), static_cast<int>(count)) == 1);
  return out;
}

bool same_secret(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < one.size(); ++i) difference |= static_cast<unsigned char>(one[i] ^ other[i]);
  return difference == 0;
}

}  // namespace quartet::crypto
