// Password hashes in the form of crypt(5): yescrypt ($y$), bcrypt ($2b$), SHA-512 ($6$) and what else the system's
// crypt(3) knows.
#pragma once
#include <expected>
#include <string>
#include <string_view>

namespace quartet::crypto {

/// Whether `hash` was made of `password`. Takes as long as the hash was meant to cost (some 100 ms) and blocks: offload
/// it. A hash that crypt(3) does not understand matches nothing, and so does an empty one. Any thread.
bool verify_password(std::string_view password, std::string_view hash);

/// A new yescrypt hash with a salt of its own; the error says why crypt(3) could not. Blocks as above.
std::expected<std::string, std::string> hash_password(std::string_view password);

}  // namespace quartet::crypto
