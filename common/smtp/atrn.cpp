#include "common/smtp/atrn.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/smtp/path.h"

namespace quartet::smtp {

std::optional<std::vector<std::string>> parse_atrn(std::string_view argument) {
  std::vector<std::string> domains;
  argument = ascii::trim(argument);
  if (argument.empty()) return domains;
  for (const auto part : ascii::split(argument, ',')) {
    if (!part.contains('.') || part.front() == '[' || !is_domain(part, false)) return std::nullopt;
    auto domain = ascii::lower(part);
    if (std::ranges::find(domains, domain) == domains.end()) domains.push_back(std::move(domain));
  }
  return domains;
}

std::string atrn_command(const std::vector<std::string>& domains) {
  std::string command = "ATRN";
  for (std::size_t i = 0; i < domains.size(); ++i) command += (i == 0 ? " " : ",") + domains[i];
  return command + "\r\n";
}

}  // namespace quartet::smtp
