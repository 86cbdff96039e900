// Who may do what with a mailbox: rights and access control lists (RFC 4314).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/types.h"

namespace quartet::store {

/// A set of the rights of RFC 4314 section 2.1: l lookup, r read, s keep \Seen, w write other flags, i insert, p post,
/// k create below, x delete the mailbox, t keep \Deleted, e expunge, a administer.
class Rights {
 public:
  static constexpr std::string_view kLetters = "lrswipkxtea";

  constexpr Rights() = default;
  static Rights all();
  /// Letters in any order. Of those of RFC 2086, c stands for k, and d for x, t and e (RFC 4314 section 2.1.1). nullopt
  /// for any other letter.
  static std::optional<Rights> parse(std::string_view letters);

  bool empty() const { return bits_ == 0; }
  /// Whether all of these letters are in it.
  bool has(std::string_view letters) const;
  bool has_any(std::string_view letters) const;
  Rights with(Rights other) const { return Rights(bits_ | other.bits_); }
  Rights without(Rights other) const { return Rights(bits_ & ~other.bits_); }

  /// In the order of kLetters.
  std::string to_string() const;
  /// As the responses ACL and MYRIGHTS have it: with c and d for clients of RFC 2086.
  std::string to_response() const;

  friend bool operator==(Rights, Rights) = default;

 private:
  explicit constexpr Rights(unsigned bits) : bits_(bits) {}
  unsigned bits_ = 0;  // bit n: letter n of kLetters
};

/// One line of an access control list. The identifier is a login or "anyone"; with '-' before it the rights are taken
/// away.
struct AclEntry {
  std::string identifier;
  Rights rights;
  friend bool operator==(const AclEntry&, const AclEntry&) = default;
};
using Acl = std::vector<AclEntry>;

inline constexpr std::string_view kAnyone = "anyone";

/// What the list gives to a login: all that is given to it and to anyone, without what is taken from either.
Rights rights_of(const Acl& acl, std::string_view login);

/// The flags that the rights let a user change: \Seen by s, \Deleted by t, all others by w.
std::uint64_t changeable_flags(Rights rights);

enum class AclMode { kReplace, kAdd, kRemove };

}  // namespace quartet::store
