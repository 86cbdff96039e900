// Garbage collection keeps the disk in use near what lives, and gives every message the bytes it had.
#include "common/journal/journal.h"
#include "common/store/check.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

std::string long_message(int number) { return message(std::to_string(number)) + std::string(10'000, 'x'); }

struct Churn : Fixture {
  /// As an agent that was started anew: what was the newest segment can be collected from then on.
  void restart() {
    store.reset();
    store = must_open(test_options(directory));
    deliver(message("after a start"), "other@a.test");
  }

  void expunge(const UidSet& uids) {
    FlagChange deleted;
    deleted.flags = flag::kDeleted;
    must(store->store_flags(inbox(), uids, deleted));
    must(store->expunge(inbox(), std::nullopt));
  }

  std::uint64_t disk_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& segment : *journal::list_segments(directory.path() / "bytes")) sum += segment.disk_bytes;
    return sum;
  }

  bool healthy() const { return check(directory.path().string())->healthy(); }
};

}  // namespace

TEST_CASE("What lives in a segment that is mostly dead moves, and the segment goes", "[store][files]") {
  Churn store;
  for (int n = 1; n <= 100; ++n) store.deliver(long_message(n));
  store.deliver(message("large") + std::string(400'000, 'x'));
  const auto inbox = store.inbox();
  store.must(store.store->copy(inbox, {{100, 100}}, inbox));  // two messages with one body: UIDs 100 and 102
  store.restart();
  store.expunge({{1, 90}});
  const auto before = store.disk_bytes();
  CHECK(store.must(store.store->gc()).segments_removed == 0);  // emptied; readers may still be on their way to it
  CHECK(store.healthy());
  CHECK(store.must(store.store->gc()).segments_removed == 1);
  CHECK(store.disk_bytes() < before);
  CHECK(store.must(store.store->gc()).segments_removed == 0);
  CHECK(store.healthy());
  const auto snapshot = store.must(store.store->snapshot(inbox));
  REQUIRE(snapshot->size() == 12);
  for (std::size_t n = 0; n < 10; ++n)
    CHECK(*store.must(store.store->read(inbox, (*snapshot)[n].object)) == long_message(91 + static_cast<int>(n)));
  CHECK(store.must(store.store->read(inbox, (*snapshot)[10].object))->size() > 400'000);
  CHECK(*store.must(store.store->read(inbox, (*snapshot)[11].object)) == long_message(100));
}

TEST_CASE("A segment that mostly lives stays as it is", "[store][files]") {
  Churn store;
  for (int n = 1; n <= 100; ++n) store.deliver(long_message(n));
  store.restart();
  store.expunge({{1, 20}});
  CHECK(store.must(store.store->gc()).objects_released == 20);
  CHECK(store.must(store.store->gc()).segments_removed == 0);
}

TEST_CASE("Under churn with two processes' stores the disk in use stays bounded", "[store][files]") {
  Churn store;
  const auto inbox = store.inbox();
  std::uint32_t first = 1;
  for (int round = 0; round < 12; ++round) {
    for (int n = 0; n < 100; ++n) store.deliver(long_message(n));
    const auto other =
        must_open(test_options(store.directory));  // as imapd beside mda: another writer, which collects too
    const auto last = store.must(store.store->status(inbox)).uidnext - 1;
    store.expunge({{first, last - 10}});
    first = last - 9;
    store.must(other->gc());
    store.restart();
    store.must(store.store->gc());
    store.must(store.store->gc());
  }
  CHECK(store.healthy());
  // 12 rounds of 1 MB; 10 messages and the segment in use are left.
  CHECK(store.must(store.store->status(inbox)).messages == 10);
  CHECK(check(store.directory.path().string())->unreferenced_bytes < 3'000'000);
}
