// Agents by name, from a file of the user's: one a line, as
//
//   # mail hosts
//   relay-1  unix:/run/quartet/mta.control
//   relay-2  relay-2.example:10071  ca=/etc/quartet/ca.pem cert=ops.pem key=ops.key
//
// with file names relative to the file's directory.
#pragma once
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::ctl {

struct Context {
  std::string name;
  std::string target;  // as of --target
  std::string ca, certificate, key;
};

/// The error begins with FILE:LINE. `file` is what the text was read from.
std::expected<std::vector<Context>, std::string> parse_contexts(std::string_view text,
                                                                const std::filesystem::path& file);

/// An error too if the file cannot be read.
std::expected<std::vector<Context>, std::string> read_contexts(const std::filesystem::path& file);

/// quartet/contexts in $XDG_CONFIG_HOME or ~/.config; $QUARTET_CONTEXTS names another file. Empty: there is no home.
std::filesystem::path contexts_file();

/// "unix:/path" or "host:port".
bool is_target(std::string_view text);

/// A text of several lines with `name` and white space before each, names being as wide as `width`.
std::string prefixed(std::string_view name, std::size_t width, std::string_view text);

/// What a command printed with --json, as one object a line that names its context.
std::string tagged(std::string_view name, std::string_view json);

}  // namespace quartet::ctl
