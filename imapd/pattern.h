// Mailbox names against the patterns of LIST and LSUB: RFC 3501 section 6.3.8.
#pragma once
#include <string>
#include <string_view>

namespace quartet::imapd {

/// A pattern with wildcards: '*' is anything, '%' anything without a '/'. INBOX matches in any case.
class Pattern {
 public:
  static constexpr std::size_t kMostBytes = 2048;

  explicit Pattern(std::string_view text);
  bool matches(std::string_view name) const;

 private:
  std::string text_;  // no '*' beside another wildcard
};

}  // namespace quartet::imapd
