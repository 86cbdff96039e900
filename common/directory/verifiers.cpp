// What SCRAM needs to know of accounts, and of those who have none.
#include <algorithm>

#include "common/directory/directory.h"

namespace quartet::directory {

const sasl::ScramVerifier* Account::verifier(crypto::Digest digest) const {
  const auto found = std::ranges::find(scram, digest, &sasl::ScramVerifier::digest);
  return found == scram.end() ? nullptr : &*found;
}

bool Directory::has_verifiers(crypto::Digest digest) const {
  bool any = false;
  for (const auto& account : accounts_) {
    if (!account->can_log_in()) continue;
    if (account->verifier(digest) == nullptr) return false;
    any = true;
  }
  return any;
}

sasl::ScramVerifier Directory::scram_verifier(crypto::Digest digest, std::string_view login) const {
  const auto* const account = find_account(login);
  if (account != nullptr && account->verifier(digest) != nullptr) return *account->verifier(digest);
  sasl::ScramVerifier decoy{digest, sasl::kScramIterations, std::string(16, '\0'), {}, {}};
  std::string secret = scram_secret_;
  for (const auto& other : accounts_) {
    const auto* const like = other->verifier(digest);
    if (like == nullptr) continue;
    decoy.iterations = like->iterations;
    decoy.salt.resize(std::min(like->salt.size(), crypto::size_of(digest)));
    if (secret.empty()) secret = like->server_key;
    break;
  }
  // In the same form as accounts are found by, so that a name in other letters has the same salt.
  auto name = canonical_at_home(login);
  if (name.empty()) name = ascii::lower(login);
  decoy.salt = crypto::hmac(digest, secret, "salt of " + name).substr(0, decoy.salt.size());
  decoy.stored_key = crypto::hmac(digest, secret, "key of " + name);
  decoy.server_key = decoy.stored_key;
  return decoy;
}

}  // namespace quartet::directory
