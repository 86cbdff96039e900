// The queue: what was accepted and not yet delivered, on the journal, with an index in memory.
//
// A message is one unit of the log (envelope and body); each change of a recipient is a small record behind it. The
// index is derived from the log; a checkpoint of it is written now and then so that a start reads only what came after.
// One process owns a spool directory; other processes put messages in by HandOff (hand_off.h).
//
// All functions may be called from any thread. Callbacks come from the spool's threads: take note (post to a loop) and
// return; they may call functions of the spool, except close() and ~Spool().
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/task.h"
#include "common/journal/journal.h"
#include "common/spool/edit.h"
#include "common/spool/events.h"
#include "common/spool/message.h"
#include "common/spool/query.h"
#include "common/spool/restore.h"

namespace quartet::spool {

enum class ErrorCode {
  kNoSpace,   // disk full, or over Options::max_bytes: 452 4.3.1
  kReadOnly,  // 451
  kIo,        // 451
  kInUse,     // another process owns the spool
  kTooLarge,  // the message does not fit in a segment: too many recipients for one unit
  kDamaged,   // what was read is not what was written
  kNotFound,  // no such message or recipient (any more)
  kBadToken,  // a page token that no listing gave out
  kExists,    // a message with this id is queued
  kClosed,
};

struct SpoolError {
  ErrorCode code = ErrorCode::kIo;
  std::string detail;  // for the log
};

struct Options {
  std::filesystem::path directory;
  std::uint32_t segment_size = 64u << 20;
  std::uint32_t large_body = 256u << 10;  // larger ones get a file of their own
  std::size_t body_cache = 64u << 20;     // bytes of bodies kept in memory
  std::uint64_t checkpoint_every =
      64u << 20;                 // bytes of log after which the index is written out (or its own size if larger)
  std::size_t read_threads = 2;  // for bodies that are not in memory
  std::chrono::milliseconds poll_interval{1000};  // at which other writers are looked at without their hint
  std::function<int(journal::FileOperation, const std::string&)> fault;  // tests: see journal::Options::fault
};

struct OpenReport {
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;
  std::uint64_t replayed_records = 0;  // behind the checkpoint
  bool checkpoint_used = false;
  std::vector<journal::Damage> damage;
  std::uint64_t lost_bodies = 0;  // messages whose body is gone: on hold, to be looked at
};

class Spool {
 public:
  static std::expected<std::unique_ptr<Spool>, SpoolError> open(Options options);
  ~Spool();  // close()

  /// Writes a checkpoint and stops. Pending calls complete first.
  void close();

  const OpenReport& open_report() const;
  /// Where it is; others may keep small files of theirs there.
  const std::filesystem::path& directory() const;

  // --- Accepting ---

  using Accepted = std::move_only_function<void(std::expected<MessageId, SpoolError>)>;
  /// Durable when `completion` is called with an id; on an error nothing of the message is kept.
  void submit(NewMessage message, Accepted completion);
  async::Task<std::expected<MessageId, SpoolError>> enqueue(NewMessage message);

  /// The same for a message that was queued before, here or elsewhere, and keeps its id and the state of its
  /// recipients. kExists: it is queued, or some of its recipients are.
  void restore(RestoredMessage message, Accepted completion);

  // --- Scheduling (relay) ---

  /// The time the earliest queued or deferred recipient is due.
  std::optional<WallTime> next_due() const;
  /// Takes up to `max` recipients due at `now`, earliest first (at the same time by message and ordinal), and makes
  /// them active.
  std::vector<Claim> claim_due(WallTime now, std::size_t max);
  /// Takes matching recipients whether due or not (for remote starts). Held ones only if the filter names State::kHeld.
  std::vector<Claim> claim(const Filter& filter, std::size_t max);
  /// Gives active recipients back as they were, without an attempt; due at `due` (unset: at once).
  void unclaim(std::span<const RecipientId> recipients, WallTime due = {});
  /// Called (without lock) when something becomes due earlier than next_due() said, e.g. after an enqueue.
  void on_change(std::function<void()> callback);

  using Recorded = std::move_only_function<void(std::expected<void, SpoolError>)>;
  /// Notes outcomes of active recipients at once in memory and in one unit in the log, with new messages (bounces) of
  /// the same unit if given. Without `completion` it goes with the next commit. If the log fails, a batch without
  /// messages is written again until it succeeds; with messages nothing is changed and the completion says so.
  void record(std::vector<Outcome> outcomes, Recorded completion = {});
  void record(std::vector<Outcome> outcomes, std::vector<NewMessage> messages, Recorded completion);
  async::Task<std::expected<void, SpoolError>> record_durably(std::vector<Outcome> outcomes,
                                                              std::vector<NewMessage> messages = {});

  // --- Bodies ---

  using Body = std::shared_ptr<const std::string>;
  /// From memory only; null if it is not there.
  Body cached_body(MessageId id) const;
  /// From memory or from disk.
  async::Task<std::expected<Body, SpoolError>> body(MessageId id);

  // --- Asking (control plane) ---

  std::shared_ptr<const Message> find(MessageId id) const;
  /// All recipients of one message that are not done.
  std::vector<Entry> recipients(MessageId id) const;
  std::expected<Page, SpoolError> list(const Filter& filter, std::size_t limit, std::string_view token = {}) const;
  std::uint64_t count(const Filter& filter) const;
  /// Each match in listing order; the lock is not held during the call. False ends the visit.
  void visit(const Filter& filter, const std::function<bool(const Entry&)>& visitor) const;
  Counts counts() const;
  /// Recipient domains with the most recipients first.
  std::vector<DomainCount> domains(std::size_t limit) const;
  /// Ages at `now`; at most `limit` groups.
  Shape shape(const Filter& filter, Shape::By by, std::size_t limit, WallTime now) const;

  // --- Changing by operators; each is in the log, in the order of the calls ---

  Affected hold(const Filter& filter, std::string reason = {});
  Affected release(const Filter& filter);  // held ones become due at once
  Affected retry_now(const Filter& filter);
  Affected reschedule(const Filter& filter, WallTime due);
  Affected drop(const Filter& filter, std::string reason = {});  // without notice
  Affected change(const Filter& filter, const Order& order);
  /// The same in steps, for whoever shows how far it is: first whom it concerns, in listing order, then some of them
  /// at a time; who no longer matches is left out.
  std::vector<RecipientId> matching(const Filter& filter) const;
  Affected change(const Filter& filter, std::span<const RecipientId> recipients, const Order& order);
  /// What change() would do at this moment.
  Affected foresee(const Filter& filter, const Order& order) const;
  using EditDone = std::move_only_function<void(std::expected<Edited, SpoolError>)>;
  /// Changes one message's envelope; `completion` is called when that is durable. New recipients are active until then.
  /// On an error nothing is changed.
  void edit(MessageId id, Edit edit, EditDone completion);
  /// What edit() would do at this moment.
  Edited foresee(MessageId id, const Edit& edit) const;
  /// Waits until everything noted so far is durable.
  async::Task<std::expected<void, SpoolError>> sync();

  // --- Watching and health ---

  /// Events from now on; the subscription ends with its last reference.
  std::shared_ptr<Subscription> subscribe(std::size_t capacity);

  /// The last write's error; nullopt while the disk takes what it is given.
  std::optional<SpoolError> fault() const;
  struct Stats {
    journal::Writer::Stats log;
    std::uint64_t segments = 0;
    std::uint64_t live_bytes = 0;
    std::uint64_t disk_free_bytes = 0;  // of the file system, for us
    std::uint64_t cached_bytes = 0;
    std::uint64_t checkpoints = 0;
    std::uint64_t compacted_bytes = 0;
    std::uint64_t handed_over = 0;      // messages that came from other writers
    std::uint64_t retried_records = 0;  // batches that wait for the disk to take them
    std::uint64_t claimed = 0;          // recipients given out by claim() and claim_due(), each time
  };
  Stats stats() const;
  /// Writes a checkpoint and frees what can be freed, now; blocks. For operators and tests.
  std::expected<void, SpoolError> tidy();

 private:
  class Impl;
  explicit Spool(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// What `mta --check-spool` says. Reads everything, changes nothing; the spool may be in use (then the numbers are of a
/// moment).
struct CheckReport {
  bool in_use = false;
  std::uint64_t segments = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t torn_bytes = 0;
  std::uint64_t messages = 0;  // not done
  std::uint64_t recipients = 0;
  bool checkpoint_found = false;
  bool checkpoint_valid = false;
  std::vector<journal::Damage> damage;
  std::vector<MessageId> unreadable_bodies;
  bool healthy() const { return damage.empty() && unreadable_bodies.empty() && checkpoint_found == checkpoint_valid; }
};
std::expected<CheckReport, SpoolError> check(const std::filesystem::path& directory);

}  // namespace quartet::spool
