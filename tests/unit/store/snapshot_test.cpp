#include "common/store/snapshot.h"

#include "helpers.h"

using namespace quartet::store;

namespace {

SnapshotPtr make(std::vector<std::uint32_t> uids, std::size_t per_block, std::uint64_t modseq = 1) {
  Snapshot::Head head;
  head.highest_modseq = modseq;
  head.keywords = std::make_shared<const std::vector<std::string>>();
  Snapshot::Blocks blocks;
  for (std::size_t n = 0; n < uids.size(); n += per_block) {
    auto block = std::make_shared<Snapshot::Block>();
    for (std::size_t i = n; i < std::min(uids.size(), n + per_block); ++i) {
      Entry entry;
      entry.uid = uids[i];
      entry.modseq = modseq;
      block->push_back(entry);
    }
    blocks.push_back(std::move(block));
  }
  return std::make_shared<const Snapshot>(head, std::move(blocks));
}

}  // namespace

TEST_CASE("positions and UIDs find each other across blocks", "[store]") {
  const auto snapshot = make({2, 3, 5, 8, 13, 21, 34}, GENERATE(1u, 2u, 3u, 100u));
  CHECK(snapshot->size() == 7);
  CHECK((*snapshot)[4].uid == 13);
  CHECK(snapshot->find(21) == 5u);
  CHECK_FALSE(snapshot->find(20));
  CHECK(snapshot->lower_bound(1) == 0);
  CHECK(snapshot->lower_bound(9) == 4);
  CHECK(snapshot->lower_bound(35) == 7);
  CHECK(make({}, 1)->empty());
}

TEST_CASE("two views differ in what was expunged, changed and added", "[store]") {
  const auto older = make({1, 2, 3, 4, 5}, 2);
  const auto newer = make({1, 3, 4, 6, 7}, 3, 2);
  const SnapshotDelta delta = compare(*older, *newer);
  CHECK(delta.expunged == std::vector<std::size_t>{1, 4});
  CHECK(delta.changed == std::vector<std::size_t>{0, 1, 2});
  CHECK(delta.first_new == 3);
  const SnapshotDelta none = compare(*older, *older);
  CHECK(none.expunged.empty());
  CHECK(none.changed.empty());
  CHECK(none.first_new == 5);
  CHECK(compare(*older, *make({}, 1)).expunged.size() == 5);
  CHECK(compare(*make({}, 1), *older).first_new == 0);
}

TEST_CASE("a session that may not hear of expunges keeps its positions", "[store]") {
  const auto older = make({1, 2, 3, 4, 5}, 2);
  for (const auto& uids : {std::vector<std::uint32_t>{2, 4, 6}, {6, 7}, {}, {1, 2, 3, 4, 5, 6}, {5}}) {
    const auto newer = make(uids, 2, 2);
    const auto view = keep_expunged(*older, newer);
    REQUIRE(view->size() >= 5);
    for (std::size_t n = 0; n < 5; ++n) CHECK((*view)[n].uid == (*older)[n].uid);
    // Flags come from the newer one where it has the message.
    for (const std::uint32_t uid : uids) CHECK((*view)[*view->find(uid)].modseq == 2);
    CHECK(view->highest_modseq() == 2);
    // When expunges may be told at last, what remains is exactly the newer one.
    CHECK(compare(*view, *newer).expunged.size() == view->size() - newer->size());
    CHECK(compare(*view, *newer).changed.empty());
  }
}
