#include "common/async/task_group.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

const std::string kAnn = "ann@a.test";

async::Task<bool> woken(Watcher& watcher, std::chrono::milliseconds limit) {
  const async::Wait end = co_await watcher.event().wait(async::Deadline::after(limit));
  co_return end == async::Wait::kReady;
}

async::Task<std::unique_ptr<Watcher>> make_watcher(Store& store, MailboxRef mailbox) { co_return store.watch(mailbox); }

async::Task<void> drop(std::unique_ptr<Watcher> watcher) {
  watcher.reset();
  co_return;
}

constexpr std::chrono::milliseconds kLong{10'000};
constexpr std::chrono::milliseconds kShort{100};

}  // namespace

TEST_CASE("a session is woken by a delivery to its mailbox and to no other", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  const auto other = f.must(f.store->create(kAnn, "Other", "")).ref;
  auto watcher = f.run(make_watcher(*f.store, inbox));
  auto account = f.must(f.store->watch_account(kAnn));
  f.must(f.store->append(other, {{std::make_shared<const std::string>(message("x")), 0, {}, std::nullopt}}));
  CHECK(f.run(woken(*account, kLong)));
  account->reset();
  CHECK_FALSE(f.run(woken(*watcher, kShort)));
  f.deliver(message("y"));
  CHECK(f.run(woken(*watcher, kLong)));
  CHECK(f.run(woken(*account, kLong)));
  watcher->reset();
  f.must(f.store->remove(kAnn, "Other"));
  f.run(drop(std::move(watcher)));
  f.run(drop(std::move(account)));
}

TEST_CASE("annotations wake those who watch the account", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  auto account = f.must(f.store->watch_account(kAnn));
  const auto before = f.must(f.store->status(inbox)).highest_modseq;
  f.must(f.store->annotate(inbox, {{"", "/comment", "x"}}));
  CHECK(f.run(woken(*account, kLong)));
  const auto after = f.must(f.store->status(inbox)).highest_modseq;
  CHECK(after > before);
  account->reset();
  f.must(f.store->annotate({inbox.shard, inbox.account, 0}, {{kAnn, "/comment", "y"}}));
  CHECK(f.run(woken(*account, kLong)));
  CHECK(f.must(f.store->status(inbox)).highest_modseq == after);
  f.run(drop(std::move(account)));
}

TEST_CASE("a change by another process wakes too", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  auto watcher = f.run(make_watcher(*f.store, inbox));
  const auto second = must_open(test_options(f.directory));
  std::vector<DeliveryTarget> targets(1);
  targets[0].account = kAnn;
  const auto results = f.run(second->deliver(targets, std::make_shared<const std::string>(message("x")), wall_now()));
  REQUIRE(results[0]);
  CHECK(f.run(woken(*watcher, kLong)));
  CHECK(f.must(f.store->snapshot(inbox))->size() == 1);
  f.run(drop(std::move(watcher)));
}

TEST_CASE("when hints are lost polling makes good", "[store]") {
  Fixture f([](Options& options) { options.poll_interval = std::chrono::milliseconds(50); });
  const auto inbox = f.inbox();
  auto watcher = f.run(make_watcher(*f.store, inbox));
  CHECK(f.run(woken(*watcher, kLong)));  // the first poll knows nothing yet and wakes
  watcher->reset();
  // Without its socket this process hears nothing.
  for (const auto& entry : std::filesystem::directory_iterator(f.directory.file("hints")))
    std::filesystem::remove(entry.path());
  const auto second = must_open(test_options(f.directory));
  std::vector<DeliveryTarget> targets(1);
  targets[0].account = kAnn;
  REQUIRE(f.run(second->deliver(targets, std::make_shared<const std::string>(message("x")), wall_now()))[0]);
  CHECK(f.run(woken(*watcher, kLong)));
  f.run(drop(std::move(watcher)));
}

TEST_CASE("a socket nobody listens on is cleared away", "[store]") {
  Fixture f;
  const std::string hints = f.directory.file("hints");
  std::string socket;
  {
    const auto dead = must_open(test_options(f.directory));
    auto watcher = f.run(make_watcher(*dead, f.inbox()));
    for (const auto& entry : std::filesystem::directory_iterator(hints)) socket = entry.path();
    std::filesystem::rename(socket, socket + ".kept");
    f.run(drop(std::move(watcher)));
  }
  std::filesystem::rename(socket + ".kept", socket);
  f.deliver(message("x"));
  CHECK_FALSE(std::filesystem::exists(socket));
}
