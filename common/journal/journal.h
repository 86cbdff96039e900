// An append-only log in segment files: many threads append, one committer thread writes what waits with one pwritev and
// one fdatasync and then completes it all. Knows nothing of what the records mean.
//
// Files in the directory, WWWW the writer and SSSSSSSSSSSS the sequence in hexadecimal:
//   WWWW-SSSSSSSSSSSS.log   a segment, preallocated        WWWW.lock   held while a process is this writer
//   WWWW-*.free             a segment to overwrite         WWWW.end    how far this writer is durable (Tail reads it)
//   payload/*.body          payloads of their own files    quarantine/ segments in which damage was found
//
// A failed write or sync completes the affected appends with an error and abandons the segment at its last durable
// byte: the next append starts another one, so the writer recovers by itself when the fault is gone.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/async/task.h"
#include "common/journal/types.h"

namespace quartet::journal {

/// Bytes of a payload: owned, or shared with who keeps them in memory.
class Piece {
 public:
  Piece(std::string bytes) : bytes_(std::move(bytes)) {}
  Piece(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}
  std::string_view view() const {
    if (const auto* own = std::get_if<std::string>(&bytes_)) return *own;
    return *std::get<1>(bytes_);
  }

 private:
  std::variant<std::string, std::shared_ptr<const std::string>> bytes_;
};

struct NewRecord {
  std::uint8_t type = 0;  // the user's; any value
  std::vector<Piece> pieces;
  bool in_segment = false;  // never a file of its own, however large: replay shall see the payload
  /// When a record is copied whose payload is in a file: that file is named again instead of `pieces`.
  Location file;
  std::uint32_t file_crc = 0;
};

struct AppendOptions {
  bool lazy = false;  // need not be durable at once: goes with the next commit, at the latest after Options::lazy_delay
  bool essential =
      false;  // may use the reserve when the disk is full: for records that free space or prevent repetition
};

/// Operations of the file layer, for tests that make them fail.
enum class FileOperation { kCreate, kAllocate, kWrite, kSync, kRename, kSyncDirectory };

struct Options {
  std::filesystem::path directory;           // made if missing
  std::optional<WriterId> writer;            // nullopt: the first from 1 on that no live process holds
  std::uint32_t segment_size = 64u << 20;    // 64 KB to 1 GB
  std::uint32_t large_payload = 256u << 10;  // payloads above go to files of their own
  std::size_t free_segments = 4;             // kept for recycling; more are deleted
  std::chrono::milliseconds lazy_delay{5};   // the longest a lazy append waits for company
  bool publish = false;                      // keep WWWW.end up to date, so that a Tail may follow live
  Position replay_from;                      // earlier records are not read
  /// Nothing from replay_from on was given back: what another segment follows and is not there is damage.
  bool unbroken = false;
  /// For whom another record says what was acknowledged: of a last unit that is not whole, the records that are stay.
  bool keeps_tail = false;
  std::function<int(FileOperation, const std::string&)> fault;  // tests: errno to fail with, 0 to go on
};

/// Called for each record of each complete unit, oldest first.
using ReplayHandler = std::function<void(const RecordView&)>;

using AppendResult = std::expected<std::vector<Location>, Error>;

/// Called once, on a thread of the writer: take note and return, never block, never close the writer from here.
using Completion = std::move_only_function<void(AppendResult)>;

/// Called on the committer's thread, as above, once the records are written but not durable yet: where they are going
/// to be, unless the completion then tells of an error. Who has to note that elsewhere can begin meanwhile. Not called
/// for what fails before.
using Placed = std::move_only_function<void(const std::vector<Location>&)>;

class Writer {
 public:
  /// Takes the writer's lock, reads its records from `replay_from` on (no handler: only finds the end), starts the
  /// threads. Records are appended to a fresh segment, never behind an old tail.
  static std::expected<std::unique_ptr<Writer>, Error> open(Options options, const ReplayHandler& handler = {});
  ~Writer();  // close()

  /// Appends the records as one unit: after a crash all of them are there or none. The result has one location for
  /// each. Safe from any thread; order of appends is order in the log except for units with large payloads, which are
  /// written to their files first.
  void append(std::vector<NewRecord> unit, Completion completion, AppendOptions options = {}, Placed placed = {});

  /// The same for coroutines; the records are durable when it ends well.
  async::Task<AppendResult> write(std::vector<NewRecord> unit, AppendOptions options = {});

  /// Lazy units that wait do so no longer.
  void urge();

  /// Waits for everything appended so far, then stops; later appends complete with kClosed.
  void close();

  WriterId id() const;
  const ReplayReport& replay_report() const;

  /// The end of the last commit whose completions have all run: a safe place for a checkpoint to replay from.
  Position applied() const;

  /// Own segments on disk, oldest first, the one being written included.
  std::vector<SegmentId> segments() const;

  /// Gives a segment's file to the free list: nothing in it is needed any more. Not the one being written (no effect).
  void recycle(SegmentId segment);

  /// Ends the current segment, so that it can be recycled or compacted once its contents are dead.
  void seal();

  /// The last commit's error; nullopt when it went well, or the disk has taken something since.
  std::optional<Error> fault() const;

  struct Stats {
    std::uint64_t commits = 0;
    std::uint64_t units = 0;
    std::uint64_t payload_bytes = 0;
    std::uint64_t written_bytes = 0;  // to segments and payload files
    std::uint64_t created = 0;        // segments allocated anew
    std::uint64_t recycled = 0;       // segments made of old files
    std::uint64_t failures = 0;       // commits that failed
  };
  Stats stats() const;

 private:
  class Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Reads payloads of any writer in a directory, in any process. Safe from any thread; keeps some files open.
class Reader {
 public:
  explicit Reader(std::filesystem::path directory, std::size_t open_files = 64);
  ~Reader();

  /// The whole payload, checksum verified. Blocks on the disk.
  std::expected<std::string, Error> read(const Location& location) const;

  /// Lets the system fetch a piece of a segment from the disk, for who is about to read records in it. Does not wait.
  void will_need(SegmentId segment, std::uint64_t offset, std::uint64_t size) const;

  /// The segment's file was given back, and may be removed: it is not kept open, which would keep its room on the disk.
  /// Files that other processes remove are found out, and closed, by later reads.
  void forget(SegmentId segment) const;

  /// Every record of one segment, in order (for compaction and checks). Damage is reported, what follows it still read.
  std::expected<ReplayReport, Error> scan(SegmentId segment, const ReplayHandler& handler) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

struct SegmentInfo {
  SegmentId id = 0;
  std::uint64_t disk_bytes = 0;
};

/// All segments of all writers, ordered by id.
std::expected<std::vector<SegmentInfo>, Error> list_segments(const std::filesystem::path& directory);

/// Whether a live process is this writer.
bool writer_alive(const std::filesystem::path& directory, WriterId writer);

/// For who has the say over another writer's segments: the file goes to that writer's free list, or away if the list
/// has `keep_free` already or nobody is that writer. Never the segment a live writer is in.
std::expected<void, Error> retire(const std::filesystem::path& directory, SegmentId segment, std::size_t keep_free = 2);

/// Payload files: remove one; all there are (after a crash some may belong to no record).
void remove_payload_file(const std::filesystem::path& directory, std::uint64_t file);
std::vector<std::uint64_t> list_payload_files(const std::filesystem::path& directory);

}  // namespace quartet::journal
