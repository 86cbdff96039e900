#include <algorithm>

#include "common/async/wait.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/journal/writer_impl.h"

namespace quartet::journal {
namespace {

constexpr std::uint32_t kSmallestSegment = 64u << 10;
constexpr std::uint32_t kLargestSegment = 1u << 30;
constexpr WriterId kLastWriter = 0xfffe;

std::expected<std::pair<WriterId, FileLock>, Error> take_slot(const Options& options) {
  if (options.writer) {
    auto lock = FileLock::take(options.directory / lock_name(*options.writer));
    if (!lock) return std::unexpected(lock.error());
    return std::pair(*options.writer, std::move(*lock));
  }
  for (WriterId id = 1; id <= kLastWriter; ++id) {
    auto lock = FileLock::take(options.directory / lock_name(id));
    if (lock) return std::pair(id, std::move(*lock));
    if (lock.error().code != ErrorCode::kLocked) return std::unexpected(lock.error());
  }
  return std::unexpected(Error{ErrorCode::kLocked, "every writer id is taken"});
}

Pending prepare(std::vector<NewRecord> unit, Completion completion, AppendOptions options, Placed placed) {
  Pending pending;
  pending.completion = std::move(completion);
  pending.placed = std::move(placed);
  pending.options = options;
  pending.records.reserve(unit.size());
  for (auto& record : unit) {
    auto& made = pending.records.emplace_back();
    made.type = record.type;
    made.in_segment = record.in_segment;
    if (record.file.file != 0) {
      made.reference = {record.file.file, record.file.length, record.file_crc};
      record.pieces.clear();
      record.pieces.emplace_back(encode(made.reference));
    }
    std::uint64_t length = 0;
    for (const auto& piece : record.pieces) {
      made.crc = crc32c(piece.view(), made.crc);
      length += piece.view().size();
    }
    QUARTET_CHECK(length < ~std::uint32_t{0});
    made.length = static_cast<std::uint32_t>(length);
    made.pieces = std::move(record.pieces);
    pending.size += made.footprint();
  }
  return pending;
}

bool has_large_payload(const Pending& unit, std::uint32_t limit) {
  return std::ranges::any_of(unit.records, [limit](const auto& record) { return record.large(limit); });
}

}  // namespace

Writer::Impl::Impl(Options options, WriterId id, FileLock lock)
    : options_(std::move(options)),
      id_(id),
      lock_(std::move(lock)),
      files_(options_.directory, options_.fault),
      pool_(files_, id, options_.segment_size, options_.free_segments) {}

Writer::Impl::~Impl() { close(); }

void Writer::Impl::start() {
  helper_ = std::jthread([this] { run_helper(); });
  committer_ = std::jthread([this] { run_committer(); });
}

void Writer::Impl::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  helper_wake_.notify_all();
  committer_wake_.notify_all();
  if (helper_.joinable()) helper_.join();
  if (committer_.joinable()) committer_.join();
}

void Writer::Impl::append(std::vector<NewRecord> unit, Completion completion, AppendOptions options, Placed placed) {
  auto pending = prepare(std::move(unit), std::move(completion), options, std::move(placed));
  const bool to_helper = has_large_payload(pending, options_.large_payload);
  {
    std::unique_lock lock(mutex_);
    if (closing_) {
      lock.unlock();
      pending.completion(std::unexpected(Error{ErrorCode::kClosed, "the journal is closed"}));
      return;
    }
    // A barrier (no records) has to come behind the large payloads that are still on their way.
    if (to_helper || (pending.records.empty() && (helper_busy_ || !large_.empty()))) {
      large_.push_back(std::move(pending));
      helper_wake_.notify_one();
      return;
    }
    if (queue_.empty()) lazy_since_ = std::chrono::steady_clock::now();
    const bool first = queue_.empty();
    const bool wake = (!urgent_ && !options.lazy) || (first && options.lazy);
    urgent_ = urgent_ || !options.lazy;
    queue_.push_back(std::move(pending));
    if (!wake) return;
  }
  committer_wake_.notify_one();
}

void Writer::Impl::urge() {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty() || urgent_) return;
    urgent_ = true;
  }
  committer_wake_.notify_one();
}

void Writer::Impl::recycle(SegmentId segment) {
  {
    const std::lock_guard lock(mutex_);
    if (segment == newest_ || own_.erase(segment) == 0) return;
  }
  pool_.give(segment);
}

void Writer::Impl::seal() {
  const std::lock_guard lock(mutex_);
  seal_ = true;
}

Position Writer::Impl::applied() const {
  const std::lock_guard lock(mutex_);
  return applied_;
}

std::vector<SegmentId> Writer::Impl::segments() const {
  const std::lock_guard lock(mutex_);
  return {own_.begin(), own_.end()};
}

std::optional<Error> Writer::Impl::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

Writer::Stats Writer::Impl::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::~Writer() = default;

std::expected<std::unique_ptr<Writer>, Error> Writer::open(Options options, const ReplayHandler& handler) {
  QUARTET_CHECK(options.segment_size >= kSmallestSegment && options.segment_size <= kLargestSegment);
  if (const auto made = Files(options.directory, {}).make_directories(); !made) return std::unexpected(made.error());
  auto slot = take_slot(options);
  if (!slot) return std::unexpected(slot.error());
  options.large_payload = std::min(options.large_payload, options.segment_size / 2);
  auto impl = std::make_unique<Impl>(std::move(options), slot->first, std::move(slot->second));
  if (const auto ok = impl->recover(handler); !ok) return std::unexpected(ok.error());
  impl->start();
  return std::unique_ptr<Writer>(new Writer(std::move(impl)));
}

void Writer::append(std::vector<NewRecord> unit, Completion completion, AppendOptions options, Placed placed) {
  impl_->append(std::move(unit), std::move(completion), options, std::move(placed));
}

async::Task<AppendResult> Writer::write(std::vector<NewRecord> unit, AppendOptions options) {
  auto result = co_await async::from_callback<AppendResult>([&](async::Completion<AppendResult> completion) {
    impl_->append(
        std::move(unit),
        [completion = std::move(completion)](AppendResult value) mutable { completion(std::move(value)); }, options);
  });
  co_return result;
}

void Writer::urge() { impl_->urge(); }
void Writer::close() { impl_->close(); }
WriterId Writer::id() const { return impl_->id(); }
const ReplayReport& Writer::replay_report() const { return impl_->replay_report(); }
Position Writer::applied() const { return impl_->applied(); }
std::vector<SegmentId> Writer::segments() const { return impl_->segments(); }
void Writer::recycle(SegmentId segment) { impl_->recycle(segment); }
void Writer::seal() { impl_->seal(); }
std::optional<Error> Writer::fault() const { return impl_->fault(); }
Writer::Stats Writer::stats() const { return impl_->stats(); }

}  // namespace quartet::journal
