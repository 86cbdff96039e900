// A file that is there whole or not at all: written beside its place, synced, and renamed into it.
#pragma once
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

namespace quartet::ctl {

/// Errors are texts for people: the path and what the system said.
class NewFile {
 public:
  /// Readable to its owner alone unless `mode` says otherwise: most of what we write is other people's mail. What is no
  /// file is not replaced.
  static std::expected<NewFile, std::string> create(std::filesystem::path path, unsigned mode = 0600);
  /// Without commit() nothing is left of it.
  ~NewFile();
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;

  std::expected<void, std::string> write(std::string_view bytes);
  /// Replaces what was there.
  std::expected<void, std::string> commit();

 private:
  NewFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor)
      : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}
  std::unexpected<std::string> failed() const;

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

}  // namespace quartet::ctl
