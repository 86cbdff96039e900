// Payloads that are in files of their own, read range by range: for who does not want all of one in memory.
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "common/journal/types.h"

namespace quartet::journal {

/// One of them, opened. It is read to its end also when it has been removed meanwhile. Any thread.
class PayloadFile {
 public:
  virtual ~PayloadFile() = default;
  /// Up to `size` bytes from `offset`; fewer only at its end. Blocks on the disk.
  virtual std::expected<std::string, Error> read(std::uint64_t offset, std::size_t size) const = 0;
};

/// Those of any writer in a directory. Safe from any thread.
class PayloadFiles {
 public:
  explicit PayloadFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// For a location with a file. It is read through once for its checksum, and not again soon. Blocks on the disk.
  std::expected<std::unique_ptr<const PayloadFile>, Error> open(const Location& location);

 private:
  bool is_sound(std::uint64_t file);
  void note_sound(std::uint64_t file);

  const std::filesystem::path directory_;
  std::mutex mutex_;  // guards what follows
  // Files that were found as their records say, not long ago: their bytes never change. No file is 0.
  std::array<std::uint64_t, 256> sound_{};
  std::size_t next_ = 0;
};

}  // namespace quartet::journal
