#include <atomic>
#include <chrono>
#include <thread>

#include "common/async/loop_threads.h"
#include "common/async/run_on.h"
#include "common/async/task_group.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

/// Changes the mailbox and looks at it, again and again. Every view must have what was changed before it was asked for.
async::Task<void> change_and_look(Store& store, MailboxRef mailbox, std::uint32_t uid, std::atomic<int>& bad) {
  for (int n = 0; n < 40; ++n) {
    FlagChange change;
    change.mode = n % 2 == 0 ? FlagMode::kAdd : FlagMode::kRemove;
    change.flags = flag::kSeen;
    const auto stored = co_await store.store_flags(mailbox, UidSet{{uid, uid}}, change);
    const auto view = co_await store.snapshot(mailbox);
    const auto position = view ? (*view)->find(uid) : std::nullopt;
    const bool seen = position && ((**view)[*position].flags & flag::kSeen) != 0;
    if (!stored || !position || seen != (n % 2 == 0)) ++bad;
  }
}

async::Task<void> change_all(Store& store, MailboxRef mailbox, std::uint32_t first, std::uint32_t count,
                             std::atomic<int>& bad) {
  async::TaskGroup group;
  for (std::uint32_t n = 0; n < count; ++n) group.spawn(change_and_look(store, mailbox, first + n, bad));
  co_await group.join();
}

async::Task<void> on_two_loops(async::LoopThreads& threads, Store& store, MailboxRef mailbox, std::uint32_t each,
                               std::atomic<int>& bad) {
  async::TaskGroup group;
  group.spawn(async::run_on(threads[0], change_all(store, mailbox, 1, each, bad)));
  group.spawn(async::run_on(threads[1], change_all(store, mailbox, 1 + each, each, bad)));
  co_await group.join();
}

async::Task<void> look(Store& store, MailboxRef mailbox, std::vector<ErrorCode>& errors) {
  const auto view = co_await store.snapshot(mailbox);
  if (!view) errors.push_back(view.error().code);
}

async::Task<void> look_at_once(Store& store, MailboxRef mailbox, int count, std::vector<ErrorCode>& errors) {
  async::TaskGroup group;
  for (int n = 0; n < count; ++n) group.spawn(look(store, mailbox, errors));
  co_await group.join();
}

async::Task<void> look_through(Store& store, MailboxRef mailbox, std::vector<ObjectId> objects,
                               std::atomic<int>& looked_at) {
  const auto done = co_await store.look_at(mailbox, std::move(objects), [&looked_at](std::size_t, std::string_view) {
    ++looked_at;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // of work: so long a search may take for each
  });
  CHECK(done.has_value());
}

/// How many messages had been looked at by two that have all reader threads when a third had read one.
async::Task<void> read_beside(Store& store, MailboxRef mailbox, std::vector<ObjectId> objects, int& before) {
  std::atomic<int> looked_at = 0;
  async::TaskGroup group;
  for (int n = 0; n < 2; ++n) group.spawn(look_through(store, mailbox, objects, looked_at));
  for (int tries = 0; tries < 20'000 && looked_at < 2; ++tries) co_await async::sleep_for(std::chrono::milliseconds(1));
  CHECK(looked_at >= 2);
  const auto read = co_await store.read(mailbox, objects.front());
  CHECK(read.has_value());
  before = looked_at;
  co_await group.join();
}

}  // namespace

TEST_CASE("who reads has a turn while others look at many messages", "[store]") {
  Fixture fixture;
  constexpr int kMessages = 60;
  for (int n = 0; n < kMessages; ++n) fixture.deliver(message(std::to_string(n)));
  const auto view = fixture.must(fixture.store->snapshot(fixture.inbox()));
  std::vector<ObjectId> objects;
  for (std::size_t n = 0; n < view->size(); ++n) objects.push_back((*view)[n].object);
  int before = 0;
  fixture.run(read_beside(*fixture.store, view->mailbox(), objects, before));
  CHECK(before < kMessages);
}

TEST_CASE("every view has what was changed before it was asked for, however many ask", "[store]") {
  Fixture fixture;
  constexpr std::uint32_t kEach = 10;
  for (std::uint32_t n = 0; n < 2 * kEach; ++n) fixture.deliver(message(std::to_string(n)));
  const auto inbox = fixture.inbox();
  std::atomic<int> bad = 0;
  async::LoopThreads threads(2);
  fixture.run(on_two_loops(threads, *fixture.store, inbox, kEach, bad));
  CHECK(bad == 0);
}

TEST_CASE("all who ask for a mailbox that is gone are told so", "[store]") {
  Fixture fixture;
  const auto ref = fixture.must(fixture.store->create("ann@a.test", "Going", "")).ref;
  fixture.must(fixture.store->remove("ann@a.test", "Going"));
  std::vector<ErrorCode> errors;
  fixture.run(look_at_once(*fixture.store, ref, 20, errors));
  CHECK(errors == std::vector<ErrorCode>(20, ErrorCode::kNoMailbox));
}
