#include "common/crypto/signing_key.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdio>

#include "common/crypto/digest.h"

namespace quartet::crypto {
namespace {

constexpr int kFewestBits = 1024;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
using Context = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;

const unsigned char* unsigned_bytes(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::expected<std::shared_ptr<const SigningKey>, std::string> SigningKey::load(const std::string& file) {
  const File stream(std::fopen(file.c_str(), "rb"), std::fclose);
  if (!stream) return std::unexpected(fmt::format("{} cannot be read", file));
  // No pass phrase can be asked for: the empty one is given.
  EVP_PKEY* const key = PEM_read_PrivateKey(stream.get(), nullptr, nullptr, const_cast<char*>(""));
  ERR_clear_error();
  if (key == nullptr)
    return std::unexpected(fmt::format("{} has no private key in PEM form without a pass phrase", file));
  const auto type = EVP_PKEY_get_base_id(key);
  std::shared_ptr<const SigningKey> out(new SigningKey(key, type == EVP_PKEY_RSA ? Kind::kRsa : Kind::kEd25519));
  if (type != EVP_PKEY_RSA && type != EVP_PKEY_ED25519)
    return std::unexpected(fmt::format("{} is neither an RSA nor an Ed25519 key", file));
  if (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < kFewestBits)
    return std::unexpected(fmt::format("{} has fewer than {} bits", file, kFewestBits));
  return out;
}

SigningKey::~SigningKey() { EVP_PKEY_free(key_); }

std::expected<std::string, std::string> SigningKey::sign(std::string_view bytes) const {
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool rsa = kind_ == Kind::kRsa;
  const auto digest = rsa ? std::string() : hash(Digest::kSha256, bytes);
  const std::string_view input = rsa ? bytes : std::string_view(digest);
  std::size_t size = 0;
  std::string out;
  bool good = EVP_DigestSignInit(context.get(), nullptr, rsa ? EVP_sha256() : nullptr, nullptr, key_) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &size, unsigned_bytes(input), input.size()) == 1;
  if (good) {
    out.resize(size);
    good = EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, unsigned_bytes(input),
                          input.size()) == 1;
  }
  ERR_clear_error();
  if (!good) return std::unexpected("the key does not sign");
  out.resize(size);
  return out;
}

}  // namespace quartet::crypto
