#include "common/service/passwords.h"

#include <algorithm>
#include <iterator>
#include <variant>

#include "common/base/ascii.h"
#include "common/crypto/digest.h"
#include "common/crypto/password.h"
#include "common/log/log.h"
#include "common/metrics/metrics.h"

namespace quartet::service {
namespace {

// Of a password nobody has; for a directory without any hash.
constexpr const char* kNoHash = "$y$j9T$ORtqT8czznML/LpxjjSoR1$6MBKMHMM9ET5JMPEqi61GjFM4UKVQlIVKiaOYcQPTpB";

/// By what a password is checked.
using Secret = std::variant<std::string, sasl::ScramVerifier>;

Secret secret_of(const directory::Account& account) {
  if (account.password_hash.empty()) return account.scram.front();
  return account.password_hash;
}

/// A secret made as those of the site are: the same method at the same cost. Where these differ, each stranger has
/// those of one of the accounts, always the same, so that time tells nothing.
Secret decoy(const directory::Directory& directory, const std::string& login) {
  const auto& accounts = directory.accounts();
  const auto mark = crypto::hash(crypto::Digest::kSha256, ascii::lower(sasl::prepare(login).value_or(login)));
  std::size_t first = 0;
  for (const char octet : mark.substr(0, 4)) first = first << 8U | static_cast<unsigned char>(octet);
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    const auto& account = accounts[(first + i) % accounts.size()];
    if (account->can_log_in()) return secret_of(*account);
  }
  return kNoHash;
}

/// All that the directory has of it.
std::string text_of(const Secret& secret) {
  if (const auto* const hash = std::get_if<std::string>(&secret)) return *hash;
  return sasl::to_string(std::get<sasl::ScramVerifier>(secret));
}

/// Ours are hashes of what prepare() makes of a password (RFC 4616 section 2); those that come from elsewhere may be of
/// the password as it was typed.
bool fits_hash(const std::string& hash, const std::string& password) {
  const auto prepared = sasl::prepare(password).value_or("");
  if (!prepared.empty() && prepared != password && crypto::verify_password(prepared, hash)) return true;
  return crypto::verify_password(password, hash);
}

bool fits(const Secret& secret, const std::string& password) {
  if (const auto* const hash = std::get_if<std::string>(&secret)) return fits_hash(*hash, password);
  return sasl::fits(std::get<sasl::ScramVerifier>(secret), password);
}

/// The directory has a name as its operator typed it, and the user has another keyboard.
const directory::Account* find(const directory::Directory& directory, const std::string& login) {
  const auto* const account = directory.find_account(login);
  return account != nullptr ? account : directory.find_account(sasl::prepare(login).value_or(""));
}

}  // namespace

async::Task<Login> Passwords::authenticate(directory::DirectoryPtr directory, sasl::Claim claim,
                                           std::shared_ptr<Tokens> tokens) {
  constexpr auto kRefused = std::unexpected(LoginFailure::kRefused);
  if (auto* const token = std::get_if<sasl::BearerToken>(&claim.evidence)) {
    const auto checked = co_await check_token(std::move(tokens), std::move(token->text), claim.authentication);
    if (!checked) co_return std::unexpected(checked.error());
    claim.evidence = sasl::Verdict::kProven;
  }
  const auto* account = find(*directory, claim.authentication);
  if (account != nullptr && !account->enabled) account = nullptr;
  if (account != nullptr && find(*directory, claim.user()) != account) account = nullptr;
  if (const auto* const verdict = std::get_if<sasl::Verdict>(&claim.evidence)) {
    if (account == nullptr || *verdict != sasl::Verdict::kProven) co_return kRefused;
    co_return account;
  }
  if (account != nullptr && !account->can_log_in()) account = nullptr;
  auto* const password = std::get_if<sasl::Password>(&claim.evidence);
  if (password == nullptr) co_return kRefused;  // hashes prove nothing of CRAM-MD5
  auto secret = account != nullptr ? secret_of(*account) : decoy(*directory, claim.authentication);
  // Of nobody nothing is remembered, but it is looked for all the same.
  const auto login = account != nullptr ? std::string_view(account->login) : std::string_view();
  auto proof = memory_.remembers() ? memory_.proof(login, text_of(secret), password->text) : std::string();
  if (memory_.knows(login, proof, std::chrono::steady_clock::now()) && account != nullptr) co_return account;
  const bool good = co_await async::offload(
      pool_, [&text = password->text, secret = std::move(secret)] { return fits(secret, text); });
  if (!good || account == nullptr) co_return kRefused;
  memory_.remember(account->login, std::move(proof), std::chrono::steady_clock::now());
  if (upgrades_.wants(*directory, *account)) {
    pool_.submit(
        [directory, account, text = std::move(password->text)] { HashUpgrades::run(*directory, *account, text); });
  }
  co_return account;
}

async::Task<std::expected<void, LoginFailure>> Passwords::check_token(std::shared_ptr<Tokens> tokens, std::string text,
                                                                      std::string& login) {
  if (tokens == nullptr || text.empty()) co_return std::unexpected(LoginFailure::kRefused);
  auto found = co_await async::offload(token_pool_, [tokens, &text] { return tokens->check(text); });
  if (found) {
    login = *std::move(found);
    co_return std::expected<void, LoginFailure>();
  }
  if (found.error().unavailable) {
    log::warn("token.not_checked", {{"login", login}, {"reason", found.error().reason}});
    co_return std::unexpected(LoginFailure::kUnavailable);
  }
  log::info("token.refused", {{"login", login}, {"reason", found.error().reason}});
  co_return std::unexpected(LoginFailure::kRefused);
}

std::vector<std::string> mechanisms(const directory::Directory& directory, const Tokens* tokens) {
  std::vector<std::string> out;
  for (const auto digest : {crypto::Digest::kSha256, crypto::Digest::kSha1})
    if (directory.has_verifiers(digest)) std::ranges::copy(sasl::scram_mechanisms(digest), std::back_inserter(out));
  if (tokens != nullptr) std::ranges::copy(sasl::token_mechanisms(), std::back_inserter(out));
  std::ranges::copy(sasl::password_mechanisms(), std::back_inserter(out));
  return out;
}

sasl::Verifiers verifiers(directory::DirectoryPtr directory) {
  return [directory = std::move(directory)](crypto::Digest digest, std::string_view user) {
    return directory->scram_verifier(digest, user);
  };
}

bool can_be_guessed(const sasl::Claim& claim) {
  const auto* const verdict = std::get_if<sasl::Verdict>(&claim.evidence);
  const bool proven = verdict != nullptr && *verdict == sasl::Verdict::kProven;
  return !proven && !std::holds_alternative<sasl::BearerToken>(claim.evidence);
}

void count_login(const std::string& protocol, bool good) {
  metrics::counter("quartet_logins_total", "Logins by their result",
                   {{"protocol", protocol}, {"result", good ? "ok" : "failed"}})
      .add();
}

}  // namespace quartet::service
