// Keys made at run time that sign tokens as an authorization server does, and show their public halves as JWKs.
#pragma once
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/base/encoding.h"
#include "common/crypto/digest.h"

namespace quartet::oauth::test {

inline std::string base64url(std::string_view bytes) {
  auto out = base64_encode(bytes);
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return out.substr(0, out.find('='));
}

class Signer {
 public:
  /// "RS256", "ES256" or "EdDSA".
  explicit Signer(std::string algorithm, std::string id = "one", unsigned bits = 2048)
      : algorithm_(std::move(algorithm)), id_(std::move(id)), key_(make(algorithm_, bits), EVP_PKEY_free) {}

  const std::string& algorithm() const { return algorithm_; }
  std::string header() const { return R"({"alg":")" + algorithm_ + R"(","kid":")" + id_ + R"("})"; }
  std::string token(const std::string& claims) const { return token(header(), claims); }
  std::string token(const std::string& header, const std::string& claims) const {
    const auto text = base64url(header) + "." + base64url(claims);
    return text + "." + base64url(sign(text));
  }

  std::string sign(std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    EVP_DigestSignInit(context.get(), nullptr, algorithm_ == "EdDSA" ? nullptr : EVP_sha256(), nullptr, key_.get());
    EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size());
    std::string out(size, '\0');
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size());
    out.resize(size);
    return algorithm_ == "ES256" ? side_by_side(out) : out;
  }

  /// The members of the JWK, without braces.
  std::string members() const {
    auto out = R"("kid":")" + id_ + R"(",)";
    if (algorithm_ == "RS256")
      return out + R"("kty":"RSA","n":")" + base64url(number(OSSL_PKEY_PARAM_RSA_N)) + R"(","e":")" +
             base64url(number(OSSL_PKEY_PARAM_RSA_E)) + "\"";
    if (algorithm_ == "ES256")
      return out + R"("kty":"EC","crv":"P-256","x":")" + base64url(number(OSSL_PKEY_PARAM_EC_PUB_X, 32)) +
             R"(","y":")" + base64url(number(OSSL_PKEY_PARAM_EC_PUB_Y, 32)) + "\"";
    std::size_t size = 32;
    std::string raw(size, '\0');
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
    return out + R"("kty":"OKP","crv":"Ed25519","x":")" + base64url(raw) + "\"";
  }
  std::string jwk() const { return "{" + members() + "}"; }
  std::string number(const char* name, int size = 0) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &value);
    std::string out(static_cast<std::size_t>(size != 0 ? size : BN_num_bytes(value)), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    BN_free(value);
    return out;
  }

 private:
  static EVP_PKEY* make(const std::string& algorithm, unsigned bits) {
    if (algorithm == "RS256") return EVP_RSA_gen(bits);
    if (algorithm == "ES256") return EVP_EC_gen("P-256");
    return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  }
  static std::string side_by_side(const std::string& der) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> parsed(
        d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size())), ECDSA_SIG_free);
    std::string out(64, '\0');
    auto* const to = reinterpret_cast<unsigned char*>(out.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), to, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), to + 32, 32);
    return out;
  }

  std::string algorithm_;
  std::string id_;
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
};

inline std::string key_set(std::initializer_list<std::string> keys) {
  std::string out;
  for (const auto& key : keys) out += (out.empty() ? "" : ",") + key;
  return R"({"keys":[)" + out + "]}";
}

}  // namespace quartet::oauth::test
