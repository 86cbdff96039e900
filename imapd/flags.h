// Flags between the store's words and the names of the protocol (RFC 3501 section 2.3.2).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/types.h"

namespace quartet::imapd {

/// "\Seen $Forwarded", without parentheses; `keywords` as a snapshot names them.
void append_flags(std::string& out, std::uint64_t flags, const std::vector<std::string>& keywords, bool recent);

/// The bit of a system flag ("\Seen", in any case); 0 for anything else.
std::uint64_t system_flag(std::string_view name);

struct FlagNames {
  std::uint64_t system = 0;
  std::vector<std::string> keywords;
};
/// What a client named, sorted out. \Recent cannot be set and is passed over; so is a \Flag nobody knows.
FlagNames sort_flags(const std::vector<std::string>& names);

/// The bits of `keywords` that a snapshot knows already.
std::uint64_t keyword_bits(const std::vector<std::string>& wanted, const std::vector<std::string>& known);

}  // namespace quartet::imapd
