// mailto URIs (RFC 6068), the notification method of RFC 5436.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quartet::sieve {

struct Mailto {
  std::vector<std::string> recipients;  // all addresses, each once
  std::vector<std::string> to, cc;      // those of them that are told who they are
  std::string subject;
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;  // others, as written; values without line ends
};

/// nullopt: another scheme, or not well-formed, or without a recipient.
std::optional<Mailto> parse_mailto(std::string_view uri);

}  // namespace quartet::sieve
