// The flags of messages where they come from and where they go: letters of Maildir and mbox, names of IMAP, words of a
// state file.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::transfer {

/// Of one message.
struct Flags {
  std::uint64_t system = 0;           // bits of store::flag
  std::vector<std::string> keywords;  // in order, each once whatever its case

  /// What is no keyword (RFC 9051 section 2.3.2: an atom) is passed over.
  void add_keyword(std::string_view name);
  /// "\Seen" or a keyword. \Recent and what nobody knows is passed over.
  void add_name(std::string_view name);
  friend bool operator==(const Flags&, const Flags&) = default;
};

/// Letters as Maildir has them, in order: DFRST.
std::string to_letters(std::uint64_t system);
std::uint64_t from_letters(std::string_view letters);

/// "FS $Forwarded work": letters, "-" if there are none, and the keywords.
std::string to_text(const Flags& flags);
/// What to_text() wrote.
Flags flags_from_text(std::string_view text);

/// The flags of a message in the store; `known` as a snapshot names the keywords.
Flags flags_of(std::uint64_t flags, const std::vector<std::string>& known);

}  // namespace quartet::transfer
