// The parts of a date that scripts can test: RFC 5260 section 4.2. For this folder.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quartet::sieve {

/// `seconds` since 1970-01-01T00:00:00Z as a clock `zone` minutes east of UTC shows it; nullopt: no such part.
std::optional<std::string> date_part(std::string_view part, std::int64_t seconds, std::int32_t zone);

/// Minutes east of UTC of "+hhmm"; nullopt if it is none.
std::optional<std::int32_t> parse_zone(std::string_view text);

}  // namespace quartet::sieve
