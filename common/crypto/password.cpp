#include "common/crypto/password.h"

#include <argon2.h>
#include <crypt.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
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
// What crypt_gensalt(3) gives without being told.
constexpr std::uint32_t kBcryptCost = 5;
constexpr std::uint32_t kSha512Rounds = 5'000;

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

std::optional<PasswordHash> method_of(std::string_view hash) {
  const auto has = [hash](auto... forms) { return (hash.starts_with(forms) || ...); };
  if (has(kArgon2id)) return PasswordHash::kArgon2id;
  if (has("$y$", "$gy$", "$7$")) return PasswordHash::kYescrypt;
  if (has("$2b$", "$2y$")) return PasswordHash::kBcrypt;
  if (has("$6$")) return PasswordHash::kSha512;
  return std::nullopt;
}

int strength(PasswordHash method) {
  switch (method) {
    case PasswordHash::kSha512:
      return 0;
    case PasswordHash::kBcrypt:
      return 1;
    case PasswordHash::kYescrypt:
      return 2;
    case PasswordHash::kArgon2id:
      break;
  }
  return 3;
}

/// The number behind `name` in a hash, or `otherwise`.
std::uint32_t number_in(std::string_view hash, std::string_view name, std::uint32_t otherwise) {
  const auto at = hash.find(name);
  if (at == std::string_view::npos) return otherwise;
  const auto* const begin = hash.data() + at + name.size();
  std::uint32_t value = 0;
  return std::from_chars(begin, hash.data() + hash.size(), value).ec == std::errc() ? value : otherwise;
}

/// Whether a hash costs less than those that are made here by its method. Yescrypt has had one setting only.
bool is_cheap(std::string_view hash, PasswordHash method) {
  switch (method) {
    case PasswordHash::kArgon2id:
      return number_in(hash, "$m=", 0) < kArgonKiB || number_in(hash, ",t=", 0) < kArgonPasses;
    case PasswordHash::kBcrypt:
      return number_in(hash, "$2b$", 0) < kBcryptCost;
    case PasswordHash::kSha512:
      return number_in(hash, "$rounds=", kSha512Rounds) < kSha512Rounds;
    case PasswordHash::kYescrypt:
      break;
  }
  return false;
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

bool is_weaker(std::string_view hash, PasswordHash method) {
  const auto is = method_of(hash);
  if (!is) return false;
  return *is == method ? is_cheap(hash, method) : strength(*is) < strength(method);
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
