#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "common/async/loop_threads.h"
#include "common/async/run_on.h"
#include "common/async/task_group.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

struct Tally {
  std::mutex mutex;
  std::map<MailboxRef, std::set<std::uint32_t>> uids;
  std::map<MailboxRef, std::set<std::uint64_t>> modseqs;
  int failures = 0;
};

async::Task<void> deliver_many(Store& store, int worker, int count, Tally& tally) {
  for (int n = 0; n < count; ++n) {
    std::vector<DeliveryTarget> targets(3);
    for (int t = 0; t < 3; ++t)
      targets[static_cast<std::size_t>(t)].account = "user" + std::to_string((worker + n + t * 3) % 7) + "@a.test";
    auto results = co_await store.deliver(
        targets, std::make_shared<const std::string>(message(std::to_string(worker) + "-" + std::to_string(n))),
        wall_now());
    const std::lock_guard lock(tally.mutex);
    for (const auto& result : results) {
      if (!result || !tally.uids[result->mailbox].insert(result->uid).second ||
          !tally.modseqs[result->mailbox].insert(result->modseq).second)
        ++tally.failures;
    }
  }
}

/// Watches one mailbox as a session does: every view must follow from the one before.
async::Task<void> follow(Store& store, MailboxRef mailbox, std::atomic<bool>& stop, Tally& tally) {
  auto watcher = store.watch(mailbox);
  SnapshotPtr view;
  while (!stop) {
    watcher->reset();
    auto next = co_await store.snapshot(mailbox);
    bool bad = !next.has_value();
    if (next && view) {
      const auto delta = compare(*view, **next);
      bad = !delta.expunged.empty() || delta.first_new != view->size() ||
            (*next)->highest_modseq() < view->highest_modseq();
    }
    if (bad) {
      const std::lock_guard lock(tally.mutex);
      ++tally.failures;
    }
    if (next) view = *next;
    co_await watcher->event().wait(async::Deadline::after(std::chrono::milliseconds(20)));
  }
}

async::Task<void> run_workers(Store& store, int first, int workers, int count, Tally& tally) {
  async::TaskGroup group;
  for (int n = 0; n < workers; ++n) group.spawn(deliver_many(store, first + n, count, tally));
  co_await group.join();
}

async::Task<void> run_all(async::LoopThreads& threads, Store& a, Store& b, MailboxRef watched, Tally& tally) {
  std::atomic<bool> stop = false;
  async::TaskGroup group;
  async::TaskGroup followers;
  followers.spawn(async::run_on(threads[2], follow(a, watched, stop, tally)));
  group.spawn(async::run_on(threads[0], run_workers(a, 0, 4, 15, tally)));
  group.spawn(async::run_on(threads[1], run_workers(b, 10, 4, 15, tally)));
  co_await group.join();
  stop = true;
  co_await followers.join();
}

/// Ends all connections of the store to the server again and again, as a server does that is told to stop. A delivery
/// is hit at some moment of it, and the next is waited for: a machine of any speed gets something through.
class Interruptions {
 public:
  explicit Interruptions(const std::string& conninfo)
      : connection_(PQconnectdb(conninfo.c_str())), thread_([this] { run(); }) {}
  ~Interruptions() {
    stop_ = true;
    delivered();
    thread_.join();
    PQfinish(connection_);
  }

  /// Says that a delivery has come to its end.
  void delivered() {
    ++deliveries_;
    deliveries_.notify_one();
  }

 private:
  void run() {
    for (int n = 0; !stop_; ++n) {
      const auto before = deliveries_.load();
      std::this_thread::sleep_for(std::chrono::microseconds(777 * (n % 10)));
      PQclear(PQexec(connection_,
                     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                     "WHERE application_name='quartet' AND datname=current_database()"));
      deliveries_.wait(before);
    }
  }

  PGconn* const connection_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> deliveries_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("several loops and two processes share a store", "[store]") {
  Fixture f;
  const auto second = must_open(test_options(f.directory));
  const auto watched = f.inbox("user0@a.test");
  Tally tally;
  {
    async::LoopThreads threads(3);
    f.run(run_all(threads, *f.store, *second, watched, tally));
  }
  CHECK(tally.failures == 0);
  std::size_t total = 0;
  for (const auto& [mailbox, uids] : tally.uids) {
    const auto here = f.must(f.store->snapshot(mailbox));
    const auto there = f.must(second->snapshot(mailbox));
    CHECK(uids_of(*here) == std::vector<std::uint32_t>(uids.begin(), uids.end()));
    CHECK(uids_of(*there) == uids_of(*here));
    CHECK(*uids.rbegin() == uids.size());
    const auto status = f.must(second->status(mailbox));
    CHECK(status.messages == uids.size());
    CHECK(status.uidnext == uids.size() + 1);
    CHECK(here->highest_modseq() == *tally.modseqs[mailbox].rbegin());
    // What one process wrote the other reads.
    for (const std::size_t n : {std::size_t{0}, here->size() / 2, here->size() - 1})
      CHECK(f.must(f.store->read(mailbox, (*here)[n].object))->starts_with("From: Bob"));
    total += uids.size();
  }
  CHECK(total == 8 * 15 * 3);
}

TEST_CASE("flags, copies and expunges of two processes meet without loss", "[store]") {
  Fixture f;
  const auto second = must_open(test_options(f.directory));
  const auto inbox = f.inbox();
  for (int n = 0; n < 10; ++n) f.deliver(message(std::to_string(n)));
  const auto one = f.must(f.store->store_flags(inbox, {{1, 5}}, {FlagMode::kAdd, flag::kDeleted, {"$A"}, {}}));
  const auto two = f.must(second->store_flags(inbox, {{4, 8}}, {FlagMode::kAdd, flag::kSeen, {"$B"}, {}}));
  CHECK(two.modseq > one.modseq);
  CHECK(f.must(f.store->snapshot(inbox))->keywords() == std::vector<std::string>{"$A", "$B"});
  CHECK(f.must(second->expunge(inbox, std::nullopt)).uids.size() == 5);
  CHECK(f.deliver(message("next")).uid == 11);
  CHECK(uids_of(*f.must(second->snapshot(inbox))) == std::vector<std::uint32_t>{6, 7, 8, 9, 10, 11});
}

TEST_CASE("rows that a writer has in memory are read again once another process has changed them", "[store]") {
  Fixture f;
  const auto second = must_open(test_options(f.directory));
  const std::string account = "ann@a.test";
  const auto deliver = [&](Store& store, const std::string& mailbox) {
    std::vector<DeliveryTarget> targets(1);
    targets[0].account = account;
    targets[0].mailbox = mailbox;
    targets[0].create_mailbox = true;
    return f.run(store.deliver(targets, std::make_shared<const std::string>(message(mailbox)), wall_now())).at(0);
  };
  // Turn and turn about, so that each has its rows from before the other's change.
  for (std::uint32_t uid = 1; uid <= 6; ++uid) {
    const auto stored = deliver(uid % 2 == 0 ? *f.store : *second, "INBOX");
    REQUIRE(stored.has_value());
    CHECK(stored->uid == uid);
  }
  CHECK(f.must(f.store->quota(account)).messages == 6);

  const auto before = deliver(*f.store, "Work");
  REQUIRE(before.has_value());
  REQUIRE(f.run(second->rename(account, "Work", "Play")).has_value());
  const auto anew = deliver(*f.store, "Work");
  REQUIRE(anew.has_value());
  CHECK(anew->mailbox.mailbox != before->mailbox.mailbox);
  CHECK(anew->uid == 1);
  const auto moved = deliver(*f.store, "Play");
  REQUIRE(moved.has_value());
  CHECK(moved->mailbox.mailbox == before->mailbox.mailbox);
  CHECK(moved->uid == 2);

  REQUIRE(f.run(second->remove(account, "Play")).has_value());
  CHECK(f.error(f.store->append(before->mailbox, {})) == ErrorCode::kNoMailbox);
  f.must(second->set_quota(anew->mailbox, {.bytes = 0, .messages = 1}));
  const auto refused = deliver(*f.store, "Work");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kOverQuota);
}

TEST_CASE("what is committed without an answer is not committed again", "[store]") {
  const Fixture probe;
  const auto conninfo = quartet::test::postgres_for(probe.directory.path());
  if (conninfo.empty()) return;  // files have no connections
  Fixture f([&](Options& options) {
    options.postgres = conninfo;
    options.shards = 1;
  });
  f.inbox();
  std::set<std::string> promised;
  {
    Interruptions interruptions(conninfo);
    for (int n = 0; n < 200; ++n) {
      const auto text = message(std::to_string(n));
      std::vector<DeliveryTarget> targets(1);
      targets[0].account = "ann@a.test";
      const auto results = f.run(f.store->deliver(targets, std::make_shared<const std::string>(text), wall_now()));
      if (results[0]) promised.insert(text);
      interruptions.delivered();
    }
  }
  CHECK(promised.size() > 100);
  const auto inbox = f.inbox();
  const auto view = f.must(f.store->snapshot(inbox));
  std::set<std::string> there;
  for (std::size_t n = 0; n < view->size(); ++n) there.insert(*f.must(f.store->read(inbox, (*view)[n].object)));
  CHECK(there.size() == view->size());
  for (const auto& text : promised) CHECK(there.contains(text));
}
