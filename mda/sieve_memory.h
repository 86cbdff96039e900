// What scripts have to remember of a user from one message to the next: replies that went out (RFC 5230 section 4.2)
// and messages that were seen (RFC 7352). A file beside the scripts, shared by all processes of the host. All of it
// blocks.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/files.h"
#include "common/base/time.h"

namespace quartet::mda {

class SieveMemory {
 public:
  /// Of the user with this directory, which may be missing: then nothing is remembered yet.
  explicit SieveMemory(std::string directory) : directory_(std::move(directory)) {}

  /// Whether the key was remembered and the time has not come to forget it.
  FileResult<bool> has(std::string_view key, WallTime now) const;
  /// Remembers it for so long from now; false if it was remembered already, which then stays as it was unless `renew`.
  /// Of several callers at a time one gets true.
  FileResult<bool> claim(std::string_view key, std::uint64_t seconds, WallTime now, bool renew);

 private:
  struct Contents {
    std::unordered_map<std::string, std::int64_t> entries;  // digest of the key, second of its end
    std::size_t lines = 0;                                  // of which some may be of no use any more
    bool whole = true;                                      // the last line is
  };
  FileResult<Contents> read(WallTime now) const;
  FileResult<void> append(const std::string& digest, std::int64_t end, const Contents& before) const;
  FileResult<void> write(const Contents& contents) const;
  std::string path() const { return directory_ + "/memory"; }

  const std::string directory_;
};

}  // namespace quartet::mda
