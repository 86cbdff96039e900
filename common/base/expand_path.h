// Paths that a configuration has for all accounts at once.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace quartet {

/// The path with {user} and {domain} put in; nullopt if `user` or `domain` would lead to another directory.
std::optional<std::string> expand_path(std::string_view path, std::string_view user, std::string_view domain);

/// Whether it begins with '/' and has no braces but those of {user} and {domain}.
bool is_absolute_template(std::string_view path);

}  // namespace quartet
