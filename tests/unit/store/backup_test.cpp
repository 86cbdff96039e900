// Checking, repairing, backing up and restoring a store that is in use.
#include "common/store/backup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <set>

#include "common/store/recover.h"
#include "common/store/shard_files.h"
#include "common/store/upkeep_lock.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

CheckReport checked(const std::string& directory) {
  auto report = check(directory);
  if (!report) FAIL(report.error().detail);
  return std::move(*report);
}

BackupReport backed_up(const std::string& directory, const std::string& to) {
  const auto report = backup(directory, to);
  if (!report) FAIL(report.error().detail);
  return *report;
}

/// The messages of an INBOX.
std::vector<std::string> texts(Fixture& fixture, const std::string& account = "ann@a.test") {
  const auto inbox = fixture.inbox(account);
  const auto snapshot = fixture.must(fixture.store->snapshot(inbox));
  std::vector<std::string> all;
  for (std::size_t n = 0; n < snapshot->size(); ++n)
    all.push_back(*fixture.must(fixture.store->read(inbox, (*snapshot)[n].object)));
  return all;
}

void execute(const std::string& directory, const char* sql) {
  for (std::size_t n = 0; n < 4; ++n) {
    const auto database = open_shard(directory, n, false);
    REQUIRE(database.has_value());
    REQUIRE((*database)->execute(sql));
  }
}

struct Filled : Fixture {
  const std::string path = directory.path().string();
  const std::string large = message("large") + std::string(400'000, 'x');  // a file of its own

  Filled() {
    for (int n = 0; n < 20; ++n) deliver(message(std::to_string(n)), n % 2 == 0 ? "ann@a.test" : "bob@a.test");
    deliver(large);
  }
};

}  // namespace

TEST_CASE("A store in use is found healthy", "[store][files]") {
  Filled store;
  const auto report = checked(store.path);
  for (const auto& fault : report.faults) UNSCOPED_INFO(fault.text);
  CHECK(report.healthy());
  CHECK(report.messages == 21);
  CHECK(report.objects == 21);
  CHECK(report.accounts == 2);
}

TEST_CASE("A damaged body is named with its message, and the others stay readable", "[store][files]") {
  Filled store;
  REQUIRE(damage(store.directory.path() / "bytes", "Text of 4."));
  const auto report = checked(store.path);
  REQUIRE(report.faults.size() == 1);
  CHECK(report.faults[0].kind == CheckFault::Kind::kContent);
  CHECK_THAT(report.faults[0].text, Catch::Contains("INBOX of ann@a.test, UID 3"));
  const auto inbox = store.inbox();
  const auto snapshot = store.must(store.store->snapshot(inbox));
  CHECK(store.error(store.store->read(inbox, (*snapshot)[2].object)) == ErrorCode::kCorrupt);
  CHECK(*store.must(store.store->read(inbox, (*snapshot)[3].object)) == message("6"));
}

TEST_CASE("A payload file that is gone is named", "[store][files]") {
  Filled store;
  for (const auto& entry : std::filesystem::directory_iterator(store.directory.path() / "bytes/payload"))
    std::filesystem::remove(entry);
  const auto report = checked(store.path);
  REQUIRE(report.faults.size() == 1);
  CHECK_THAT(report.faults[0].text, Catch::Contains("UID 11"));
}

TEST_CASE("Wrong counts are found and counted anew while the store is in use", "[store][files]") {
  Filled store;
  execute(store.path, "UPDATE mailbox SET messages=messages+3,unseen=0,bytes=1,uidnext=1 WHERE name='INBOX'");
  execute(store.path, "UPDATE account SET used_bytes=7");
  execute(store.path, "UPDATE object SET refs=0");
  execute(store.path, "DELETE FROM segment");
  const auto before = checked(store.path);
  CHECK_FALSE(before.healthy());
  for (const auto& fault : before.faults) CHECK(fault.kind == CheckFault::Kind::kCount);
  const auto changed = repair(store.path);
  REQUIRE(changed.has_value());
  CHECK(*changed > 20);
  CHECK(checked(store.path).healthy());
  CHECK(repair(store.path).value() == 0);
  CHECK(store.deliver(message("next")).uid == 12);
  CHECK(store.must(store.store->quota("ann@a.test")).messages == 12);
  CHECK(checked(store.path).healthy());
}

TEST_CASE("A shard that is missing or no database is an index fault", "[store][files]") {
  Filled store;
  store.store.reset();
  std::ofstream(shard_file(store.path, 1), std::ios::trunc) << "this is no database, and long enough to be looked at";
  std::filesystem::remove(shard_file(store.path, 2));
  const auto report = checked(store.path);
  CHECK(report.faults.size() == 2);
  for (const auto& fault : report.faults) CHECK(fault.kind == CheckFault::Kind::kIndex);
  CHECK_FALSE(std::filesystem::exists(shard_file(store.path, 2)));
}

TEST_CASE("What comes behind a backup is in the next, though the time of its file stays the same", "[store][files]") {
  Filled store;
  const Directory place;
  const auto to = (place.path() / "backup").string();
  const auto time = std::filesystem::file_time_type::clock::now() + std::chrono::seconds(10);
  const auto written_at_once = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(store.path + "/bytes"))
      if (entry.path().extension() == ".log") std::filesystem::last_write_time(entry.path(), time);
  };
  written_at_once();
  backed_up(store.path, to);
  store.deliver(message("after"));
  written_at_once();
  backed_up(store.path, to);
  const auto report = checked(to);
  CHECK(report.healthy());
  CHECK(report.messages == 22);
}

TEST_CASE("A shard that a later version has made is neither healthy nor repaired", "[store][files]") {
  Filled store;
  store.store.reset();
  execute(store.path, "PRAGMA user_version=99");
  const auto report = checked(store.path);
  REQUIRE(report.faults.size() == 4);
  CHECK(report.faults[0].kind == CheckFault::Kind::kIndex);
  CHECK(report.faults[0].text.contains("schema version 99"));
  const auto repaired = repair(store.path);
  REQUIRE_FALSE(repaired.has_value());
  CHECK(repaired.error().code == ErrorCode::kUnsupported);
  const auto recovered = recover(store.path, "ann@a.test");
  REQUIRE_FALSE(recovered.has_value());
  CHECK(recovered.error().code == ErrorCode::kUnsupported);
  CHECK(std::filesystem::exists(shard_file(store.path, 0)));
}

TEST_CASE("A backup of a store in use becomes a store with the same messages", "[store][files]") {
  Filled store;
  const Directory place;
  const auto to = (place.path() / "backup").string();
  const auto first = backed_up(store.path, to);
  CHECK(first.copied_files == first.files);
  using std::filesystem::perms;
  CHECK((std::filesystem::status(shard_file(to, 0)).permissions() & perms::others_all) == perms::none);
  store.deliver(message("after"));
  CHECK(checked(to).healthy());
  CHECK(checked(to).messages == 21);

  Fixture restored([&](Options& options) {
    options.directory = (place.path() / "new/store/").string();
    const auto done = restore(to, options.directory, false);
    if (!done) FAIL(done.error().detail);
  });
  CHECK(checked((place.path() / "new/store").string()).healthy());
  auto expected = texts(store);
  expected.pop_back();
  CHECK(texts(restored) == expected);
  CHECK(texts(restored, "bob@a.test").size() == 10);
  const auto old = store.must(store.store->find("ann@a.test", "INBOX")).status;
  const auto now = restored.must(restored.store->find("ann@a.test", "INBOX")).status;
  CHECK(now.uidvalidity > old.uidvalidity);
  CHECK(restored.deliver(message("more")).uid == 12);
}

TEST_CASE("A backup that has lost a file is restored without the messages in it", "[store][files]") {
  Filled store;
  const Directory place;
  const auto to = (place.path() / "backup").string();
  backed_up(store.path, to);
  for (const auto& entry : std::filesystem::directory_iterator(to + "/bytes/payload")) std::filesystem::remove(entry);
  const auto made = (place.path() / "store").string();
  const auto report = restore(to, made, true);
  REQUIRE(report.has_value());
  CHECK(report->missing.size() == 1);
  const auto found = checked(made);
  REQUIRE(found.faults.size() == 1);
  CHECK_THAT(found.faults[0].text, Catch::Contains("UID 11"));
  CHECK(found.messages == 21);
}

TEST_CASE("UIDVALIDITY can be kept", "[store][files]") {
  Filled store;
  const Directory place;
  const auto to = (place.path() / "backup").string();
  backed_up(store.path, to);
  Fixture restored([&](Options& options) {
    options.directory = (place.path() / "store").string();
    REQUIRE(restore(to, options.directory, true).has_value());
  });
  CHECK(restored.must(restored.store->find("ann@a.test", "INBOX")).status.uidvalidity ==
        store.must(store.store->find("ann@a.test", "INBOX")).status.uidvalidity);
}

TEST_CASE("A backup of another store is not written over", "[store][files]") {
  Filled store, other;
  const Directory place;
  const auto to = (place.path() / "backup").string();
  backed_up(store.path, to);
  CHECK_FALSE(backup(other.path, to).has_value());
  backed_up(store.path + "/", to);
  std::filesystem::remove(to + "/backup");  // the operator knows better
  backed_up(other.path, to);
}

TEST_CASE("A second backup copies what is new and drops what is gone", "[store][files]") {
  Filled store;
  const Directory place;
  const auto to = (place.path() / "backup").string();
  backed_up(store.path, to);
  FlagChange deleted;
  deleted.flags = flag::kDeleted;
  const auto inbox = store.inbox();
  store.must(store.store->store_flags(inbox, {{11, 11}}, deleted));  // the large one
  store.must(store.store->expunge(inbox, std::nullopt));
  store.must(store.store->gc());
  store.store.reset();
  store.store = must_open(test_options(store.directory));  // another segment from here on
  store.deliver(message("new"));
  const auto second = backed_up(store.path, to);
  CHECK(second.copied_files < second.files);
  CHECK(std::filesystem::is_empty(to + "/bytes/payload"));
  const auto report = checked(to);
  CHECK(report.healthy());
  CHECK(report.messages == 21);
}

TEST_CASE("Backup and restore leave other directories alone", "[store][files]") {
  Filled store;
  const Directory place;
  const auto other = (place.path() / "other").string();
  std::filesystem::create_directories(other + "/work");
  CHECK(backup(store.path, other).error().code == ErrorCode::kExists);
  CHECK(backup(store.path, store.path).error().code == ErrorCode::kExists);
  CHECK(backup(other, other).error().code == ErrorCode::kIo);
  CHECK_FALSE(restore(other, (place.path() / "new").string(), false).has_value());
  const auto to = (place.path() / "backup").string();
  backed_up(store.path, to);
  CHECK(restore(to, other, false).error().code == ErrorCode::kExists);
  CHECK(restore(to, store.path, false).error().code == ErrorCode::kExists);
}

TEST_CASE("Nothing is collected while somebody reads the store", "[store][files]") {
  Filled store;
  FlagChange deleted;
  deleted.flags = flag::kDeleted;
  const auto inbox = store.inbox();
  store.must(store.store->store_flags(inbox, {{1, 5}}, deleted));
  store.must(store.store->expunge(inbox, std::nullopt));
  {
    const auto lock = UpkeepLock::keep(store.path);
    REQUIRE(lock.has_value());
    CHECK(UpkeepLock::keep(store.path).has_value());
    CHECK(store.must(store.store->gc()).objects_released == 0);
  }
  CHECK(store.must(store.store->gc()).objects_released == 5);
  CHECK(checked(store.path).healthy());
}

TEST_CASE("A lock that root makes belongs to the owner of the store", "[store][files]") {
  if (::geteuid() != 0) return;
  constexpr uid_t kOwner = 12345;
  const Directory place;
  REQUIRE(::chown(place.path().c_str(), kOwner, kOwner) == 0);
  REQUIRE(UpkeepLock::keep(place.path().string()).has_value());
  struct stat lock = {};
  REQUIRE(::stat((place.path() / "collect.lock").c_str(), &lock) == 0);
  CHECK(lock.st_uid == kOwner);
}

TEST_CASE("A store whose shard is missing is not opened, and all its messages come back into one account",
          "[store][files]") {
  Filled store;
  CHECK(recover(store.path, "root@a.test").error().code == ErrorCode::kBusy);
  auto expected = texts(store);
  const auto shard = store.inbox().shard;
  store.store.reset();
  std::filesystem::remove(shard_file(store.path, shard));
  const auto opened = open_store(test_options(store.directory));
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == ErrorCode::kCorrupt);

  const auto report = recover(store.path, "root@a.test");
  REQUIRE(report.has_value());
  CHECK(report->shards == 1);
  CHECK(report->damaged == 0);
  CHECK(report->messages >= expected.size());  // those of bob@a.test too, if they were in the same shard
  const auto again = recover(store.path, "root@a.test");
  REQUIRE(again.has_value());
  CHECK(again->messages == 0);
  CHECK(checked(store.path).healthy());

  store.store = must_open(test_options(store.directory));
  const auto mailbox = store.must(store.store->find("root@a.test", kRecoveredMailbox)).ref;
  const auto snapshot = store.must(store.store->snapshot(mailbox));
  CHECK(snapshot->size() == report->messages);
  std::set<std::string> came;
  for (std::size_t n = 0; n < snapshot->size(); ++n)
    came.insert(*store.must(store.store->read(mailbox, (*snapshot)[n].object)));
  for (const auto& text : expected) CHECK(came.contains(text));
}

TEST_CASE("A damaged shard is set aside and kept", "[store][files]") {
  Filled store;
  const auto shard = store.inbox().shard;
  store.store.reset();
  const auto path = shard_file(store.path, shard);
  std::ofstream(path, std::ios::trunc) << "this is no database, and long enough to be looked at";
  REQUIRE(recover(store.path, "root@a.test").has_value());
  CHECK(std::filesystem::exists(path + ".damaged"));
  CHECK(checked(store.path).healthy());
}
