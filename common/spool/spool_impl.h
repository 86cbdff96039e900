// The spool's inside. One mutex guards index, liveness and cache; sections under it are short, and whoever must be told
// something is told after it is released. The log's committer thread calls back with the mutex free; appends are made
// under it where their order in the log must be the order of the changes.
#pragma once
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "common/async/thread_pool.h"
#include "common/journal/liveness.h"
#include "common/journal/tail.h"
#include "common/spool/body_cache.h"
#include "common/spool/checkpoint.h"
#include "common/spool/index.h"
#include "common/spool/replay.h"
#include "common/spool/spool.h"
#include "common/spool/unit.h"
#include "common/spool/wake.h"

namespace quartet::spool {

class Spool::Impl {
 public:
  explicit Impl(Options options);
  ~Impl();

  std::expected<void, SpoolError> open();  // spool_open.cpp
  void close();
  const OpenReport& open_report() const { return open_report_; }
  const std::filesystem::path& directory() const { return options_.directory; }

  // spool_accept.cpp
  void submit(NewMessage message, Accepted completion);
  void restore(RestoredMessage message, Accepted completion);

  // spool_schedule.cpp
  std::optional<WallTime> next_due();
  std::vector<Claim> claim_due(WallTime now, std::size_t max);
  std::vector<Claim> claim(const Filter& filter, std::size_t max);
  void unclaim(std::span<const RecipientId> recipients, WallTime due);
  void on_change(std::function<void()> callback);
  void record(std::vector<Outcome> outcomes, Recorded completion);
  void record(std::vector<Outcome> outcomes, std::vector<NewMessage> messages, Recorded completion);

  // spool_body.cpp
  Body cached_body(MessageId id);
  async::Task<std::expected<Body, SpoolError>> body(MessageId id);

  // spool_query.cpp
  std::shared_ptr<const Message> find(MessageId id) const;
  std::vector<Entry> recipients(MessageId id) const;
  std::expected<Page, SpoolError> list(const Filter& filter, std::size_t limit, std::string_view token) const;
  std::uint64_t count(const Filter& filter) const;
  void visit(const Filter& filter, const std::function<bool(const Entry&)>& visitor) const;
  Counts counts() const;
  std::vector<DomainCount> domains(std::size_t limit) const;
  Shape shape(const Filter& filter, Shape::By by, std::size_t limit, WallTime now) const;  // spool_shape.cpp

  // spool_operate.cpp
  std::vector<RecipientId> matching(const Filter& filter) const;
  Affected change(Filter filter, std::span<const RecipientId> recipients, const Order& order);
  Affected foresee(const Filter& filter, const Order& order) const;
  void sync(Recorded completion);

  // spool_edit.cpp
  void edit(MessageId id, const Edit& edit, EditDone completion);
  Edited foresee(MessageId id, const Edit& edit) const;

  // spool_health.cpp
  std::shared_ptr<Subscription> subscribe(std::size_t capacity);
  std::optional<SpoolError> fault() const;
  Stats stats() const;

  // spool_tidy.cpp
  std::expected<void, SpoolError> tidy();

 private:
  /// What is to be told once the mutex is free.
  struct Effects {
    std::vector<std::function<void()>> ready;             // of watchers who had nothing to take before
    std::vector<std::shared_ptr<Subscription>> watchers;  // their last reference must not end under the mutex
    std::function<void()> changed;
    std::vector<Recorded> refused;  // what came after close()
  };
  void tell(Effects& effects);
  bool watched() const { return !subscriptions_.empty(); }
  /// Watchers get it at once, under the mutex: so they see changes in their order, whoever makes them.
  void add_event(Effects& effects, EventKind kind, Slot recipient, const Reply* reply = nullptr);
  /// Something is due at `due`: has the scheduler to be told?
  void note_due(Effects& effects, std::int64_t due);

  /// A message whose envelope was changed.
  struct Revision {
    MessageId message;
    std::uint32_t added_from = 0;  // recipients from this ordinal on came with it
  };
  /// Changes that take effect together.
  struct Changes {
    std::vector<Update> updates;
    std::vector<Revision> revisions;  // in the index already; they come before the updates
    bool empty() const { return updates.empty() && revisions.empty(); }
  };

  // Changes that are in the index already and have to get into the log.
  struct Batch {
    std::string updates;                 // the kUpdates record
    std::vector<Revision> revisions;     // what the kEnvelope records before it are about
    std::vector<std::string> envelopes;  // those records
    std::vector<Place> freed;            // dead once the record is durable
    std::vector<Recorded> waiting;
    bool saved = false;
  };
  /// Applies updates and appends them, in one step as seen from outside. With the mutex held.
  void log_updates(std::vector<Update> updates, Recorded completion, bool lazy, Effects& effects);
  void log_changes(const Changes& changes, Recorded completion, bool lazy, Effects& effects);
  std::vector<journal::NewRecord> unit_of(const std::shared_ptr<Batch>& batch) const;
  /// As the index has it now; nullopt: it has left the queue.
  std::optional<std::string> encode(const Revision& revision) const;
  void append_batch(const std::shared_ptr<Batch>& batch, bool lazy);
  void batch_ended(const std::shared_ptr<Batch>& batch, const journal::AppendResult& result);
  void retry_unsaved();
  bool renew(Batch& batch) const;
  void free_places(const std::vector<Place>& places);

  /// Outcomes and new messages that take effect together, once they are in the log.
  struct Together {
    std::vector<Update> updates;
    std::vector<MessageUnit> units;
    Recorded completion;
  };
  void take_effect(Together& together, const std::vector<journal::Location>& locations, Effects& effects);
  void take_effect(Update update, Effects& effects);
  void leave_flight(const Together& together);

  void append(MessageUnit unit, Accepted completion);
  std::optional<SpoolError> enter(MessageId id);
  void accepted(const MessageView& message, const Place& place, Body body, Effects& effects);
  Claim make_claim(Slot recipient, std::map<Slot, std::shared_ptr<const Message>>& known);
  Update update_for(const Outcome& outcome, Slot recipient) const;
  void obey_orders(Slot recipient, Update& update) const;
  static EventKind event_of(Verb verb);
  static EventKind event_of(const Update& update);
  std::optional<Update> update_for(const Order& order, Slot recipient, Affected& affected);
  /// What an edit comes to for a message as it is.
  struct EditPlan {
    Edited edited = Edited::kGone;
    Slot message = kNoSlot;
    Envelope envelope{};
    bool revised = false;  // the envelope, or there are new recipients
    std::vector<NewRecipient> added{};
    std::vector<Update> ended{};
  };
  EditPlan plan(MessageId id, const Edit& edit) const;
  void carry_out(MessageId id, const EditPlan& plan, EditDone completion, Effects& effects);
  /// For what concerns the whole message: changes it once, and counts each of its recipients.
  void revise(const Order& order, Slot recipient, Slot& message, Changes& changes, Affected& affected);

  /// Between the steps of a walk, without the mutex: who only gives it back and takes it again keeps all others
  /// waiting.
  static void make_room() { std::this_thread::sleep_for(std::chrono::microseconds(10)); }

  /// Calls visitor(slot) under the mutex for each match behind `after`, in order, until it returns false.
  template <typename F>
  void each_match(Filter filter, std::optional<RecipientId> after, F visitor,
                  const std::function<void()>& between = {}) const;

  // spool_open.cpp
  std::expected<void, SpoolError> load();
  std::expected<void, SpoolError> load_index();
  std::expected<void, SpoolError> replay();
  void settle_losses();
  void settle_drops();
  void remove_stray_files();
  void stop_threads();

  // spool_import.cpp
  void run_import(const std::stop_token& stop);
  std::expected<journal::ReplayReport, journal::Error> import_all();
  std::expected<journal::ReplayReport, journal::Error> import_writer(journal::WriterId writer, bool& ended);
  bool is_settled(journal::WriterId writer);
  void take_over(const journal::RecordView& record, Replay& replay, Effects& effects);

  // spool_tidy.cpp
  void run_tidy(const std::stop_token& stop);
  bool checkpoint_is_due();
  /// The log has no room, and there would be some after checkpoints.
  bool starves();
  std::expected<void, SpoolError> write_checkpoint();
  /// Up to where segments are in no checkpoint's replay any more; one position for each writer that has one.
  Marks free_limits();
  void free_segments();
  void compact();
  bool compact_segment(journal::SegmentId segment);
  enum class Copied { kYes, kNotNeeded, kLater };
  Copied copy_forward(MessageId id, const Place& from, const journal::RecordView& body);
  void copied(MessageId id, const Place& from, const Place& to);
  void remove_doomed_files();
  bool barrier();

  const Options options_;
  journal::Files files_;
  std::optional<journal::FileLock> lock_file_;
  journal::Reader reader_;
  OpenReport open_report_;

  mutable std::mutex mutex_;
  Index index_;
  journal::Liveness live_;
  BodyCache bodies_;
  std::int64_t told_due_ = 0;  // what the scheduler knows to wait for
  std::function<void()> changed_;
  std::vector<std::weak_ptr<Subscription>> subscriptions_;
  std::deque<std::shared_ptr<Batch>> unsaved_;  // the log refused them
  std::map<MessageId, int> in_flight_;          // messages with outcomes that take effect once they are in the log
  std::set<MessageId> restoring_;               // messages that restore() is about to put in
  std::vector<std::uint64_t> doomed_files_;
  Marks cursors_;  // how far other writers' logs are in the index
  std::map<journal::WriterId, std::pair<journal::Position, std::string>> settled_;  // import only: see is_settled()
  Marks checkpoint_;                                                                // of the newest checkpoint
  Marks old_checkpoint_;  // of the one before: segments from there on must stay
  std::uint64_t checkpoint_bytes_ = 0;
  std::uint64_t bytes_at_checkpoint_ = 0;
  Stats stats_;
  std::uint64_t read_bytes_ = 0;                  // of log behind the checkpoint: at the start, and from other writers
  std::set<journal::SegmentId> not_compactable_;  // something alive in them cannot be read
  bool closing_ = false;

  std::mutex close_mutex_;
  bool opened_ = false;
  std::mutex tidy_mutex_;  // one checkpoint or compaction at a time; taken before mutex_
  std::condition_variable_any tidy_wake_;

  std::unique_ptr<Waker> waker_;
  std::unique_ptr<journal::Writer> log_;
  std::unique_ptr<async::ThreadPool> readers_;
  std::jthread import_thread_;
  std::jthread tidy_thread_;
};

template <typename F>
void Spool::Impl::each_match(Filter filter, std::optional<RecipientId> after, F visitor,
                             const std::function<void()>& between) const {
  constexpr std::size_t kChunk = 1000;
  std::ranges::sort(filter.ids);
  std::ranges::sort(filter.recipient_ids);
  // Slots are only good while the mutex is held; ids stay.
  std::optional<std::vector<RecipientId>> ids;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.candidates(filter)) {
      ids.emplace();
      for (const auto slot : *found)
        if (const auto id = index_.id_of(slot); !after || id > *after) ids->push_back(id);
    }
  }
  for (std::size_t next = 0, steps = 0;; ++steps) {
    if (steps != 0) make_room();
    {
      const std::lock_guard lock(mutex_);
      std::vector<Slot> slots;
      if (ids) {
        for (; next < ids->size() && slots.size() < kChunk; ++next)
          if (const auto slot = index_.find((*ids)[next]); slot != kNoSlot) slots.push_back(slot);
        if (slots.empty() && next == ids->size()) return;
      } else {
        slots = index_.walk(after, kChunk);
        if (slots.empty()) return;
        after = index_.id_of(slots.back());
      }
      for (const auto slot : slots)
        if (index_.matches(filter, slot) && !visitor(slot)) return;
    }
    if (between) between();
  }
}

}  // namespace quartet::spool
