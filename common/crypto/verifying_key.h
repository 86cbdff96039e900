// Public keys that signatures are checked by, made of their numbers: what JSON Web Keys need of OpenSSL (RFC 7518).
#pragma once
#include <memory>
#include <string_view>

struct evp_pkey_st;

namespace quartet::crypto {

/// Immutable; any thread.
class VerifyingKey {
 public:
  enum class Kind { kRsa, kP256, kEd25519 };

  // Numbers are octets, the most significant first. Null for what is no such key.

  /// Of 2048 to 16384 bits.
  static std::shared_ptr<const VerifyingKey> rsa(std::string_view modulus, std::string_view exponent);
  /// A point of P-256, 32 octets each.
  static std::shared_ptr<const VerifyingKey> p256(std::string_view x, std::string_view y);
  /// 32 octets.
  static std::shared_ptr<const VerifyingKey> ed25519(std::string_view key);
  ~VerifyingKey();
  VerifyingKey(const VerifyingKey&) = delete;
  VerifyingKey& operator=(const VerifyingKey&) = delete;

  Kind kind() const { return kind_; }
  /// RSASSA-PKCS1-v1_5 with SHA-256; ECDSA with SHA-256, its two numbers side by side in 64 octets (RFC 7518
  /// section 3.4); PureEdDSA (RFC 8037 section 3.1).
  bool verifies(std::string_view bytes, std::string_view signature) const;

 private:
  VerifyingKey(evp_pkey_st* key, Kind kind) : key_(key), kind_(kind) {}
  evp_pkey_st* key_;
  Kind kind_;
};

}  // namespace quartet::crypto
