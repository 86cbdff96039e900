// Where the index of texts is kept: segments come whole, go when they are replaced, and are of no other account.
#include "common/store/text_shelf.h"

#include <algorithm>
#include <filesystem>

#include "common/store/backup.h"
#include "common/store/check.h"
#include "tests/unit/store/helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

constexpr std::uint32_t kVersion = 3;

/// Several transactions long.
NewTextSegment some_segment(std::uint64_t messages = 2, std::size_t chunks = 20) {
  NewTextSegment segment{.version = kVersion, .messages = messages, .chunks = {}, .replaces = {}};
  for (std::size_t n = 0; n < chunks; ++n)
    segment.chunks.push_back(std::string(1000, static_cast<char>('a' + n % 26)) + '\0');
  return segment;
}

TextAccount account_of(Fixture& f, MailboxRef ref, std::uint32_t version = kVersion) {
  for (const auto& account : f.must(f.store->texts()->accounts(ref.shard, version)))
    if (account.ref.account == ref.account) return account;
  FAIL("no such account");
  return {};
}

}  // namespace

TEST_CASE("a segment is kept in chunks and counted", "[store][texts]") {
  Fixture f;
  const auto stored = f.deliver(message("one"));
  auto& shelf = *f.store->texts();
  CHECK(f.must(shelf.segments(stored.mailbox)).empty());
  CHECK(account_of(f, stored.mailbox).indexed == 0);
  const auto segment = some_segment();
  f.must(shelf.add(stored.mailbox, segment));
  const auto listed = f.must(shelf.segments(stored.mailbox));
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].version == kVersion);
  CHECK(listed[0].messages == 2);
  CHECK(listed[0].bytes == 20 * 1001);
  CHECK(f.must(shelf.chunks(stored.mailbox.shard, listed[0].id, 0, 100)) == segment.chunks);
  const auto some = f.must(shelf.chunks(stored.mailbox.shard, listed[0].id, 18, 5));
  CHECK(some == std::vector<std::string>{segment.chunks[18], segment.chunks[19]});
  const auto account = account_of(f, stored.mailbox);
  CHECK(account.messages == 1);
  CHECK(account.covered == 2);
  CHECK(account.bytes == 20 * 1001);
  CHECK(account.indexed == 0);
  CHECK(f.must(shelf.segments(f.inbox("bob@a.test"))).empty());
}

TEST_CASE("the words of mail are nobody else's to read", "[store][texts][files]") {
  using std::filesystem::perms;
  Fixture f;
  const auto place = f.directory.path() / "text";
  const auto stored = f.deliver(message("one"));
  f.must(f.store->texts()->add(stored.mailbox, some_segment()));
  CHECK(std::filesystem::status(place).permissions() == perms::owner_all);
  f.store.reset();
  std::filesystem::permissions(place, static_cast<perms>(0755));
  f.store = must_open(test_options(f.directory));
  f.must(f.store->texts()->add(stored.mailbox, some_segment()));
  CHECK((std::filesystem::status(place).permissions() & perms::others_all) == perms::none);
}

TEST_CASE("what is replaced goes at once from the list, later from the disk", "[store][texts]") {
  Fixture f;
  const auto ref = f.deliver(message("one")).mailbox;
  auto& shelf = *f.store->texts();
  f.must(shelf.add(ref, some_segment(1)));
  f.must(shelf.add(ref, some_segment(2)));
  auto listed = f.must(shelf.segments(ref));
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].messages == 2);  // the larger one first
  auto both = some_segment(3);
  for (const auto& each : listed) both.replaces.push_back(each.id);
  f.must(shelf.add(ref, both));
  const auto now = f.must(shelf.segments(ref));
  REQUIRE(now.size() == 1);
  CHECK(now[0].messages == 3);
  // A search that has begun with the old ones goes on.
  f.must(shelf.sweep(ref.shard, std::chrono::seconds(600)));
  CHECK(f.must(shelf.chunks(ref.shard, listed[0].id, 0, 100)).size() == 20);
  f.must(shelf.sweep(ref.shard, std::chrono::seconds(-1)));
  for (const auto& each : listed) CHECK(f.must(shelf.chunks(ref.shard, each.id, 0, 100)).empty());
  CHECK(f.must(shelf.chunks(ref.shard, now[0].id, 0, 100)).size() == 20);
}

TEST_CASE("messages that came or changed are listed, each body once", "[store][texts]") {
  Fixture f;
  const auto first = f.deliver(message("one"));
  const auto second = f.deliver(message("two"));
  auto& shelf = *f.store->texts();
  const auto all = f.must(shelf.messages(first.mailbox, 0));
  REQUIRE(all.size() == 2);
  CHECK(all[0].object < all[1].object);
  CHECK(all[0].size == message("one").size());
  CHECK(f.must(shelf.messages(first.mailbox, first.modseq)).size() == 1);
  CHECK(f.must(shelf.messages(first.mailbox, second.modseq)).empty());
  const auto other = f.must(f.store->create("ann@a.test", "Other", "")).ref;
  f.must(f.store->copy(first.mailbox, {{first.uid, first.uid}}, other));
  const auto copied = f.must(shelf.messages(first.mailbox, second.modseq));
  REQUIRE(copied.size() == 1);
  CHECK(copied[0].object == all[0].object);
  CHECK(f.must(shelf.messages(first.mailbox, 0)).size() == 2);
}

TEST_CASE("up to where an account is indexed; another version, or damage, begins anew", "[store][texts]") {
  Fixture f;
  const auto stored = f.deliver(message("one"));
  auto& shelf = *f.store->texts();
  f.must(shelf.add(stored.mailbox, some_segment()));
  f.must(shelf.set_indexed(stored.mailbox, stored.modseq));
  CHECK(account_of(f, stored.mailbox).indexed == stored.modseq);
  CHECK(account_of(f, stored.mailbox, kVersion + 1).indexed == 0);
  const auto listed = f.must(shelf.segments(stored.mailbox));
  f.must(shelf.discard(stored.mailbox, listed[0].id));
  CHECK(f.must(shelf.segments(stored.mailbox)).empty());
  CHECK(account_of(f, stored.mailbox).indexed == 0);
  // More than the account has had: it is an older state of the same account.
  f.must(shelf.add(stored.mailbox, some_segment()));
  f.must(shelf.set_indexed(stored.mailbox, stored.modseq + 1'000));
  CHECK(f.must(shelf.segments(stored.mailbox)).empty());
  CHECK(account_of(f, stored.mailbox).indexed == 0);
  f.must(shelf.set_indexed(stored.mailbox, 0));
  CHECK(f.must(shelf.segments(stored.mailbox)).empty());
}

TEST_CASE("one at a time has the turn", "[store][texts]") {
  Fixture f;
  auto& shelf = *f.store->texts();
  using std::chrono::seconds;
  CHECK(f.must(shelf.take_turn(0, 11, seconds(60))));
  CHECK(f.must(shelf.take_turn(0, 11, seconds(600))));
  CHECK_FALSE(f.must(shelf.take_turn(0, 12, seconds(60))));
  CHECK(f.must(shelf.take_turn(1, 12, seconds(60))));
  f.must(shelf.end_turn(0, 12));
  CHECK_FALSE(f.must(shelf.take_turn(0, 12, seconds(60))));
  f.must(shelf.end_turn(0, 11));
  CHECK(f.must(shelf.take_turn(0, 12, seconds(-1))));
  // Who is gone keeps nobody waiting for ever.
  CHECK(f.must(shelf.take_turn(0, 13, seconds(60))));
}

TEST_CASE("another Store on the same one sees the same segments", "[store][texts]") {
  Fixture f;
  const auto ref = f.deliver(message("one")).mailbox;
  f.must(f.store->texts()->add(ref, some_segment()));
  const auto second = must_open(test_options(f.directory));
  CHECK(f.must(second->texts()->segments(ref)).size() == 1);
  f.must(second->texts()->add(ref, some_segment(9)));
  CHECK(f.must(f.store->texts()->segments(ref)).size() == 2);
}

TEST_CASE("a store without its index of texts is whole; an account in a new database is another one",
          "[store][texts][files]") {
  Fixture f;
  const auto ref = f.deliver(message("one")).mailbox;
  f.must(f.store->texts()->add(ref, some_segment()));
  const auto directory = f.directory.path().string();
  CHECK(std::filesystem::exists(directory + "/text"));
  // No part of a backup, and what is made of one begins anew.
  const auto backup_directory = (f.directory.path() / "backup").string();
  const auto restored_directory = (f.directory.path() / "restored").string();
  REQUIRE(backup(directory, backup_directory));
  CHECK_FALSE(std::filesystem::exists(backup_directory + "/text"));
  REQUIRE(restore(backup_directory, restored_directory, false));
  auto options = test_options(f.directory);
  options.directory = restored_directory;
  {
    const auto restored = must_open(options);
    CHECK(f.must(restored->texts()->segments(ref)).empty());
    CHECK(f.must(restored->texts()->messages(ref, 0)).size() == 1);
  }
  CHECK(check(directory)->healthy());
  // The database is lost, and its accounts' numbers are given to others.
  f.store.reset();
  std::filesystem::remove_all(directory + "/index");
  std::filesystem::remove_all(directory + "/bytes");
  f.store = must_open(test_options(f.directory));
  const auto again = f.deliver(message("two")).mailbox;
  CHECK(again.account == ref.account);
  CHECK(f.must(f.store->texts()->segments(again)).empty());
  CHECK(account_of(f, again).covered == 0);
}

TEST_CASE("of several stores each keeps what is about its accounts; who moves begins anew", "[store][texts]") {
  const Directory second;
  Fixture f([&](Options& options) { options.additional.push_back({"other", second.path().string(), ""}); });
  auto& shelf = *f.store->texts();
  CHECK(shelf.shards().size() > must_open(test_options(f.directory))->texts()->shards().size());
  const auto stored = f.deliver(message("one"));
  f.must(shelf.add(stored.mailbox, some_segment()));
  f.must(shelf.set_indexed(stored.mailbox, stored.modseq));
  for (bool done = false; !done;) done = f.must(f.store->move_account({.account = "ann@a.test", .to = "other"})).done;
  CHECK(f.must(shelf.segments(stored.mailbox)).empty());
  for (const auto& account : f.must(shelf.accounts(stored.mailbox.shard, kVersion)))
    CHECK(account.ref.account != stored.mailbox.account);
  const auto moved = f.inbox();
  CHECK(moved.shard != stored.mailbox.shard);
  CHECK(account_of(f, moved).indexed == 0);
  CHECK(f.must(shelf.messages(moved, 0)).size() == 1);
  f.must(shelf.add(moved, some_segment()));
  CHECK(f.must(shelf.segments(moved)).size() == 1);
  // What it comes back to says nothing of it any more.
  for (bool done = false; !done;) done = f.must(f.store->move_account({.account = "ann@a.test", .to = "main"})).done;
  const auto back = f.inbox();
  CHECK(f.must(shelf.segments(back)).empty());
  CHECK(account_of(f, back).indexed == 0);
}
