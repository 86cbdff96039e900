// The argument of ATRN (RFC 2645 section 5.2.1). Sans-IO.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::smtp {

/// "x.org,y.org" as domains in lower case, each once and in the order they were named; none for an empty argument,
/// which stands for all that the client has. A domain has at least two labels; nullopt: this is no such list.
std::optional<std::vector<std::string>> parse_atrn(std::string_view argument);

/// The command with its CRLF.
std::string atrn_command(const std::vector<std::string>& domains);

}  // namespace quartet::smtp
