#include "common/crypto/password.h"

#include <crypt.h>
#include <cerrno>
#include <cstring>
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

}  // namespace

bool verify_password(std::string_view password, std::string_view hash) {
  if (hash.empty() || password.contains('\0')) return false;
  Workspace workspace;
  std::string phrase(password);
  const std::string setting(hash);
  const char* const result = crypt_rn(phrase.c_str(), setting.c_str(), workspace.data.get(), sizeof(crypt_data));
  explicit_bzero(phrase.data(), phrase.size());
  return result != nullptr && same_secret(result, hash);
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
