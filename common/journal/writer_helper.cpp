// The helper: payloads that get files of their own, and free files for the next segments, so that the committer does
// neither.
#include <sys/random.h>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/journal/writer_impl.h"

namespace quartet::journal {
namespace {

constexpr std::size_t kReadyFiles = 2;  // the next segment and the reserve
constexpr auto kRetryAfter = std::chrono::milliseconds(500);
constexpr std::size_t kTried = 4096;

std::uint64_t random_file_id() {
  std::uint64_t id = 0;
  while (id == 0) QUARTET_CHECK(::getrandom(&id, sizeof id, 0) == sizeof id);
  return id;
}

}  // namespace

void Writer::Impl::run_helper() {
  std::unique_lock lock(mutex_);
  while (!closing_ || !large_.empty()) {
    if (large_.empty() && !low_on_files_) {
      // While the last failure stands, look now and then whether there is room again.
      if (fault_) {
        low_on_files_ = helper_wake_.wait_for(lock, kRetryAfter) == std::cv_status::timeout;
      } else {
        helper_wake_.wait(lock);
      }
      continue;
    }
    helper_busy_ = true;
    std::vector<Pending> units(std::make_move_iterator(large_.begin()), std::make_move_iterator(large_.end()));
    large_.clear();
    const bool prepare = std::exchange(low_on_files_, false);
    lock.unlock();
    if (!units.empty()) write_payload_files(std::move(units));
    if (prepare) get_ready();
    lock.lock();
    helper_busy_ = false;
  }
  helper_done_ = true;
  committer_wake_.notify_all();
}

/// A failure stands until the disk has taken something since. Where nobody appends, as while the agent is said not to
/// be ready, that is what is written here.
void Writer::Impl::get_ready() {
  auto ready = pool_.prepare(kReadyFiles);
  std::uint64_t failures = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!fault_) return;
    failures = stats_.failures;
  }
  if (ready) ready = try_disk();
  const std::lock_guard lock(mutex_);
  if (ready && failures == stats_.failures) fault_.reset();
}

/// All that an append asks of the disk, with a file that goes at once.
Status Writer::Impl::try_disk() const {
  const auto name = trial_name(id_);
  files_.remove(name);  // of a process that was killed in the midst of it
  const auto fd = files_.create(name);
  if (!fd) return std::unexpected(fd.error());
  std::string zeros(kTried, '\0');
  std::vector<iovec> parts = {{zeros.data(), zeros.size()}};
  auto ok = files_.write(*fd, name, parts, 0);
  if (ok) ok = files_.sync(*fd, name);
  if (ok) ok = files_.sync_directory();
  files_.remove(name);
  return ok;
}

void Writer::Impl::write_payload_files(std::vector<Pending> units) {
  std::vector<Pending> written;
  for (auto& unit : units) {
    Status ok;
    for (auto& record : unit.records)
      if (ok && record.large(options_.large_payload)) ok = write_payload_file(record);
    if (ok) {
      unit.size = 0;
      for (const auto& record : unit.records) unit.size += record.footprint();
      written.push_back(std::move(unit));
    } else {
      complete(unit, ok.error());
    }
  }
  if (written.empty()) return;
  if (const auto ok = files_.sync_directory("payload"); !ok) {
    for (auto& unit : written) complete(unit, ok.error());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) lazy_since_ = std::chrono::steady_clock::now();
    std::ranges::move(written, std::back_inserter(queue_));
    urgent_ = true;
  }
  committer_wake_.notify_one();
}

/// Writes the payload, which the record that names it must not precede on disk, and puts the reference in its place.
Status Writer::Impl::write_payload_file(Pending::Record& record) {
  record.reference = {random_file_id(), record.length, record.crc};
  record.owns_file = true;
  const auto name = payload_name(record.reference.file);
  const auto fd = files_.create(name);
  if (!fd) return std::unexpected(fd.error());
  std::vector<iovec> parts;
  for (const auto& piece : record.pieces)
    if (!piece.view().empty()) parts.push_back({const_cast<char*>(piece.view().data()), piece.view().size()});
  auto ok = files_.write(*fd, name, parts, 0);
  if (ok) ok = files_.sync(*fd, name);
  if (!ok) return ok;
  {
    const std::lock_guard lock(mutex_);
    stats_.written_bytes += record.length;
  }
  record.pieces.clear();
  record.pieces.emplace_back(encode(record.reference));
  record.length = kPayloadReferenceSize;
  record.crc = crc32c(record.pieces.front().view());
  return {};
}

}  // namespace quartet::journal
