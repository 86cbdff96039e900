#include "common/store/body_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <system_error>
#include <utility>

#include "common/base/encoding.h"

namespace quartet::store {
namespace {

constexpr std::uint8_t kMessageRecord = 1;
constexpr std::size_t kTrailer = 24;
constexpr std::size_t kCopyUnit = 4 << 20;
constexpr std::chrono::milliseconds kMostWait{2};
constexpr std::size_t kMostWaiting = 128 << 10;  // octets of one that waits

StoreError to_store_error(journal::Error error) {
  switch (error.code) {
    case journal::ErrorCode::kDamaged:
      return {ErrorCode::kCorrupt, std::move(error.detail)};
    case journal::ErrorCode::kNotFound:
      return {ErrorCode::kNoMessage, std::move(error.detail)};
    case journal::ErrorCode::kTooLarge:
      return {ErrorCode::kTooLarge, std::move(error.detail)};
    case journal::ErrorCode::kClosed:
      return {ErrorCode::kClosed, std::move(error.detail)};
    default:
      return {ErrorCode::kIo, std::move(error.detail)};
  }
}

std::unexpected<StoreError> wrong_size() {
  return std::unexpected(StoreError{ErrorCode::kCorrupt, "a record of another size than its row says"});
}

class BodyInMemory final : public OpenBody {
 public:
  explicit BodyInMemory(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::string> read(std::uint64_t offset, std::uint64_t length) const override {
    return bytes_.substr(std::min<std::uint64_t>(offset, bytes_.size()), length);
  }

 private:
  const std::string bytes_;
};

class BodyInFile final : public OpenBody {
 public:
  explicit BodyInFile(std::unique_ptr<const journal::PayloadFile> file) : file_(std::move(file)) {}
  Result<std::string> read(std::uint64_t offset, std::uint64_t length) const override {
    auto bytes = file_->read(offset, length);
    if (!bytes) return std::unexpected(to_store_error(std::move(bytes.error())));
    return *std::move(bytes);
  }

 private:
  const std::unique_ptr<const journal::PayloadFile> file_;
};

}  // namespace

BodyLog::BodyLog(std::string directory, std::unique_ptr<journal::Writer> writer)
    : directory_(std::move(directory)), writer_(std::move(writer)), reader_(directory_), files_(directory_) {}

std::expected<std::unique_ptr<BodyLog>, StoreError> BodyLog::open(const std::string& directory) {
  journal::Options options;
  options.directory = directory;
  options.publish = false;  // nobody follows this log
  options.lazy_delay = kMostWait;
  // Nothing is replayed: the index is the truth, also of what came last.
  options.keeps_tail = true;
  auto writer = journal::Writer::open(std::move(options));
  if (!writer) return std::unexpected(to_store_error(std::move(writer.error())));
  return std::unique_ptr<BodyLog>(new BodyLog(directory, std::move(*writer)));
}

std::uint64_t BodyLog::enter() {
  const std::lock_guard lock(mutex_);
  return *guards_.insert(writer_->applied().segment);
}

void BodyLog::leave(std::uint64_t place, bool written) {
  const std::lock_guard lock(mutex_);
  guards_.erase(guards_.find(place));
  if (!written) return;
  --(under_way_ > 0 ? under_way_ : waiting_);  // one that has waited long enough went without being told
  if (waiting_ > 0 && open_gate()) writer_->urge();
}

/// A sync costs the processor much more than a message. So what comes waits for company until it is as much as is under
/// way, which ends soon: of N senders about N/2 share a sync, and one alone waits for nobody.
bool BodyLog::open_gate() {
  if (waiting_ < under_way_) return false;
  under_way_ += std::exchange(waiting_, 0);
  return true;
}

void BodyLog::write(std::vector<Body> bodies, Writing& writing) {
  std::vector<journal::NewRecord> unit;
  unit.reserve(bodies.size());
  std::size_t size = 0;
  for (Body& body : bodies) {
    std::string trailer;
    put_le(trailer, body.email_id.high());
    put_le(trailer, body.email_id.low());
    put_le(trailer, to_micros(body.internaldate));
    size += body.bytes->size();
    journal::NewRecord record;
    record.type = kMessageRecord;
    record.pieces.emplace_back(std::move(body.bytes));
    record.pieces.emplace_back(std::move(trailer));
    unit.push_back(std::move(record));
  }
  const auto append = [&](bool lazy) {
    writer_->append(
        std::move(unit),
        [&writing](journal::AppendResult result) {
          writing.ended(result ? std::nullopt : std::optional(to_store_error(std::move(result.error()))));
        },
        {.lazy = lazy}, [&writing](const std::vector<journal::Location>& locations) { writing.placed(locations); });
  };
  std::unique_lock lock(mutex_);
  if (size <= kMostWaiting) {
    ++waiting_;
    return append(!open_gate());  // under the lock: what opens the gate comes after what it is opened for
  }
  ++under_way_;
  lock.unlock();
  append(false);
}

Result<std::string> BodyLog::read(const journal::Location& location, std::uint64_t size) const {
  auto payload = reader_.read(location);
  if (!payload) return std::unexpected(to_store_error(std::move(payload.error())));
  if (payload->size() != size + kTrailer) return wrong_size();
  payload->resize(size);
  return std::move(*payload);
}

Result<std::shared_ptr<const OpenBody>> BodyLog::open(const journal::Location& location, std::uint64_t size) const {
  if (location.file == 0) {
    auto bytes = read(location, size);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    return std::make_shared<const BodyInMemory>(*std::move(bytes));
  }
  if (location.length != size + kTrailer) return wrong_size();
  auto file = files_.open(location);
  if (!file) return std::unexpected(to_store_error(std::move(file.error())));
  return std::make_shared<const BodyInFile>(*std::move(file));
}

void BodyLog::will_need(const std::vector<journal::Location>& locations) const {
  // What was delivered one after the other lies side by side: one piece, with what little is between.
  constexpr std::uint64_t kBetween = 64 << 10;
  for (std::size_t n = 0; n < locations.size();) {
    const auto& first = locations[n];
    std::uint64_t end = first.offset;
    for (; n < locations.size(); ++n) {
      const auto& next = locations[n];
      if (next.segment != first.segment || next.offset < end || next.offset > end + kBetween) break;
      end = next.offset + (next.file == 0 ? next.length : 0) + kTrailer;
    }
    reader_.will_need(first.segment, first.offset, end - first.offset);
  }
}

Result<BodyLog::Moved> BodyLog::copy(journal::SegmentId segment, const std::set<std::uint32_t>& offsets) {
  Moved moved;
  std::vector<journal::NewRecord> unit;
  std::vector<std::uint32_t> places;  // of the unit's records, before
  std::size_t size = 0;
  std::optional<journal::Error> error;
  const auto write = [&] {
    std::promise<journal::AppendResult> promise;
    auto written = promise.get_future();
    writer_->append(std::move(unit), [&](journal::AppendResult result) { promise.set_value(std::move(result)); });
    const auto result = written.get();
    if (!result)
      error = result.error();
    else
      for (std::size_t n = 0; n < places.size(); ++n) moved[places[n]] = (*result)[n];
    unit.clear();
    places.clear();
    size = 0;
  };
  const auto scanned = reader_.scan(segment, [&](const journal::RecordView& view) {
    if (error || !offsets.contains(view.location.offset)) return;
    journal::NewRecord record;
    record.type = view.type;
    if (view.location.file != 0) {
      record.file = view.location;
      record.file_crc = view.file_crc;
    } else {
      record.pieces.emplace_back(std::string(view.payload));
    }
    unit.push_back(std::move(record));
    places.push_back(view.location.offset);
    size += view.payload.size();
    if (size >= kCopyUnit) write();
  });
  if (!scanned) return std::unexpected(to_store_error(scanned.error()));
  if (!unit.empty() && !error) write();
  if (error) return std::unexpected(to_store_error(std::move(*error)));
  return moved;
}

std::vector<std::pair<journal::SegmentId, std::uint64_t>> BodyLog::disk_sizes() const {
  std::vector<std::pair<journal::SegmentId, std::uint64_t>> sizes;
  if (const auto all = journal::list_segments(directory_))
    for (const journal::SegmentInfo& info : *all) sizes.emplace_back(info.id, info.disk_bytes);
  return sizes;
}

std::vector<journal::SegmentId> BodyLog::removable() const {
  journal::SegmentId limit = writer_->applied().segment;
  {
    const std::lock_guard lock(mutex_);
    if (!guards_.empty()) limit = std::min(limit, *guards_.begin());
  }
  std::vector<journal::SegmentId> result;
  for (const journal::SegmentId segment : writer_->segments())
    if (segment < limit) result.push_back(segment);
  const auto all = journal::list_segments(directory_);
  if (!all) return result;
  for (const journal::SegmentInfo& info : *all) {
    const journal::WriterId writer = journal::writer_of(info.id);
    if (writer != writer_->id() && !journal::writer_alive(directory_, writer)) result.push_back(info.id);
  }
  return result;
}

bool BodyLog::settled(journal::SegmentId segment) const {
  const std::lock_guard lock(mutex_);
  return journal::writer_of(segment) != writer_->id() || guards_.empty() || segment < *guards_.begin();
}

std::vector<std::uint64_t> BodyLog::old_files(std::chrono::seconds age) const {
  std::vector<std::uint64_t> old;
  const auto before = std::filesystem::file_time_type::clock::now() - age;
  for (const std::uint64_t file : journal::list_payload_files(directory_)) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(fmt::format("{}/payload/{:016x}.body", directory_, file), error);
    if (!error && time < before) old.push_back(file);
  }
  return old;
}

void BodyLog::remove(journal::SegmentId segment) {
  if (journal::writer_of(segment) == writer_->id())
    writer_->recycle(segment);
  else
    (void)journal::retire(directory_, segment);  // what fails is tried again at the next collection
  reader_.forget(segment);
}

}  // namespace quartet::store
