// Private keys that sign: what DKIM needs of OpenSSL.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace quartet::crypto {

/// An RSA or Ed25519 key. Immutable; any thread.
class SigningKey {
 public:
  enum class Kind { kRsa, kEd25519 };

  /// Reads a PEM file without a pass phrase; RSA from 1024 bits on (RFC 8301 section 3.2). The error names file and
  /// fault.
  static std::expected<std::shared_ptr<const SigningKey>, std::string> load(const std::string& file);
  ~SigningKey();
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;

  Kind kind() const { return kind_; }
  /// RSASSA-PKCS1-v1_5 with SHA-256 of `bytes`; with Ed25519 PureEdDSA of the SHA-256 of `bytes` (RFC 8463 section 3).
  std::expected<std::string, std::string> sign(std::string_view bytes) const;

 private:
  SigningKey(evp_pkey_st* key, Kind kind) : key_(key), kind_(kind) {}
  evp_pkey_st* key_;
  Kind kind_;
};

}  // namespace quartet::crypto
