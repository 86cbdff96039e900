#include "ctl/transfer/exporter.h"

#include <algorithm>

#include "common/async/task_group.h"

namespace quartet::transfer {
namespace {

// So much is read ahead of what is being written.
constexpr std::size_t kBatchMessages = 1000;
constexpr std::uint64_t kBatchBytes = 16 << 20;

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
  async::Event ready;

  async::Task<void> run(store::Store& store, const store::Snapshot& snapshot) {
    std::vector<store::ObjectId> objects;
    for (const auto position : positions) objects.push_back(snapshot[position].object);
    result = co_await store.read_many(snapshot.mailbox(), std::move(objects));
    ready.set();
  }
};

bool Exporter::wanted(const store::MailboxInfo& mailbox) const {
  if (!mailbox.exists || mailbox.noselect) return false;
  return mailboxes_.empty() || std::ranges::any_of(mailboxes_, [&mailbox](const std::string& name) {
           return store::canonical_name(name).value_or(name) == mailbox.name;
         });
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
      if (!bytes) continue;  // expunged meanwhile
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
