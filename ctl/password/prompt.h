// A new password from whoever sits at the terminal, or from what is piped in.
#pragma once
#include <expected>
#include <string>

namespace quartet::password {

/// Asks twice at a terminal, where it is not shown as it is typed; else takes the first line of the standard input. The
/// error is for people.
std::expected<std::string, std::string> read_new();

}  // namespace quartet::password
