#include "common/base/expand_path.h"

namespace quartet {
namespace {

/// A name that stays one component of a path.
bool is_component(std::string_view name) {
  return !name.empty() && name.front() != '.' && !name.contains('/') && !name.contains('\0');
}

}  // namespace

std::optional<std::string> expand_path(std::string_view path, std::string_view user, std::string_view domain) {
  std::string out;
  while (!path.empty()) {
    const bool at_user = path.starts_with("{user}");
    const bool at_domain = path.starts_with("{domain}");
    if (!at_user && !at_domain) {
      out += path.front();
      path.remove_prefix(1);
      continue;
    }
    const auto name = at_user ? user : domain;
    if (!is_component(name)) return std::nullopt;
    out += name;
    path.remove_prefix(path.find('}') + 1);
  }
  return out;
}

bool is_absolute_template(std::string_view path) {
  if (!path.starts_with('/')) return false;
  const auto expanded = expand_path(path, "user", "domain");
  return expanded && !expanded->contains('{') && !expanded->contains('}');
}

}  // namespace quartet
