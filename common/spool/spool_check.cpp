// Looking at a spool without being its owner: nothing is locked, renamed, cut or written.
#include <algorithm>

#include "common/journal/files.h"
#include "common/journal/segments.h"
#include "common/journal/tail.h"
#include "common/spool/checkpoint.h"
#include "common/spool/names.h"
#include "common/spool/replay.h"
#include "common/spool/spool.h"
#include "common/spool/unit.h"

namespace quartet::spool {
namespace {

/// A spool in use moves while we read: what is wrong with it only because of that is not wrong the next time.
constexpr int kTries = 3;

class Checker {
 public:
  explicit Checker(const std::filesystem::path& directory) : directory_(directory), reader_(directory) {}

  std::expected<CheckReport, SpoolError> run() {
    report_.in_use = journal::FileLock::held(directory_ / kOwnerLockName);
    if (const auto loaded = load_index(); !loaded) return std::unexpected(to_error(loaded.error()));
    auto writers = journal::list_writers(directory_);
    // As when the spool is opened: the owner's log may speak of messages that are in the others'.
    if (!writers.empty() && writers.front() == 0) std::ranges::rotate(writers, writers.begin() + 1);
    const auto segments = journal::list_segments(directory_);
    if (!segments) return std::unexpected(to_error(segments.error()));
    Replay replay(index_, live_);
    for (const auto writer : writers) {
      if (const auto ok = note_missing(writer); !ok) return std::unexpected(to_error(ok.error()));
      for (const auto& segment : *segments) {
        if (journal::writer_of(segment.id) != writer) continue;
        if (const auto ok = read_segment(segment.id, replay); !ok) return std::unexpected(to_error(ok.error()));
      }
    }
    if (replay.unreadable() != 0)
      report_.damage.push_back({0, 0, 0, std::to_string(replay.unreadable()) + " records could not be understood"});
    report_.messages = index_.counts().messages;
    report_.recipients = index_.counts().total_recipients();
    read_bodies();
    return std::move(report_);
  }

 private:
  journal::Status load_index() {
    for (const auto* name : {kCheckpointName, kOldCheckpointName}) {
      const auto loaded = load_checkpoint(directory_ / name, index_, live_);
      const bool usable = loaded && *loaded;
      if (usable || !loaded) report_.checkpoint_found = true;
      if (usable) {
        marks_ = (*loaded)->marks;
        // One that can be used is not good enough if it is there because a newer one cannot.
        report_.checkpoint_valid = report_.damage.empty();
        return {};
      }
      index_ = {};
      live_ = {};
      if (loaded) continue;
      if (loaded.error().code != journal::ErrorCode::kDamaged) return std::unexpected(loaded.error());
      report_.damage.push_back({0, 0, 0, loaded.error().detail});
    }
    return {};
  }

  /// What of a log is gone although no checkpoint stands for it. Those of other writers have no changes: without a
  /// checkpoint, nothing is lost with what was given back.
  journal::Status note_missing(journal::WriterId writer) {
    const auto mark = marks_.find(writer);
    if (writer != 0 && mark == marks_.end()) return {};
    const auto segments = journal::segments_of(directory_, writer);
    if (!segments) return std::unexpected(segments.error());
    const auto from = mark == marks_.end() ? journal::SegmentId{0} : mark->second.segment;
    std::ranges::move(journal::missing_segments(*segments, from), std::back_inserter(report_.damage));
    return {};
  }

  journal::Status read_segment(journal::SegmentId segment, Replay& replay) {
    const auto source = journal::writer_of(segment) == 0 ? Replay::Source::kOwn : Replay::Source::kOther;
    const auto mark = marks_.find(journal::writer_of(segment));
    Replay::Result ignored;
    const auto found = reader_.scan(segment, [&](const journal::RecordView& record) {
      const journal::Position at{record.location.segment, record.location.offset};
      if (mark == marks_.end() || at >= mark->second) replay.feed(record, source, ignored);
    });
    if (!found) {
      // Recycled since it was listed.
      if (report_.in_use && found.error().code == journal::ErrorCode::kNotFound) return {};
      return std::unexpected(found.error());
    }
    ++report_.segments;
    report_.records += found->records;
    report_.bytes += found->bytes;
    report_.torn_bytes += found->torn_bytes;
    std::ranges::copy(found->damage, std::back_inserter(report_.damage));
    return {};
  }

  void read_bodies() {
    constexpr std::size_t kChunk = 1000;
    MessageId after;
    for (auto slots = index_.walk_messages(after, kChunk); !slots.empty();
         slots = index_.walk_messages(after, kChunk)) {
      after = index_.message(slots.back()).id;
      for (const auto slot : slots)
        if (!reader_.read(index_.place(slot).body)) report_.unreadable_bodies.push_back(index_.message(slot).id);
    }
  }

  std::filesystem::path directory_;
  journal::Reader reader_;
  Index index_;
  journal::Liveness live_;
  Marks marks_;
  CheckReport report_;
};

}  // namespace

std::expected<CheckReport, SpoolError> check(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error))
    return std::unexpected(SpoolError{ErrorCode::kNotFound, directory.string() + " is not a directory"});
  for (int tries = 1;; ++tries) {
    auto report = Checker(directory).run();
    if (!report || report->healthy() || !report->in_use || tries == kTries) return report;
  }
}

}  // namespace quartet::spool
