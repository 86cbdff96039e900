#include "ctl/transfer/exporter.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/async/task_group.h"
#include "ctl/transfer/mailbox_name.h"

namespace quartet::transfer {
namespace {

// So much is read ahead of what is being written.
constexpr std::size_t kBatchMessages = 1000;
constexpr std::uint64_t kBatchBytes = 16 << 20;
/// So many messages of a batch may be unreadable; where more are, it is the disk or the database that fails.
constexpr int kMostUnreadable = 10;

/// Whether an error may be of a single message. All others are of the store.
bool is_of_message(store::ErrorCode code) {
  return code == store::ErrorCode::kNoMessage || code == store::ErrorCode::kCorrupt || code == store::ErrorCode::kIo;
}

std::unexpected<std::string> trouble(const std::string& mailbox, const store::StoreError& error) {
  return std::unexpected(mailbox + ": " + std::string(store::to_string(error.code)) +
                         (error.detail.empty() ? "" : ": " + error.detail));
}

Outgoing outgoing(const store::Snapshot& snapshot, std::size_t position) {
  const auto& entry = snapshot[position];
  return {entry.uid, flags_of(entry.flags, snapshot.keywords()), from_micros(entry.internaldate), nullptr};
}

}  // namespace

/// Messages that are read while those before them are written.
struct Exporter::Reading {
  explicit Reading(std::vector<std::size_t> which) : positions(std::move(which)) {}
  std::vector<std::size_t> positions;
  store::Result<std::vector<store::Bytes>> result;
  std::vector<std::string> faults;  // why there are no octets of a position; "": nothing is known to be wrong
  async::Event ready;

  async::Task<void> run(store::Store& store, const store::Snapshot& snapshot) {
    std::vector<store::ObjectId> objects;
    for (const auto position : positions) objects.push_back(snapshot[position].object);
    faults.resize(objects.size());
    result = co_await store.read_many(snapshot.mailbox(), objects);
    if (!result && is_of_message(result.error().code)) result = std::vector<store::Bytes>(objects.size());
    if (result && std::ranges::any_of(*result, [](const store::Bytes& bytes) { return !bytes; }))
      co_await read_singly(store, snapshot, std::move(objects));
    ready.set();
  }

  /// Those that are missing: one that is damaged or lost does not keep the others from being read.
  async::Task<void> read_singly(store::Store& store, const store::Snapshot& snapshot,
                                std::vector<store::ObjectId> objects) {
    int unreadable = 0;
    for (std::size_t n = 0; n < objects.size(); ++n) {
      if ((*result)[n]) continue;
      auto bytes = co_await store.read(snapshot.mailbox(), objects[n]);
      if (bytes) {
        (*result)[n] = *std::move(bytes);
        continue;
      }
      auto& error = bytes.error();
      if (!is_of_message(error.code) || (error.code == store::ErrorCode::kIo && ++unreadable > kMostUnreadable)) {
        result = std::unexpected(std::move(error));
        co_return;
      }
      faults[n] = error.detail.empty() ? std::string(store::to_string(error.code)) : std::move(error.detail);
    }
    co_await forgive_expunged(store, snapshot);
  }

  /// What was expunged since the snapshot was taken has no octets any more, and nothing is wrong with that.
  async::Task<void> forgive_expunged(store::Store& store, const store::Snapshot& snapshot) {
    const auto now = co_await store.snapshot(snapshot.mailbox());
    for (std::size_t n = 0; n < positions.size(); ++n) {
      if ((*result)[n]) continue;
      const bool expunged =
          now ? !(*now)->find(snapshot[positions[n]].uid) : now.error().code == store::ErrorCode::kNoMailbox;
      if (expunged) faults[n].clear();
    }
  }
};

bool Exporter::wanted(const store::MailboxInfo& mailbox) const {
  if (!mailbox.exists || mailbox.noselect) return false;
  return mailboxes_.empty() ||
         std::ranges::any_of(mailboxes_, [&mailbox](const std::string& name) { return is_called(mailbox.name, name); });
}

async::Task<Outcome<ExportReport>> Exporter::run() {
  const auto all = co_await store_.list(account_);
  if (!all) co_return trouble(account_, all.error());
  std::vector<store::MailboxInfo> mailboxes;
  std::vector<std::string> subscribed;
  for (const auto& mailbox : *all) {
    if (mailbox.subscribed) subscribed.push_back(mailbox.name);
    if (!wanted(mailbox)) continue;
    total_ += mailbox.status.messages;
    mailboxes.push_back(mailbox);
  }
  for (const auto& name : mailboxes_)
    if (std::ranges::none_of(mailboxes, [&name](const auto& mailbox) { return is_called(mailbox.name, name); }))
      co_return std::unexpected(account_ + ": no such mailbox: " + name);
  if (mailboxes.empty()) co_return std::unexpected(account_ + ": no such mailbox");
  for (const auto& mailbox : mailboxes) {
    const auto done = co_await export_one(mailbox);
    if (!done) report_.troubles.push_back(done.error());
  }
  const auto finished = co_await async::offload(pool_, [&] { return target_.finish(subscribed); });
  if (!finished) co_return std::unexpected(finished.error());
  const auto& remarks = target_.remarks();
  report_.troubles.insert(report_.troubles.end(), remarks.begin(), remarks.end());
  co_return report_;
}

async::Task<Outcome<void>> Exporter::export_one(const store::MailboxInfo& mailbox) {
  const auto snapshot = co_await store_.snapshot(mailbox.ref);
  if (!snapshot) co_return trouble(mailbox.name, snapshot.error());
  const auto& messages = **snapshot;
  const auto begun =
      co_await async::offload(pool_, [&] { return target_.begin(mailbox.name, messages.uidvalidity()); });
  if (!begun) co_return begun;
  ++report_.mailboxes;
  auto positions = co_await missing(mailbox, messages);
  if (!positions) co_return std::unexpected(positions.error());
  const auto written = co_await write_all(mailbox, messages, *std::move(positions));
  const auto ended = co_await async::offload(pool_, [&] { return target_.end(); });
  co_return written ? ended : written;
}

async::Task<Outcome<std::vector<std::size_t>>> Exporter::missing(const store::MailboxInfo& mailbox,
                                                                 const store::Snapshot& snapshot) {
  auto positions = co_await async::offload(pool_, [&]() -> Outcome<std::vector<std::size_t>> {
    std::vector<std::size_t> out;
    for (std::size_t n = 0; n < snapshot.size(); ++n) {
      const auto there = target_.has(outgoing(snapshot, n));
      if (!there) return std::unexpected(there.error());
      if (!*there) out.push_back(n);
    }
    return out;
  });
  if (positions) {
    report_.known += snapshot.size() - positions->size();
    done_ += snapshot.size() - positions->size();
    if (show_) show_(done_, total_, mailbox.name);
  }
  co_return positions;
}

async::Task<Outcome<void>> Exporter::write_all(const store::MailboxInfo& mailbox, const store::Snapshot& snapshot,
                                               std::vector<std::size_t> positions) {
  std::size_t next = 0;
  const auto take = [&] {
    std::vector<std::size_t> batch;
    for (std::uint64_t bytes = 0; next < positions.size() && batch.size() < kBatchMessages && bytes < kBatchBytes;
         ++next) {
      batch.push_back(positions[next]);
      bytes += snapshot[positions[next]].size;
    }
    return batch;
  };
  async::TaskGroup ahead;
  std::unique_ptr<Reading> current, following;
  const auto start = [&](std::unique_ptr<Reading>& reading) {
    reading = next < positions.size() ? std::make_unique<Reading>(take()) : nullptr;
    if (reading) ahead.spawn(reading->run(store_, snapshot));
  };
  Outcome<void> done;
  for (start(current); current && done; current = std::move(following)) {
    co_await current->ready.wait_uncancellable();
    start(following);
    if (!current->result) {
      done = trouble(mailbox.name, current->result.error());
      continue;
    }
    std::vector<Outgoing> messages;
    for (std::size_t n = 0; n < current->positions.size(); ++n) {
      auto& bytes = (*current->result)[n];
      if (!bytes && !current->faults[n].empty())
        report_.troubles.push_back(fmt::format("{}: the message with UID {} was not exported: {}", mailbox.name,
                                               snapshot[current->positions[n]].uid, current->faults[n]));
      if (!bytes) continue;  // expunged meanwhile, or lost
      messages.push_back(outgoing(snapshot, current->positions[n]));
      report_.bytes += bytes->size();
      messages.back().bytes = std::move(bytes);
    }
    report_.messages += messages.size();
    if (!messages.empty()) done = co_await async::offload(pool_, [&] { return target_.write(messages); });
    done_ += current->positions.size();
    if (show_) show_(done_, total_, mailbox.name);
  }
  co_await ahead.join();
  co_return done;
}

}  // namespace quartet::transfer
