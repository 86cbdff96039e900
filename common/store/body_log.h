// BodyLog: the bytes of messages, in journal segments of this process; readable by every process on the store.
//
// A record is the message followed by its email id (16 bytes) and internal date (8 bytes), so that a lost index could
// be made again from the segments.
#pragma once
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "common/journal/journal.h"
#include "common/journal/payload_files.h"
#include "common/store/bodies.h"

namespace quartet::store {

class BodyLog final : public Bodies {
 public:
  static std::expected<std::unique_ptr<BodyLog>, StoreError> open(const std::string& directory);

  Result<std::string> read(const journal::Location& location, std::uint64_t size) const override;
  Result<std::shared_ptr<const OpenBody>> open(const journal::Location& location, std::uint64_t size) const override;
  void will_need(const std::vector<journal::Location>& locations) const override;

  bool settled(journal::SegmentId segment) const override;
  void remove_file(std::uint64_t file) override { journal::remove_payload_file(directory_, file); }
  std::vector<std::uint64_t> old_files(std::chrono::seconds age) const override;

  Result<Moved> copy(journal::SegmentId segment, const std::set<std::uint32_t>& offsets) override;
  std::vector<std::pair<journal::SegmentId, std::uint64_t>> disk_sizes() const override;
  std::vector<journal::SegmentId> removable() const override;
  void remove(journal::SegmentId segment) override;

 private:
  BodyLog(std::string directory, std::unique_ptr<journal::Writer> writer);
  std::uint64_t enter() override;
  void leave(std::uint64_t place, bool written) override;
  void write(std::vector<Body> bodies, Writing& writing) override;
  bool open_gate();

  const std::string directory_;
  std::unique_ptr<journal::Writer> writer_;
  journal::Reader reader_;
  mutable journal::PayloadFiles files_;
  mutable std::mutex mutex_;
  std::multiset<journal::SegmentId> guards_;  // the segment that was written to when each began
  // Of the guards, those whose bytes wait for company, and those whose bytes or rows are on their way to the disk.
  std::size_t waiting_ = 0;
  std::size_t under_way_ = 0;
};

}  // namespace quartet::store
