// The index on disk: a file of chunks, each with a checksum, written beside the log now and then. Two generations are
// kept. Everything the log has behind the marks must be read again on top of it; reading something twice does no harm.
#pragma once
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/journal/files.h"
#include "common/journal/liveness.h"
#include "common/journal/types.h"
#include "common/spool/index.h"
#include "common/spool/names.h"

namespace quartet::spool {

/// For each writer how far its log is contained. The owner is writer 0.
using Marks = std::map<journal::WriterId, journal::Position>;

class CheckpointWriter {
 public:
  explicit CheckpointWriter(const journal::Files& files) : files_(files) {}

  journal::Status begin(const Marks& marks);
  journal::Status add(const std::string& message, const Place& place);  // of Index::encode
  /// Makes it the current one, and the current one the old one.
  journal::Status finish();
  /// Takes away what was written, after an error: on a full disk it is in the way.
  void discard();

  std::uint64_t bytes() const { return offset_; }

 private:
  journal::Status flush();

  const journal::Files& files_;
  journal::Fd fd_;
  std::string chunk_;
  std::uint64_t messages_ = 0;
  std::uint64_t offset_ = 0;
};

struct CheckpointInfo {
  Marks marks;
  std::uint64_t bytes = 0;
};

/// Fills the (empty) index. nullopt: the file is not there; an error: it is, and cannot be used; the index is then to
/// be thrown away.
std::expected<std::optional<CheckpointInfo>, journal::Error> load_checkpoint(const std::filesystem::path& path,
                                                                             Index& index, journal::Liveness& live);
/// The marks alone; nullopt if there are none to be had.
std::optional<Marks> read_marks(const std::filesystem::path& path);

}  // namespace quartet::spool
