// The writer's inside: one thread that commits, one that writes payload files and gets segments ready.
#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "common/base/time.h"
#include "common/journal/files.h"
#include "common/journal/journal.h"
#include "common/journal/record.h"
#include "common/journal/segments.h"

namespace quartet::journal {

/// One unit on its way.
struct Pending {
  struct Record {
    std::uint8_t type = 0;
    std::vector<Piece> pieces;
    std::uint32_t length = 0;  // in the segment
    std::uint32_t crc = 0;
    PayloadReference reference;  // file 0: the payload is in the segment
    bool in_segment = false;
    bool owns_file = false;  // the file was written for this unit: it goes if the unit fails
    std::array<char, kRecordHeaderSize> header;
    bool large(std::uint32_t limit) const { return length > limit && !in_segment; }
    std::uint32_t footprint() const { return static_cast<std::uint32_t>(align_record(kRecordHeaderSize + length)); }
  };
  std::vector<Record> records;
  Completion completion;
  Placed placed;
  AppendOptions options;
  std::uint64_t size = 0;  // bytes in the segment, all records
  std::vector<Location> locations;
};

class Writer::Impl {
 public:
  Impl(Options options, WriterId id, FileLock lock);
  ~Impl();

  /// Before start(): finds out what is there.
  Status recover(const ReplayHandler& handler);
  void start();
  void close();

  void append(std::vector<NewRecord> unit, Completion completion, AppendOptions options, Placed placed = {});
  void urge();
  void recycle(SegmentId segment);
  void seal();

  WriterId id() const { return id_; }
  const ReplayReport& replay_report() const { return report_; }
  Position applied() const;
  std::vector<SegmentId> segments() const;
  std::optional<Error> fault() const;
  Stats stats() const;

 private:
  /// The segment being written. Committer thread only.
  struct Current {
    SegmentId id;
    Fd fd;
    std::uint32_t offset;  // durable up to here
    std::array<char, kSegmentHeaderSize> header;
    bool fresh;            // the header is not written yet
    std::uint32_t filled;  // up to here the file's blocks have been written before
  };
  struct Group {
    std::vector<Pending*> units;
    std::uint64_t bytes = 0;
  };

  // Recovery (writer_recover.cpp)
  Status recover_segments(const ReplayHandler& handler, std::vector<SegmentFile> segments);
  Status recover_one(const ReplayHandler& handler, const std::vector<SegmentFile>& segments, std::size_t index);

  // Committer (writer_commit.cpp)
  void run_committer();
  void commit(std::vector<Pending> batch);
  void commit_group(Group& group);
  Status write_group(Group& group);
  bool admit(Pending& unit, Group& group, std::optional<Error>& roll_error);
  Status roll(bool essential);
  void abandon();
  void lay_out(Group& group, std::vector<iovec>& parts);
  void fill(const Group& group, std::vector<iovec>& parts);
  void complete(Pending& unit, const Error& error);
  void note_result(const Status& status, const Group& group);

  // Helper (writer_helper.cpp)
  void run_helper();
  void write_payload_files(std::vector<Pending> units);
  Status write_payload_file(Pending::Record& record);
  void get_ready();
  Status try_disk() const;

  const Options options_;
  const WriterId id_;
  const FileLock lock_;
  const Files files_;
  SegmentPool pool_;
  ReplayReport report_;

  // Committer thread only, after start().
  std::optional<Current> current_;
  SegmentId previous_ = 0;
  std::uint32_t previous_end_ = 0;
  std::uint64_t next_lsn_ = 1;
  std::uint64_t next_sequence_ = 1;
  bool on_reserve_ = false;  // the last free file is in use; only essential units are taken
  Fd end_file_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable committer_wake_;
  std::condition_variable helper_wake_;
  std::vector<Pending> queue_;
  bool urgent_ = false;      // something in the queue is not lazy
  SteadyTime lazy_since_{};  // when the oldest lazy unit came
  bool seal_ = false;
  std::deque<Pending> large_;
  bool helper_busy_ = false;
  bool low_on_files_ = true;  // the helper should get segments ready
  bool closing_ = false;
  bool helper_done_ = false;
  std::set<SegmentId> own_;
  SegmentId newest_ = 0;
  Position applied_;
  std::optional<Error> fault_;
  Stats stats_;

  std::jthread helper_;
  std::jthread committer_;
};

}  // namespace quartet::journal
