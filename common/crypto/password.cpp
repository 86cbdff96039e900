#include "common/crypto/password.h"

#include <crypt.h>
#include <cerrno>
#include <cstring>
#include <memory>

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

/// Compares without telling by its duration where the first difference is.
bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

bool verify_password(std::string_view password, std::string_view hash) {
  if (hash.empty() || password.contains('\0')) return false;
  Workspace workspace;
  std::string phrase(password);
  const std::string setting(hash);
  const char* const result = crypt_rn(phrase.c_str(), setting.c_str(), workspace.data.get(), sizeof(crypt_data));
  explicit_bzero(phrase.data(), phrase.size());
  return result != nullptr && same(result, hash);
}

std::expected<std::string, std::string> hash_password(std::string_view password) {
  if (password.contains('\0')) return std::unexpected("a password cannot hold NUL");
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (crypt_gensalt_rn("$y$", 0, nullptr, 0, setting, sizeof setting) == nullptr)
    return std::unexpected(std::string("no salt: ") + std::strerror(errno));
  Workspace workspace;
  std::string phrase(password);
  const char* const result = crypt_rn(phrase.c_str(), setting, workspace.data.get(), sizeof(crypt_data));
  explicit_bzero(phrase.data(), phrase.size());
  if (result == nullptr) return std::unexpected(std::string("crypt: ") + std::strerror(errno));
  return result;
}

}  // namespace quartet::crypto
