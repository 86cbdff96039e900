#include "common/crypto/verifying_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <string>

namespace quartet::crypto {
namespace {

constexpr int kFewestBits = 2048;  // RFC 7518 section 3.3
constexpr int kMostBits = 16'384;  // more would keep a processor busy
constexpr std::size_t kCoordinate = 32;

template <typename T, void (*free)(T*)>
struct Freer {
  void operator()(T* it) const { free(it); }
};
template <typename T, void (*free)(T*)>
using Owned = std::unique_ptr<T, Freer<T, free>>;
using Number = Owned<BIGNUM, BN_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Builder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;

const unsigned char* octets(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

Number number(std::string_view bytes) {
  return Number(BN_bin2bn(octets(bytes), static_cast<int>(bytes.size()), nullptr));
}

/// Null if the parameters make no valid key.
Key key_of(const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(builder));
  const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> making(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (!parameters || !making || EVP_PKEY_fromdata_init(making.get()) != 1 ||
      EVP_PKEY_fromdata(making.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return nullptr;
  Key key(made);
  const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> checking(EVP_PKEY_CTX_new_from_pkey(nullptr, made, nullptr));
  if (!checking || EVP_PKEY_public_check(checking.get()) != 1) return nullptr;
  return key;
}

/// DER of a signature of ECDSA; "" if it has not the size.
std::string der_of(std::string_view signature) {
  if (signature.size() != 2 * kCoordinate) return {};
  const Owned<ECDSA_SIG, ECDSA_SIG_free> made(ECDSA_SIG_new());
  auto r = number(signature.substr(0, kCoordinate));
  auto s = number(signature.substr(kCoordinate));
  if (!made || !r || !s || ECDSA_SIG_set0(made.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(made.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

}  // namespace

std::shared_ptr<const VerifyingKey> VerifyingKey::rsa(std::string_view modulus, std::string_view exponent) {
  constexpr std::size_t kMostOctets = kMostBits / 8 + 1;
  if (modulus.size() > kMostOctets || exponent.size() > 8) return nullptr;
  const auto n = number(modulus);
  const auto e = number(exponent);
  const Builder builder(OSSL_PARAM_BLD_new());
  const bool given = n && e && builder && BN_num_bits(n.get()) >= kFewestBits && BN_num_bits(n.get()) <= kMostBits &&
                     BN_is_odd(e.get()) && !BN_is_one(e.get()) &&
                     OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                     OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
  auto key = given ? key_of("RSA", builder.get()) : nullptr;
  ERR_clear_error();
  if (!key) return nullptr;
  return std::shared_ptr<const VerifyingKey>(new VerifyingKey(key.release(), Kind::kRsa));
}

std::shared_ptr<const VerifyingKey> VerifyingKey::p256(std::string_view x, std::string_view y) {
  if (x.size() != kCoordinate || y.size() != kCoordinate) return nullptr;
  const auto point = std::string(1, '\x04').append(x).append(y);
  const Builder builder(OSSL_PARAM_BLD_new());
  const bool given =
      builder && OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1;
  auto key = given ? key_of("EC", builder.get()) : nullptr;
  ERR_clear_error();
  if (!key) return nullptr;
  return std::shared_ptr<const VerifyingKey>(new VerifyingKey(key.release(), Kind::kP256));
}

std::shared_ptr<const VerifyingKey> VerifyingKey::ed25519(std::string_view key) {
  auto* const made = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(key), key.size());
  ERR_clear_error();
  if (made == nullptr) return nullptr;
  return std::shared_ptr<const VerifyingKey>(new VerifyingKey(made, Kind::kEd25519));
}

VerifyingKey::~VerifyingKey() { EVP_PKEY_free(key_); }

bool VerifyingKey::verifies(std::string_view bytes, std::string_view signature) const {
  const auto der = kind_ == Kind::kP256 ? der_of(signature) : std::string();
  const auto shown = kind_ == Kind::kP256 ? std::string_view(der) : signature;
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  const auto* const digest = kind_ == Kind::kEd25519 ? nullptr : EVP_sha256();
  const bool good = context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_) == 1 &&
                    EVP_DigestVerify(context.get(), octets(shown), shown.size(), octets(bytes), bytes.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace quartet::crypto
