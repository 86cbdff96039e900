// Password hashes: argon2id (RFC 9106) in the form $argon2id$v=19$..., and those of crypt(5): yescrypt ($y$), bcrypt
// ($2b$), SHA-512 ($6$) and what else the system's crypt(3) knows.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace quartet::crypto {

enum class PasswordHash { kYescrypt, kArgon2id, kBcrypt, kSha512 };

/// By "yescrypt", "argon2id", "bcrypt" or "sha512".
std::optional<PasswordHash> password_hash_named(std::string_view name);

/// Whether it has the form of a hash that verify_password() knows; anything else is probably a password in clear.
bool looks_hashed(std::string_view hash);

/// Whether `hash` was made of `password`. Takes as long as the hash was meant to cost (some 100 ms; argon2id also as
/// much memory) and blocks: offload it. A hash that is not understood matches nothing, and so does an empty one. Any
/// thread.
bool verify_password(std::string_view password, std::string_view hash);

/// A new hash with a salt of its own; argon2id with 64 MiB, three passes, one lane. The error says why it cannot be.
/// Blocks as above.
std::expected<std::string, std::string> hash_password(std::string_view password,
                                                      PasswordHash method = PasswordHash::kYescrypt);

/// Whether hash_password() by `method` would make a stronger one: `hash` is of a method that comes before it in the
/// order sha512, bcrypt, yescrypt, argon2id, or of the same at a lower cost. False for what does not look hashed.
bool is_weaker(std::string_view hash, PasswordHash method);

}  // namespace quartet::crypto
