// Addresses in header fields: RFC 5322 section 3.4 and 4.4, RFC 6854 groups, RFC 6532 UTF-8. Parsing never fails: what
// cannot be understood is skipped to the next comma, as a reader of mail expects.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::mime {

struct Address {
  enum class Kind : std::uint8_t {
    kMailbox,
    kGroupStart,  // `name` is the group's
    kGroupEnd,
  };
  Kind kind = Kind::kMailbox;
  std::string name;    // display name, or else the comment after the address; unquoted, encoded words kept as they are
  std::string route;   // obsolete source route with its "@", e.g. "@a.example,@b.example"
  std::string local;   // unquoted; empty together with domain for "<>"
  std::string domain;  // "" when the address had no "@"

  /// local@domain, the local part quoted if it must be.
  std::string address() const;
  friend bool operator==(const Address&, const Address&) = default;
};

/// All addresses of a From, To, Cc, Bcc, Reply-To or Sender value, at most `limit` of them. `value` may be folded.
std::vector<Address> parse_addresses(std::string_view value, std::size_t limit = 10'000);

/// Writes one mailbox as name <local@domain>; the name is quoted or encoded (RFC 2047) where that is needed.
std::string format_mailbox(std::string_view name, std::string_view address);

}  // namespace quartet::mime
