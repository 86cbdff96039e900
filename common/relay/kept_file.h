// Small files that are kept beside the queue: read whole, written whole, with a mark in front and a checksum behind.
#pragma once
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

namespace quartet::relay {

/// What is between mark and checksum; empty if there is no file. The error is one line for the operator.
std::expected<std::string, std::string> read_kept(const std::filesystem::path& file, std::string_view mark);
/// On disk when it ends well; else the old contents are.
std::expected<void, std::string> write_kept(const std::filesystem::path& file, std::string_view mark,
                                            std::string_view contents);

}  // namespace quartet::relay
