// Mailbox names against the patterns of LIST and LSUB: RFC 3501 section 6.3.8.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::imapd {

/// A pattern with wildcards: '*' is anything, '%' anything without a '/'. INBOX matches in any case.
class Pattern {
 public:
  static constexpr std::size_t kMostBytes = 2048;
  // Of all patterns of one command: each mailbox is held against every one.
  static constexpr std::size_t kMostBytesOfAll = 4 * kMostBytes;

  explicit Pattern(std::string_view text);
  bool matches(std::string_view name) const;

 private:
  /// A bit for each place in the pattern. Of what has been reached, bit p: the first p characters match what has been
  /// seen of the name.
  using Places = std::vector<std::uint64_t>;

  const Places* places_of(char c, bool any_case) const;

  std::string text_;              // no '*' beside another wildcard
  Places any_;                    // where '*' is
  Places level_;                  // where '%' is
  std::map<char, Places> exact_;  // where each other character is
  std::map<char, Places> upper_;  // the same, lower case letters as upper case ones
};

}  // namespace quartet::imapd
