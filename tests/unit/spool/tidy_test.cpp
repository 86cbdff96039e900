// The log stays short: dead segments are freed, mostly dead ones copied forward, and what lives stays readable.
#include <algorithm>

#include "common/spool/names.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;

namespace {

std::size_t payload_files(const std::filesystem::path& directory) {
  return journal::list_payload_files(directory).size();
}

void deliver(Spool& spool, const std::vector<Claim>& claims, std::size_t keep_every) {
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < claims.size(); ++i)
    outcomes.push_back(i % keep_every == 0 ? deferral_of(claims[i], wall_now() + std::chrono::hours(1))
                                           : outcome_of(claims[i], Result::kDelivered));
  REQUIRE(record(spool, std::move(outcomes)));
}

/// How many files of the directory are gone and still open here.
std::size_t open_although_removed(const std::filesystem::path& directory) {
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.starts_with(directory.string()) && target.ends_with(" (deleted)")) ++found;
  }
  return found;
}

/// Two checkpoints are kept, so what they hold is free after the second.
void tidy_twice(Spool& spool) {
  REQUIRE(spool.tidy());
  REQUIRE(spool.tidy());
}

}  // namespace

TEST_CASE("delivered mail leaves nothing behind", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  for (int i = 0; i < 200; ++i)
    enqueue(*spool, message_to({"a@b.test"}, std::string(i % 20 == 0 ? 20'000 : 3'000, 'x')));
  const auto full = spool->stats().segments;
  CHECK(full >= 9);
  CHECK(payload_files(directory.path()) == 10);
  std::vector<Outcome> outcomes;
  for (const auto& claim : claim_all(*spool)) outcomes.push_back(outcome_of(claim, Result::kDelivered));
  REQUIRE(record(*spool, std::move(outcomes)));
  tidy_twice(*spool);
  CHECK(spool->stats().segments <= 2);
  CHECK(spool->stats().live_bytes == 0);
  CHECK(payload_files(directory.path()) == 0);
  const auto created = spool->stats().log.created;
  for (int i = 0; i < 60; ++i) enqueue(*spool, message_to({"a@b.test"}, std::string(3'000, 'x')));
  CHECK(spool->stats().log.recycled > 0);
  CHECK(spool->stats().log.created <= created + 2);
}

TEST_CASE("segments that were given back are not kept open", "[spool]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.body_cache = 0;
  auto spool = open_spool(std::move(options));
  for (int i = 0; i < 200; ++i) enqueue(*spool, message_to({"a@b.test"}, std::string(3'000, 'x')));
  std::vector<Outcome> outcomes;
  for (const auto& claim : claim_all(*spool)) {
    CHECK(body_of(*spool, claim.message->id).size() == 3'000);
    outcomes.push_back(outcome_of(claim, Result::kDelivered));
  }
  REQUIRE(record(*spool, std::move(outcomes)));
  tidy_twice(*spool);
  CHECK(spool->stats().segments <= 2);
  CHECK(open_although_removed(directory.path()) == 0);
}

TEST_CASE("a few survivors do not keep the log", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  std::vector<MessageId> ids;
  for (int i = 0; i < 400; ++i)
    ids.push_back(enqueue(*spool, message_to({"a@b.test"}, std::string(i % 40 == 0 ? 20'000 : 3'000, 'x'))));
  deliver(*spool, claim_all(*spool), 40);
  const auto before = picture(*spool);
  CHECK(before.size() == 10);
  const auto full = spool->stats().segments;
  // Compaction takes some segments a round and frees them with the checkpoints that follow.
  REQUIRE(before_long([&] { return spool->tidy() && spool->stats().segments <= 4; }));
  CHECK(spool->stats().segments < full);
  CHECK(spool->stats().compacted_bytes > 0);
  CHECK(picture(*spool) == before);
  CHECK(payload_files(directory.path()) == 10);
  const CrashCopy copy(directory.path());
  auto reopened = open_spool(copy.path());
  CHECK(picture(*reopened) == before);
  CHECK(reopened->open_report().damage.empty());
  for (const auto id : ids)
    if (reopened->find(id)) CHECK(body_of(*reopened, id) == std::string(20'000, 'x'));
}

TEST_CASE("other writers' segments are freed by the owner", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  HandOffOptions options;
  options.directory = directory.path();
  options.segment_size = 64u << 10;
  auto hand_off = HandOff::open(std::move(options));
  REQUIRE(hand_off.has_value());
  const auto segments_of_others = [&] {
    std::size_t count = 0;
    for (const auto& segment : *journal::list_segments(directory.path())) count += journal::writer_of(segment.id) != 0;
    return count;
  };
  MessageId kept;
  for (int i = 0; i < 100; ++i) {
    const auto id = enqueue(**hand_off, message_to({"a@b.test"}, std::string(3'000, 'x')));
    if (i == 0) kept = id;
  }
  REQUIRE(before_long([&] { return spool->stats().handed_over == 100; }));
  CHECK(segments_of_others() >= 5);
  std::vector<Outcome> outcomes;
  for (const auto& claim : claim_all(*spool))
    if (claim.message->id != kept) outcomes.push_back(outcome_of(claim, Result::kDelivered));
  REQUIRE(record(*spool, std::move(outcomes)));
  REQUIRE(before_long([&] { return spool->tidy() && segments_of_others() <= 1; }));
  CHECK(body_of(*spool, kept) == std::string(3'000, 'x'));
  const auto more = enqueue(**hand_off, message_to({"c@d.test"}, "more"));
  REQUIRE(before_long([&] { return spool->find(more) != nullptr; }));
  const auto before = picture(*spool);
  const CrashCopy copy(directory.path());
  auto reopened = open_spool(copy.path());
  CHECK(picture(*reopened) == before);
  CHECK(body_of(*reopened, kept) == std::string(3'000, 'x'));
}

TEST_CASE("what other writers put in counts for checkpoints, or their segments would stay", "[spool]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.checkpoint_every = 100'000;
  auto spool = open_spool(std::move(options));
  HandOffOptions others;
  others.directory = directory.path();
  others.segment_size = 64u << 10;
  auto hand_off = HandOff::open(std::move(others));
  REQUIRE(hand_off.has_value());
  constexpr unsigned kRounds = 3, kEach = 60;
  for (unsigned round = 1; round <= kRounds; ++round) {
    for (unsigned i = 0; i < kEach; ++i) enqueue(**hand_off, message_to({"a@b.test"}, std::string(3'000, 'x')));
    REQUIRE(before_long([&] { return spool->stats().handed_over == round * kEach; }));
    std::vector<Outcome> outcomes;
    for (const auto& claim : claim_all(*spool)) outcomes.push_back(outcome_of(claim, Result::kDelivered));
    REQUIRE(record(*spool, std::move(outcomes)));
    REQUIRE(before_long([&] { return spool->stats().checkpoints >= round; }));
  }
  CHECK(before_long([&] {
    const auto segments = journal::list_segments(directory.path());
    return std::ranges::count_if(*segments, [](const auto& one) { return journal::writer_of(one.id) != 0; }) <= 6;
  }));
}

TEST_CASE("bodies beyond the cache are read from the log", "[spool]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.body_cache = 10'000;
  auto spool = open_spool(std::move(options));
  std::vector<MessageId> ids;
  for (int i = 0; i < 20; ++i)
    ids.push_back(enqueue(*spool, message_to({"a@b.test"}, std::string(2'000, static_cast<char>('a' + i)))));
  CHECK(spool->stats().cached_bytes <= 10'000);
  CHECK_FALSE(spool->cached_body(ids[0]));
  for (int i = 0; i < 20; ++i)
    CHECK(body_of(*spool, ids[static_cast<std::size_t>(i)]) == std::string(2'000, static_cast<char>('a' + i)));
  CHECK(spool->cached_body(ids[19]));
}
