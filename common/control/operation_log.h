// The file that operations are kept in: one record for the begin and one for the end of each, appended.
#pragma once
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/journal/files.h"
#include "quartet/control/v1/operation.pb.h"

namespace quartet::control {

std::string encode_operation(const v1::Operation& operation);
/// In the order of the file; the last word of an operation counts. `used` is where the first octet is that belongs to
/// no whole record: a crash may cut the last one.
std::vector<v1::Operation> decode_operations(std::string_view file, std::size_t& used);

/// One thread at a time.
class OperationLog {
 public:
  /// Empty: nothing is kept. The directory is there.
  explicit OperationLog(const std::filesystem::path& directory);

  /// What is kept. A damaged end is logged and passed over.
  std::vector<v1::Operation> load() const;
  /// The file from now on has these and nothing else. What cannot be written is logged.
  void replace(const std::vector<v1::Operation>& operations);
  /// Durable when it returns.
  void append(const v1::Operation& operation);
  /// Records that were appended since replace().
  std::size_t appended() const { return appended_; }

 private:
  journal::Status write(std::string_view bytes);

  const journal::Files files_;
  journal::Fd file_;
  std::uint64_t size_ = 0;
  std::size_t appended_ = 0;
};

}  // namespace quartet::control
