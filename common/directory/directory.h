// The directory: which domains are local, who has an account, and where an address leads. An immutable snapshot; a
// reload makes a new one, and whoever still works with the old keeps it alive. Safe from any thread.
//
// Domains compare without regard to case (RFC 5321 section 2.4), and so do local parts here, as users expect. A local
// part may carry a detail after the separator ('+' unless set otherwise; RFC 5233): ann+lists@example.org is
// ann@example.org unless it has an entry of its own.
#pragma once
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/ascii.h"
#include "common/config/config.h"
#include "common/crypto/password.h"
#include "common/sasl/scram.h"

namespace quartet::config::v1 {
class Directory;
}  // namespace quartet::config::v1

namespace quartet::directory {

struct Account {
  std::string login;          // the primary address, lower case; also the name of the account in the store
  std::string password_hash;  // see crypto::verify_password; empty: by `scram`
  std::vector<sasl::ScramVerifier> scram;
  std::vector<std::string> addresses;  // all of its addresses, the primary one first; lower case
  std::uint64_t quota_bytes = 0;       // 0: no limit
  std::uint64_t quota_messages = 0;
  bool enabled = true;  // false: mail is still accepted, but no login

  /// By a password, that is.
  bool can_log_in() const { return enabled && (!password_hash.empty() || !scram.empty()); }
  /// Null if there is none.
  const sasl::ScramVerifier* verifier(crypto::Digest digest) const;
};

/// Where an address leads.
struct Resolution {
  enum class Kind {
    kAccount,      // `account`; `detail` is the subaddress
    kAlias,        // `targets`: resolve each; they may be anywhere
    kUnknownUser,  // the domain is local, the user is not: 550 5.1.1
    kNotLocal,     // relay it, or refuse
  };
  Kind kind = Kind::kNotLocal;
  const Account* account = nullptr;                   // of the directory asked
  const std::vector<std::string>* targets = nullptr;  // of the directory asked
  const std::string* owner = nullptr;                 // kAlias: of a list; empty if it is none
  std::string detail;
};

/// Everything an address leads to.
struct Expansion {
  struct Target {
    std::string address;  // as it was written: by the sender, or in the alias
    bool local = false;   // of an account; else it is to be relayed
    std::string owner{};  // of the innermost list on the way to it; empty: there is none
  };
  std::vector<Target> targets;       // each account and each outside address once
  std::vector<std::string> unknown;  // local, but without a user
  bool is_alias = false;             // the address itself is one
  bool complete = true;              // false: there were too many, and some are missing
};

class Directory {
 public:
  /// Of a source without faults, see load() and validate(). `file`: where it was read from.
  explicit Directory(const config::v1::Directory& source, std::string file = {});

  /// By login; an additional address is a login too. Without regard to case. Null if there is none.
  const Account* find_account(std::string_view login) const;

  /// `address` without angle brackets. First the address as it is, then without its detail, then the domain's
  /// catch-all.
  Resolution resolve(std::string_view address) const;

  /// Follows aliases to the end, through loops and repetitions, at most 10,000 addresses.
  Expansion expand(std::string_view address) const;

  /// The same user in the domain that an alias domain stands for; any other address as it is.
  std::string at_home(std::string_view address) const;

  bool is_local(std::string_view domain) const;
  /// What separates a user from a detail there; "" if nothing does. "+" for domains that are not ours.
  std::string separator_of(std::string_view domain) const;
  /// In the order of the file, lower case; alias domains come last.
  const std::vector<std::string>& domains() const { return domain_names_; }

  /// Whether the account may use the address as sender: its own ones, with any detail, and aliases that lead to it
  /// alone or name it in `may_send_as`.
  bool may_send_as(const Account& account, std::string_view address) const;

  /// See edit.h.
  const std::string& file() const { return file_; }
  /// What weaker hashes are to be replaced with at logins; nullopt: they stay.
  std::optional<crypto::PasswordHash> wanted_hash() const { return wanted_hash_; }

  /// Whether SCRAM with this digest can be offered: all accounts that can log in have a verifier for it.
  bool has_verifiers(crypto::Digest digest) const;
  /// Of the account, or for a stranger one that looks like the others, always the same, and fits no password.
  sasl::ScramVerifier scram_verifier(crypto::Digest digest, std::string_view login) const;

  /// As canonical_address(), with the domain as the directory writes it: one name for all spellings of it and for alias
  /// domains. Accounts are found by it.
  std::string canonical_at_home(std::string_view address) const;
  /// Whether it is the login of an account, not only an address of one.
  bool has_account(std::string_view login) const;
  std::size_t account_count() const { return accounts_.size(); }
  const std::vector<std::unique_ptr<Account>>& accounts() const { return accounts_; }

 private:
  struct Domain {
    std::string separator;
    std::string catch_all;
  };
  struct Alias {
    std::vector<std::string> targets;
    std::vector<std::string> senders;  // logins
    std::string owner;
  };
  template <typename T>
  using Map = std::unordered_map<std::string, T, ascii::Hash, std::equal_to<>>;

  bool resolve_exactly(std::string_view canonical, Resolution& result) const;
  bool resolve_user(std::string_view canonical, const Domain& domain, Resolution& result) const;

  void note_spelling(const std::string& domain);
  std::string spelled(std::string_view domain) const;
  std::string home_of(std::string_view domain) const;

  std::string file_;
  std::optional<crypto::PasswordHash> wanted_hash_;
  std::vector<std::string> domain_names_;
  std::string postmaster_;
  std::string scram_secret_;
  Map<Domain> domains_;
  std::vector<std::unique_ptr<Account>> accounts_;
  Map<const Account*> by_address_;
  Map<Alias> aliases_;
  Map<std::string> alias_domains_;
  Map<std::string> spellings_;  // internationalized domains as the directory writes them, by their A-labels
};

using DirectoryPtr = std::shared_ptr<const Directory>;

/// The form addresses are compared in: lower case, the local part without needless quotes. "" if there is no '@' with
/// something on both sides.
std::string canonical_address(std::string_view address);

/// What is wrong with a directory beyond its syntax.
std::vector<config::Error> validate(const config::v1::Directory& source, const config::Positions& positions);

/// Reads a directory in protobuf text form (proto/quartet/config/v1/directory.proto); all faults at once, with
/// their places.
std::expected<DirectoryPtr, std::vector<config::Error>> load(const std::string& path);

}  // namespace quartet::directory
