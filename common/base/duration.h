// Durations as people write them.
#pragma once
#include <chrono>
#include <optional>
#include <string_view>

namespace quartet {

/// "90s", "5m", "2h", "1d12h", "250ms": numbers with units (w, d, h, m, s, ms), the larger unit first and each once; at
/// most a century. nullopt for anything else.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace quartet
