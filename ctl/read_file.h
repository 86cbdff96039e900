// A file as a text.
#pragma once
#include <expected>
#include <filesystem>
#include <string>

namespace quartet::ctl {

/// The error is a text for people: the path and what the system said.
std::expected<std::string, std::string> read_file(const std::filesystem::path& path);

}  // namespace quartet::ctl
