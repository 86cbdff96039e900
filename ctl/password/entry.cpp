#include "ctl/password/entry.h"

#include <fmt/format.h>

#include "common/sasl/server.h"

namespace quartet::password {
namespace {

constexpr std::size_t kSaltOctets = 16;

}  // namespace

std::expected<Entry, std::string> entry(std::string_view password, crypto::PasswordHash method) {
  if (password.empty()) return std::unexpected("the password is empty");
  if (!sasl::acceptable(password))
    return std::unexpected(fmt::format("a password has at most {} octets, and no NUL", sasl::kMostOctets));
  const auto prepared = sasl::prepare(password).value_or("");
  if (prepared.empty()) return std::unexpected("the password is not UTF-8, or has characters that RFC 4013 prohibits");
  auto hash = crypto::hash_password(prepared, method);
  if (!hash) return std::unexpected(std::move(hash.error()));
  Entry out{*std::move(hash), {}};
  for (const auto digest : {crypto::Digest::kSha256, crypto::Digest::kSha1}) {
    const auto verifier =
        sasl::make_scram_verifier(digest, password, crypto::random_octets(kSaltOctets), sasl::kScramIterations);
    out.scram_verifiers.push_back(to_string(verifier.value()));
  }
  return out;
}

std::string to_string(const Entry& entry) {
  // Neither form has a character that protobuf text would want escaped.
  auto out = fmt::format("password_hash: \"{}\"\n", entry.hash);
  for (const auto& verifier : entry.scram_verifiers) out += fmt::format("scram_verifier: \"{}\"\n", verifier);
  return out;
}

}  // namespace quartet::password
