// What a state file tells a later run, wherever the one before ended.
#include "ctl/transfer/state.h"

#include "ctl/transfer/importer.h"
#include "tests/unit/transfer/helpers.h"

using namespace quartet;
using namespace quartet::transfer;
using namespace quartet::transfer::test;

namespace {

const Folder kFolder{"Work", "/mail/.Work", "", "", false};

Batch batch_of(std::size_t folder, std::uint32_t uidnext, const std::string& key) {
  return {folder, uidnext, {{key + " 1", 10, 1'000'000, "S work"}, {key + "%2", 20, 2'000'000, "-"}}};
}

State must_open(const std::string& path) {
  auto state = State::open(path, "maildir:/a b", kAccount);
  if (!state) FAIL(state.error());
  return *std::move(state);
}

/// A mailbox with messages of these sizes, from that UID on; 0: expunged.
store::SnapshotPtr mailbox_of_sizes(std::uint32_t uid, const std::vector<std::uint32_t>& sizes) {
  auto block = std::make_shared<store::Snapshot::Block>();
  for (const auto size : sizes) {
    if (size != 0) block->push_back({uid, size, 0, 1, 1, std::int64_t{size} * 100'000});
    ++uid;
  }
  store::Snapshot::Head head;
  head.keywords = std::make_shared<const std::vector<std::string>>();
  store::Snapshot::Blocks blocks;
  if (!block->empty()) blocks.push_back(block);
  return std::make_shared<store::Snapshot>(head, blocks);
}

}  // namespace

TEST_CASE("what was done is known to the next run", "[transfer]") {
  const quartet::test::TemporaryDirectory directory;
  const auto path = (directory.path() / "state").string();
  {
    auto state = must_open(path);
    auto* const folder = *state.folder(kFolder, "Into/W rk", 7);
    REQUIRE(state.begin(batch_of(folder->number, 5, "one")));
    REQUIRE(state.settle(5));
    REQUIRE(state.begin(batch_of(folder->number, 7, "two")));
    REQUIRE(state.settle(std::nullopt));
    REQUIRE(state.set_flags(*folder, "one%2", "F a"));
  }
  auto state = must_open(path);
  CHECK_FALSE(state.pending());
  auto* const folder = *state.folder(kFolder, "Into/W rk", 7);
  CHECK(folder->number == 0);
  REQUIRE(folder->known.size() == 2);
  CHECK(folder->known.at("one 1").uid == 5);
  CHECK(folder->known.at("one 1").flags == "S work");
  CHECK(folder->known.at("one%2").uid == 6);
  CHECK(folder->known.at("one%2").flags == "F a");
  // The mailbox was deleted and made anew: nothing that was there is there.
  CHECK((*state.folder(kFolder, "Into/W rk", 8))->known.empty());
  CHECK_FALSE(state.has_other_validity(kFolder));
  Folder anew = kFolder;
  anew.validity = "2";
  CHECK(state.has_other_validity(anew));
}

TEST_CASE("the file may end anywhere", "[transfer]") {
  const quartet::test::TemporaryDirectory directory;
  const auto path = (directory.path() / "state").string();
  {
    auto state = must_open(path);
    auto* const folder = *state.folder(kFolder, "Work", 7);
    REQUIRE(state.begin(batch_of(folder->number, 5, "one")));
    REQUIRE(state.settle(5));
    REQUIRE(state.begin(batch_of(folder->number, 7, "two")));
  }
  const auto whole = read_file(path);
  const auto done = whole.find("\ndone ") + 1;
  const auto second = whole.rfind("batch");
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    INFO(whole.substr(0, size));
    write_file(path, std::string_view(whole).substr(0, size));
    auto state = must_open(path);
    CHECK(state.pending().has_value() == (size == whole.size() || (size >= done && size < done + 7)));
    if (state.pending()) REQUIRE(state.settle(std::nullopt));
    if (size > second) CHECK((*state.folder(kFolder, "Work", 7))->known.size() == 2);
    REQUIRE(state.folder(kFolder, "Work", 7));
    REQUIRE(state.begin(batch_of(0, 9, "three")));
  }
}

TEST_CASE("a file of something else, or one in use", "[transfer]") {
  const quartet::test::TemporaryDirectory directory;
  const auto path = (directory.path() / "state").string();
  {
    const auto state = must_open(path);
    CHECK(State::open(path, "maildir:/a b", kAccount).error().find("another transfer is at work") != std::string::npos);
  }
  CHECK(State::open(path, "maildir:/other", kAccount).error().find("is of another transfer") != std::string::npos);
  write_file(path, read_file(path) + "what\n");
  CHECK(State::open(path, "maildir:/a b", kAccount).error().find(":2: makes no sense: what") != std::string::npos);
  CHECK_FALSE(State::open((directory.path() / "no/such").string(), "x", kAccount));
}

TEST_CASE("a file of something else is not touched", "[transfer]") {
  const quartet::test::TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  for (const auto* text : {"no line end", "From a@a.test Tue Nov 14 22:13:31 2023\nSubject: 1\n\nhalf a line"}) {
    write_file(path, text);
    const auto state = State::open(path.string(), "maildir:/a", kAccount);
    REQUIRE_FALSE(state);
    CHECK(state.error().find("no file that --resume") != std::string::npos);
    CHECK(read_file(path) == text);
  }
  write_file(path, "quartet-trans");  // a crash at the first line
  CHECK(State::open(path.string(), "maildir:/a", kAccount));
}

TEST_CASE("a batch is found in the mailbox whatever came or went around it", "[transfer]") {
  const auto batch = batch_of(0, 5, "x");  // sizes 10 and 20
  const auto [first, sizes, found] =
      GENERATE(table<std::uint32_t, std::vector<std::uint32_t>, std::optional<std::uint32_t>>({
          {5, {10, 20}, 5},
          {5, {30, 10, 20, 30}, 6},
          {5, {10, 10, 20}, 6},
          {5, {10, 0}, 5},  // one was expunged
          {5, {0, 20}, 5},
          {5, {}, std::nullopt},
          {5, {30, 40}, std::nullopt},
          {5, {20, 10}, 6},             // the rest of it was expunged, and more after it
          {3, {10, 20}, std::nullopt},  // was there before
          {5, {10, 30}, std::nullopt},
      }));
  CHECK(find_batch(*mailbox_of_sizes(first, sizes), batch) == found);
}
