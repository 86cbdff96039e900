#include "common/crypto/password.h"

#include <argon2.h>
#include <crypt.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>

#include "common/crypto/digest.h"

namespace quartet::crypto {
namespace {

/// crypt_data is 32 KiB: too much for the stack of a pool thread, and it holds the password.
struct Workspace {
  Workspace() : data(std::make_unique<crypt_data>()) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { explicit_bzero(data.get(), sizeof(crypt_data)); }
  std::unique_ptr<crypt_data> data;
};

constexpr std::string_view kArgon2id = "$argon2id$";
constexpr std::uint32_t kArgonPasses = 3;
constexpr std::uint32_t kArgonKiB = 64 * 1024;
constexpr std::uint32_t kArgonLanes = 1;
constexpr std::size_t kArgonSalt = 16;
constexpr std::size_t kArgonHash = 32;

bool verify_argon2id(std::string_view password, std::string_view hash) {
  return argon2id_verify(std::string(hash).c_str(), password.data(), password.size()) == ARGON2_OK;
}

std::expected<std::string, std::string> hash_argon2id(std::string_view password) {
  const auto salt = random_octets(kArgonSalt);
  std::string out(argon2_encodedlen(kArgonPasses, kArgonKiB, kArgonLanes, kArgonSalt, kArgonHash, Argon2_id), '\0');
  const int made = argon2id_hash_encoded(kArgonPasses, kArgonKiB, kArgonLanes, password.data(), password.size(),
                                         salt.data(), salt.size(), kArgonHash, out.data(), out.size());
  if (made != ARGON2_OK) return std::unexpected(std::string("argon2id: ") + argon2_error_message(made));
  out.resize(std::strlen(out.c_str()));
  return out;
}

/// What crypt(3) calls the method.
const char* prefix(PasswordHash method) {
  switch (method) {
    case PasswordHash::kBcrypt:
      return "$2b$";
    case PasswordHash::kSha512:
      return "$6$";
    default:
      return "$y$";
  }
}

}  // namespace

std::optional<PasswordHash> password_hash_named(std::string_view name) {
  constexpr std::string_view kNames[] = {"yescrypt", "argon2id", "bcrypt", "sha512"};
  const auto* const found = std::ranges::find(kNames, name);
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<PasswordHash>(found - std::begin(kNames));
}

bool looks_hashed(std::string_view hash) {
  constexpr std::string_view kForms[] = {"$y$", "$gy$", "$7$", "$2b$", "$2y$", "$6$", kArgon2id};
  return std::ranges::any_of(kForms, [hash](std::string_view form) { return hash.starts_with(form); });
}

bool verify_password(std::string_view password, std::string_view hash) {
  if (hash.empty() || password.contains('\0')) return false;
  if (hash.starts_with(kArgon2id)) return verify_argon2id(password, hash);
  Workspace workspace;
  std::string phrase(password);
  const std::string setting(hash);
  const char* const result = crypt_rn(phrase.c_str(), setting.c_str(), workspace.data.get(), sizeof(crypt_data));
  explicit_bzero(phrase.data(), phrase.size());
  return result != nullptr && same_secret(result, hash);
}

std::expected<std::string, std::string> hash_password(std::string_view password, PasswordHash method) {
  if (password.contains('\0')) return std::unexpected("a password cannot hold NUL");
  if (method == PasswordHash::kArgon2id) return hash_argon2id(password);
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (crypt_gensalt_rn(prefix(method), 0, nullptr, 0, setting, sizeof setting) == nullptr)
    return std::unexpected(std::string("no salt: ") + std::strerror(errno));
  Workspace workspace;
  std::string phrase(password);
  const char* const result = crypt_rn(phrase.c_str(), setting, workspace.data.get(), sizeof(crypt_data));
  explicit_bzero(phrase.data(), phrase.size());
  if (result == nullptr) return std::unexpected(std::string("crypt: ") + std::strerror(errno));
  return result;
}

}  // namespace quartet::crypto
