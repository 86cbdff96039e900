// Making directories that are still there after a power failure.
#pragma once
#include <filesystem>
#include <system_error>

namespace quartet {

/// Makes what is missing of `path`; the names of what was made are on disk when it returns without an error. What is in
/// the last directory is the caller's to sync.
std::error_code make_directories(const std::filesystem::path& path);

}  // namespace quartet
