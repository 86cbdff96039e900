// Reading a directory from its file, and what can be wrong with it.
#include <algorithm>
#include <set>
#include <unordered_set>

#include "common/crypto/password.h"
#include "common/directory/directory.h"
#include "common/mime/idna.h"
#include "quartet/config/v1/directory.pb.h"

namespace quartet::directory {
namespace {

class Check {
 public:
  Check(const config::v1::Directory& source, const config::Positions& positions)
      : source_(source), positions_(positions) {}

  std::vector<config::Error> run() {
    domains();
    for (const auto& account : source_.account()) check_account(account);
    for (const auto& alias : source_.alias()) check_alias(alias);
    for (const auto& alias : source_.alias_domain()) check_alias_domain(alias);
    // After all addresses are known.
    for (const auto& domain : source_.domain()) leads_somewhere(domain, "catch_all", domain.catch_all());
    leads_somewhere(source_, "postmaster", source_.postmaster());
    if (!source_.hash_method().empty() && !crypto::password_hash_named(source_.hash_method()))
      error(source_, "hash_method", -1, "expected argon2id, yescrypt, bcrypt or sha512");
    for (const auto& alias : source_.alias())
      for (int n = 0; n < alias.sender_size(); ++n)
        if (!logins_.contains(canonical_address(alias.sender(n))))
          error(alias, "sender", n, "\"" + alias.sender(n) + "\" is no account's login");
    return std::move(errors_);
  }

 private:
  void error(const google::protobuf::Message& message, std::string_view field, int index, std::string text) {
    errors_.push_back(positions_.at(message, field, index, std::move(text)));
  }

  void domains() {
    if (source_.domain().empty()) error(source_, "domain", -1, "there is no domain");
    for (const auto& domain : source_.domain()) {
      const std::string name = ascii::lower(domain.name());
      if (name.empty() || name.find_first_of("@ \t") != std::string::npos)
        error(domain, "name", -1, "\"" + domain.name() + "\" is not the name of a domain");
      else if (!domains_.insert(name).second || !spellings_.insert(mime::ascii_domain(name)).second)
        error(domain, "name", -1, "domain \"" + domain.name() + "\" is there twice");
    }
  }

  /// An address of our own that nothing else has.
  void own_address(const google::protobuf::Message& message, std::string_view field, int index,
                   const std::string& address) {
    const std::string canonical = canonical_address(address);
    if (canonical.empty()) {
      error(message, field, index, "\"" + address + "\" is not an address such as ann@example.org");
    } else if (!domains_.contains(canonical.substr(canonical.rfind('@') + 1))) {
      error(message, field, index, "\"" + address + "\" is not in one of the domains");
    } else if (!addresses_.insert(canonical).second) {
      error(message, field, index, "\"" + address + "\" is there twice");
    }
  }

  void check_account(const config::v1::Account& account) {
    own_address(account, "login", -1, account.login());
    logins_.insert(canonical_address(account.login()));
    for (int n = 0; n < account.address_size(); ++n) own_address(account, "address", n, account.address(n));
    if (!account.password_hash().empty() && !crypto::looks_hashed(account.password_hash()))
      error(account, "password_hash", -1, "not a hash; expected $y$..., $argon2id$..., $2b$... or $6$...");
    std::set<crypto::Digest> digests;
    for (int n = 0; n < account.scram_verifier_size(); ++n) {
      const auto verifier = sasl::parse_scram_verifier(account.scram_verifier(n));
      if (!verifier)
        error(account, "scram_verifier", n, "not of the form SCRAM-SHA-256$iterations:salt$stored:server");
      else if (!digests.insert(verifier->digest).second)
        error(account, "scram_verifier", n, "there are two of this kind");
    }
  }

  void check_alias(const config::v1::Alias& alias) {
    own_address(alias, "address", -1, alias.address());
    if (alias.target().empty()) error(alias, "target", -1, "the alias leads nowhere");
    if (const auto owner = canonical_address(alias.owner()); !alias.owner().empty() && owner.empty())
      error(alias, "owner", -1, "\"" + alias.owner() + "\" is not an address");
    else if (!owner.empty() && owner == canonical_address(alias.address()))
      error(alias, "owner", -1, "bounces would go to the whole list");
    for (int n = 0; n < alias.target_size(); ++n)
      if (canonical_address(alias.target(n)).empty())
        error(alias, "target", n, "\"" + alias.target(n) + "\" is not an address");
  }

  void check_alias_domain(const config::v1::AliasDomain& alias) {
    const std::string from = ascii::lower(alias.from());
    if (from.empty() || from.find_first_of("@ \t") != std::string::npos)
      error(alias, "from", -1, "\"" + alias.from() + "\" is not the name of a domain");
    else if (!spellings_.insert(mime::ascii_domain(from)).second)
      error(alias, "from", -1, "domain \"" + alias.from() + "\" is there twice");
    if (!domains_.contains(ascii::lower(alias.to())))
      error(alias, "to", -1, "\"" + alias.to() + "\" is not one of the domains");
  }

  void leads_somewhere(const google::protobuf::Message& message, std::string_view field, const std::string& address) {
    if (!address.empty() && !addresses_.contains(canonical_address(address)))
      error(message, field, -1, "\"" + address + "\" is neither an account nor an alias");
  }

  const config::v1::Directory& source_;
  const config::Positions& positions_;
  std::vector<config::Error> errors_;
  std::unordered_set<std::string> domains_;
  std::unordered_set<std::string> spellings_;  // of them and of alias domains: A-labels and U-labels are one name
  std::unordered_set<std::string> addresses_;
  std::unordered_set<std::string> logins_;
};

}  // namespace

std::vector<config::Error> validate(const config::v1::Directory& source, const config::Positions& positions) {
  return Check(source, positions).run();
}

std::expected<DirectoryPtr, std::vector<config::Error>> load(const std::string& path) {
  config::v1::Directory source;
  const auto loaded = config::load_into(path, source);
  if (!loaded) return std::unexpected(loaded.error());
  auto errors = validate(source, *loaded->positions);
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return std::make_shared<const Directory>(source, path);
}

}  // namespace quartet::directory
