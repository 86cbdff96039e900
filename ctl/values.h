// Durations, sizes and texts as people read them.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "quartet/control/v1/common.pb.h"

namespace quartet::ctl {

/// At most two units: "42s", "3m", "2h5m", "11d4h".
std::string format_duration(std::chrono::seconds duration);

/// "812", "4.0K", "13M": at most four characters up to 9999 units of the largest.
std::string format_size(std::uint64_t octets);

/// "812", "10M", "1.5G": octets, with a unit of 1024 of the unit before. nullopt for anything else.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// What may go to a terminal: control characters, which a remote host could send, become '?'.
std::string plain(std::string_view text);

/// "debug", "info", "warn", "error"; unspecified if it is none of them.
control::v1::LogLevel log_level_of(std::string_view name);

}  // namespace quartet::ctl
