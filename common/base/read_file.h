// A file as a text.
#pragma once
#include <expected>
#include <filesystem>
#include <string>

namespace quartet {

/// The error is what the system says, without the path.
std::expected<std::string, std::string> read_file(const std::filesystem::path& path);

}  // namespace quartet
