#include "common/directory/directory.h"

#include <algorithm>
#include <unordered_set>

#include "common/mime/charset.h"
#include "common/mime/idna.h"
#include "quartet/config/v1/directory.pb.h"

namespace quartet::directory {
namespace {

constexpr std::string_view kDefaultSeparator = "+";
// Far more than a mailing by alias needs, and an end for a directory that multiplies.
constexpr std::size_t kMaxExpansion = 10'000;

/// A quoted local part (RFC 5321 section 4.1.2) means what it says without quotes and backslashes.
std::string unquoted(std::string_view local) {
  if (local.size() < 2 || local.front() != '"' || local.back() != '"') return std::string(local);
  std::string result;
  for (std::size_t n = 1; n + 1 < local.size(); ++n) {
    if (local[n] == '\\' && n + 2 < local.size()) ++n;
    result += local[n];
  }
  return result;
}

std::string_view domain_of(std::string_view canonical) { return canonical.substr(canonical.rfind('@') + 1); }
std::string_view local_of(std::string_view canonical) { return canonical.substr(0, canonical.rfind('@')); }

}  // namespace

std::string canonical_address(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == address.size()) return "";
  const std::string local = unquoted(address.substr(0, at));
  if (local.empty()) return "";
  return ascii::lower(local) + "@" + ascii::lower(address.substr(at + 1));
}

Directory::Directory(const config::v1::Directory& source, std::string file)
    : file_(std::move(file)),
      postmaster_(canonical_address(source.postmaster())),
      scram_secret_(source.scram_secret()) {
  if (source.upgrade_hashes())
    wanted_hash_ = source.hash_method().empty() ? crypto::PasswordHash::kArgon2id
                                                : crypto::password_hash_named(source.hash_method());
  for (const auto& domain : source.domain()) {
    const std::string name = ascii::lower(domain.name());
    domain_names_.push_back(name);
    note_spelling(name);
    domains_[name] = {
        domain.has_subaddress_separator() ? domain.subaddress_separator() : std::string(kDefaultSeparator),
        canonical_address(domain.catch_all())};
  }
  for (const auto& entry : source.account()) {
    auto account = std::make_unique<Account>();
    account->login = canonical_address(entry.login());
    account->password_hash = entry.password_hash();
    account->addresses.push_back(account->login);
    for (const std::string& address : entry.address()) account->addresses.push_back(canonical_address(address));
    for (const auto& text : entry.scram_verifier())
      if (auto verifier = sasl::parse_scram_verifier(text)) account->scram.push_back(*std::move(verifier));
    account->quota_bytes = entry.quota_bytes();
    account->quota_messages = entry.quota_messages();
    account->enabled = !entry.disabled();
    for (const std::string& address : account->addresses) by_address_[address] = account.get();
    accounts_.push_back(std::move(account));
  }
  for (const auto& entry : source.alias()) {
    Alias& alias = aliases_[canonical_address(entry.address())];
    alias.targets.assign(entry.target().begin(), entry.target().end());
    for (const std::string& sender : entry.sender()) alias.senders.push_back(canonical_address(sender));
    alias.owner = entry.owner();
  }
  for (const auto& entry : source.alias_domain()) {
    auto from = ascii::lower(entry.from());
    domain_names_.push_back(from);
    note_spelling(from);
    alias_domains_[std::move(from)] = ascii::lower(entry.to());
  }
}

void Directory::note_spelling(const std::string& domain) {
  auto name = mime::ascii_domain(domain);
  if (name.contains("xn--")) spellings_.emplace(std::move(name), domain);
}

/// In lower case, and one of ours as the directory writes it.
std::string Directory::spelled(std::string_view domain) const {
  if (!spellings_.empty()) {
    if (const auto found = spellings_.find(mime::ascii_domain(domain)); found != spellings_.end()) return found->second;
  }
  return ascii::lower(domain);
}

/// The domain that an alias domain stands for, or itself; as the directory writes it.
std::string Directory::home_of(std::string_view domain) const {
  auto name = spelled(domain);
  const auto found = alias_domains_.find(name);
  return found == alias_domains_.end() ? name : found->second;
}

std::string Directory::at_home(std::string_view address) const {
  const auto at = address.rfind('@');
  if (alias_domains_.empty() || at == std::string_view::npos) return std::string(address);
  const auto found = alias_domains_.find(spelled(address.substr(at + 1)));
  if (found == alias_domains_.end()) return std::string(address);
  // Mail to an ASCII address need not be fit for another.
  return std::string(address.substr(0, at + 1)) +
         (mime::is_ascii(address) ? mime::ascii_domain(found->second) : found->second);
}

std::string Directory::canonical_at_home(std::string_view address) const {
  auto canonical = canonical_address(address);
  if ((alias_domains_.empty() && spellings_.empty()) || canonical.empty()) return canonical;
  const auto behind = canonical.rfind('@') + 1;
  return canonical.replace(behind, std::string::npos, home_of(std::string_view(canonical).substr(behind)));
}

const Account* Directory::find_account(std::string_view login) const {
  const auto found = by_address_.find(canonical_at_home(login));
  return found == by_address_.end() ? nullptr : found->second;
}

bool Directory::has_account(std::string_view login) const {
  const auto* const account = find_account(login);
  return account != nullptr && account->login == canonical_at_home(login);
}

bool Directory::is_local(std::string_view domain) const {
  const auto name = spelled(domain);
  return domains_.contains(name) || alias_domains_.contains(name);
}

std::string Directory::separator_of(std::string_view domain) const {
  const auto found = domains_.find(home_of(domain));
  return found == domains_.end() ? std::string(kDefaultSeparator) : found->second.separator;
}

bool Directory::resolve_exactly(std::string_view canonical, Resolution& result) const {
  if (const auto account = by_address_.find(canonical); account != by_address_.end()) {
    result.kind = Resolution::Kind::kAccount;
    result.account = account->second;
    return true;
  }
  if (const auto alias = aliases_.find(canonical); alias != aliases_.end()) {
    result.kind = Resolution::Kind::kAlias;
    result.targets = &alias->second.targets;
    result.owner = &alias->second.owner;
    return true;
  }
  return false;
}

bool Directory::resolve_user(std::string_view canonical, const Domain& domain, Resolution& result) const {
  if (resolve_exactly(canonical, result)) return true;
  if (domain.separator.empty()) return false;
  const std::string_view local = local_of(canonical);
  const std::size_t cut = local.find(domain.separator);
  if (cut == std::string_view::npos || cut == 0) return false;
  const std::string base = std::string(local.substr(0, cut)) + "@" + std::string(domain_of(canonical));
  if (!resolve_exactly(base, result)) return false;
  result.detail = local.substr(cut + domain.separator.size());
  return true;
}

Resolution Directory::resolve(std::string_view address) const {
  Resolution result;
  if (ascii::iequals(address, "postmaster")) {
    if (!postmaster_.empty()) (void)resolve_exactly(postmaster_, result);
    if (result.kind == Resolution::Kind::kNotLocal && !domain_names_.empty())
      return resolve("postmaster@" + domain_names_.front());
    return result;
  }
  const std::string canonical = canonical_at_home(address);
  if (canonical.empty()) return result;
  const auto domain = domains_.find(domain_of(canonical));
  if (domain == domains_.end()) return result;
  if (resolve_user(canonical, domain->second, result)) return result;
  if (local_of(canonical) == "postmaster" && !postmaster_.empty() && resolve_exactly(postmaster_, result))
    return result;
  if (!domain->second.catch_all.empty() && resolve_exactly(domain->second.catch_all, result)) return result;
  result.kind = Resolution::Kind::kUnknownUser;
  return result;
}

Expansion Directory::expand(std::string_view address) const {
  Expansion expansion;
  std::vector<Expansion::Target> open{{std::string(address)}};
  std::unordered_set<std::string> seen;
  std::unordered_set<const Account*> accounts;
  for (std::size_t n = 0; n < open.size(); ++n) {
    if (n == kMaxExpansion) {
      expansion.complete = false;
      break;
    }
    auto next = std::move(open[n]);
    const std::string canonical = canonical_at_home(next.address);
    if (!seen.insert(canonical.empty() ? next.address : canonical).second) continue;
    const Resolution result = resolve(next.address);
    switch (result.kind) {
      case Resolution::Kind::kAccount:
        next.local = true;
        if (accounts.insert(result.account).second) expansion.targets.push_back(std::move(next));
        break;
      case Resolution::Kind::kAlias:
        if (n == 0) expansion.is_alias = true;
        if (!result.owner->empty()) next.owner = *result.owner;
        for (const auto& target : *result.targets) open.push_back({target, false, next.owner});
        break;
      case Resolution::Kind::kUnknownUser:
        expansion.unknown.push_back(std::move(next.address));
        break;
      case Resolution::Kind::kNotLocal:
        expansion.targets.push_back(std::move(next));
        break;
    }
  }
  return expansion;
}

bool Directory::may_send_as(const Account& account, std::string_view address) const {
  const std::string canonical = canonical_at_home(address);
  if (canonical.empty()) return false;
  const auto domain = domains_.find(domain_of(canonical));
  if (domain == domains_.end()) return false;
  Resolution result;
  // Not by resolve(): a catch-all receives for everybody but speaks for nobody.
  if (!resolve_user(canonical, domain->second, result)) return false;
  if (result.kind == Resolution::Kind::kAccount) return result.account == &account;
  const std::string name =
      result.detail.empty()
          ? canonical
          : std::string(local_of(canonical).substr(
                0, local_of(canonical).size() - result.detail.size() - domain->second.separator.size())) +
                "@" + domain->first;
  const Alias& alias = aliases_.find(name)->second;
  if (std::find(alias.senders.begin(), alias.senders.end(), account.login) != alias.senders.end()) return true;
  return alias.targets.size() == 1 && find_account(alias.targets.front()) == &account;
}

}  // namespace quartet::directory
