// A queue opened again after a crash at any byte and after any history is the queue that was.
#include <algorithm>
#include <fstream>
#include <random>
#include <set>

#include "common/journal/segments.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

namespace {

struct End {
  std::filesystem::path file;
  std::uint32_t offset = 0;
};

/// Where the owner's log ends.
End end_of_log(const std::filesystem::path& directory) {
  const auto segments = journal::segments_of(directory, 0);
  REQUIRE(segments.has_value());
  REQUIRE_FALSE(segments->empty());
  journal::ReplayReport report;
  REQUIRE(journal::scan_segment(directory, segments->back(), 0, std::nullopt, {}, report));
  return {directory / journal::segment_name(segments->back().id), report.end.offset};
}

/// As a write that was cut short: zeros, or nothing, from `offset` on.
void cut(const std::filesystem::path& file, std::uint32_t offset, bool shorter) {
  const auto size = std::filesystem::file_size(file);
  std::filesystem::resize_file(file, offset);
  if (!shorter) std::filesystem::resize_file(file, size);
}

}  // namespace

TEST_CASE("a log cut at any byte of its last record is the queue before it", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test", "c@d.test"}));
  const auto claims = claim_all(*spool);
  const bool last_is_message = GENERATE(true, false);
  const auto before = picture(*spool);
  const auto from = end_of_log(directory.path()).offset;
  if (last_is_message) {
    enqueue(*spool, message_to({"e@f.test"}, "short"));
  } else {
    REQUIRE(record(*spool, {outcome_of(claims[0], Result::kDelivered), deferral_of(claims[1], wall_now() + hours(1))}));
  }
  const auto after = picture(*spool);
  const auto end = end_of_log(directory.path());
  const CrashCopy whole(directory.path());
  REQUIRE(end.offset > from);
  for (auto offset = from; offset <= end.offset; ++offset) {
    const CrashCopy copy(whole.path());
    cut(copy.path() / end.file.filename(), offset, offset % 2 == 0);
    INFO("cut at " << offset << " of " << from << " to " << end.offset);
    const auto checked = check(copy.path());
    REQUIRE(checked.has_value());
    CHECK(checked->healthy());
    const auto reopened = open_spool(copy.path());
    CHECK(reopened->open_report().damage.empty());
    // The last bytes are padding: without them the record may still be whole.
    const auto now = picture(*reopened);
    if (offset + 8 <= end.offset) {
      CHECK(now == before);
    } else {
      CHECK((now == before || now == after));
    }
    if (offset == end.offset) CHECK(now == after);
  }
}

namespace {

/// Active recipients that are to be held or dropped when they come back.
struct Pending {
  std::set<RecipientId> held, dropped;
};

/// The picture with what is pending done, as a start does it.
std::vector<std::string> picture_after_crash(const Spool& spool, const Pending& pending) {
  auto lines = picture(spool);
  const auto line_of = [&lines](const RecipientId& id) {
    const auto name = id.message.to_string() + "." + std::to_string(id.ordinal) + " ";
    return std::ranges::find_if(lines, [&](const auto& line) { return line.starts_with(name); });
  };
  for (const auto& id : pending.held) {
    auto& line = *line_of(id);
    line[line.find(" state ") + 7] = '3';
  }
  for (const auto& id : pending.dropped) lines.erase(line_of(id));
  return lines;
}

/// What a change of active recipients leaves pending; those that have come back are forgotten.
void note_pending(const Spool& spool, Filter filter, Verb verb, Pending& pending) {
  std::set<RecipientId> active;
  Filter all;
  all.states = filter.states = {State::kActive};
  for (const auto& id : spool.matching(all)) active.insert(id);
  for (auto* ids : {&pending.held, &pending.dropped})
    std::erase_if(*ids, [&](const RecipientId& id) { return !active.contains(id); });
  spool.visit(filter, [&](const Entry& entry) {
    if (verb == Verb::kHold) pending.held.insert(entry.id);
    if (verb == Verb::kDrop) pending.dropped.insert(entry.id);
    if (verb == Verb::kBounce && !entry.bounce) pending.held.erase(entry.id);
    return true;
  });
}

}  // namespace

TEST_CASE("any history of a queue replays to the same queue", "[spool]") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
  std::mt19937 random(seed);
  const auto below = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  std::vector<Claim> active;
  std::vector<MessageId> all;
  Pending pending;
  for (int step = 0; step < 600; ++step) {
    note_pending(*spool, {}, Verb::kRetry, pending);
    switch (below(12)) {
      case 0:
      case 1:
      case 2: {
        std::vector<std::string> addresses;
        for (auto n = below(4) + 1; n > 0; --n)
          addresses.push_back("r" + std::to_string(below(1000)) + "@d" + std::to_string(below(5)) + ".test");
        auto message = message_to(std::move(addresses), std::string(below(10) == 0 ? 20'000 : below(3'000), 'b'));
        message.held = below(10) == 0;
        all.push_back(enqueue(*spool, std::move(message)));
        break;
      }
      case 3:
      case 4:
        for (auto& claim : claim_all(*spool, below(6))) active.push_back(std::move(claim));
        break;
      case 5:
      case 6:
      case 7: {
        std::vector<Outcome> outcomes;
        std::vector<NewMessage> notices;
        for (auto n = below(5); n > 0 && !active.empty(); --n) {
          const auto claim = std::move(active.back());
          active.pop_back();
          const auto kind = below(4);
          if (kind == 0)
            outcomes.push_back(deferral_of(claim, wall_now() + hours(below(9)), "reason " + std::to_string(step)));
          if (kind == 1) outcomes.push_back(outcome_of(claim, Result::kDelivered));
          if (kind == 2) outcomes.push_back(outcome_of(claim, Result::kHeld));
          if (kind == 3) {
            outcomes.push_back(outcome_of(claim, Result::kBounced));
            if (notices.empty()) notices.push_back(message_to({"s@a.test"}, "notice", ""));
          }
        }
        REQUIRE(record(*spool, std::move(outcomes), std::move(notices)));
        break;
      }
      case 8: {
        Filter filter;
        filter.recipient_domains = {"d" + std::to_string(below(5)) + ".test"};
        const auto verb = below(10);
        const bool gives_up = verb == 5 || verb == 9;
        const bool seldom = (verb == 4 || gives_up) && below(4) == 0;
        if (verb == 0) note_pending(*spool, filter, Verb::kHold, pending);
        if (seldom) note_pending(*spool, filter, verb == 4 ? Verb::kDrop : Verb::kBounce, pending);
        if (verb == 0) spool->hold(filter, "held at " + std::to_string(step));
        if (verb == 1) spool->release(filter);
        if (verb == 2) spool->retry_now(filter);
        if (verb == 3) spool->reschedule(filter, wall_now() + hours(below(50)));
        if (verb == 4 && seldom) spool->drop(filter);
        if (verb == 7) spool->change(filter, {.verb = Verb::kPriority, .priority = static_cast<std::int8_t>(below(9))});
        if (verb == 8) spool->change(filter, {.verb = Verb::kTls, .tls = static_cast<TlsWish>(below(3))});
        if (verb == 9 && seldom) spool->change(filter, {.verb = Verb::kExpire, .held_too = true});
        if (verb == 5 && seldom)
          spool->change(filter, {.verb = Verb::kBounce, .reply = {550, "5.7.1", "at " + std::to_string(step), ""}});
        if (verb == 6)
          spool->change(filter, {.verb = Verb::kReroute, .next_hop = below(2) == 0 ? "" : "h" + std::to_string(step)});
        break;
      }
      case 9:
        if (below(4) == 0) REQUIRE(spool->tidy());
        break;
      case 10:
        if (!active.empty()) {
          const std::vector<RecipientId> back{active.back().id()};
          active.pop_back();
          spool->unclaim(back, wall_now());
          // The time given with an unclaim is not in the log; make it so for the comparison.
          Filter filter;
          filter.recipient_ids = back;
          spool->reschedule(filter, wall_now() + hours(1));
        }
        break;
      case 11:
        if (below(8) == 0) {
          REQUIRE(sync(*spool));
          const auto before = picture_after_crash(*spool, pending);
          const CrashCopy copy(directory.path());
          INFO("seed " << seed << ", step " << step);
          const auto checked = check(copy.path());
          REQUIRE(checked.has_value());
          CHECK(checked->healthy());
          CHECK(checked->recipients == spool->count({}));  // those to be dropped are until the next start
          auto reopened = open_spool(copy.path());
          REQUIRE(picture(*reopened) == before);
          CHECK(reopened->open_report().damage.empty());
          if (pending.dropped.empty()) CHECK(reopened->counts().body_bytes == spool->counts().body_bytes);
          for (const auto id : all)
            if (reopened->find(id)) CHECK_FALSE(body_of(*reopened, id).starts_with("error"));
        }
        break;
    }
  }
  REQUIRE(sync(*spool));
  note_pending(*spool, {}, Verb::kRetry, pending);
  const auto before = picture_after_crash(*spool, pending);
  spool.reset();
  spool = open_spool(directory.path());
  CHECK(picture(*spool) == before);
  CHECK(spool->open_report().replayed_records == 0);
}

TEST_CASE("a damaged checkpoint is put aside; the one before and the log give the same queue", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  for (int i = 0; i < 10; ++i) enqueue(*spool, message_to({"a@b.test"}));
  REQUIRE(spool->tidy());
  for (int i = 0; i < 10; ++i) enqueue(*spool, message_to({"c@d.test"}));
  REQUIRE(spool->tidy());
  enqueue(*spool, message_to({"e@f.test"}));
  const auto before = picture(*spool);
  const CrashCopy copy(directory.path());
  const bool both = GENERATE(false, true);
  for (const auto* name : {"checkpoint", "checkpoint.old"}) {
    std::fstream file(copy.path() / name, std::ios::in | std::ios::out | std::ios::binary);
    REQUIRE(file);
    file.seekp(20);
    file.put('!');
    if (!both) break;
  }
  const auto checked = check(copy.path());
  REQUIRE(checked.has_value());
  CHECK_FALSE(checked->healthy());
  CHECK(checked->checkpoint_found);
  CHECK_FALSE(checked->checkpoint_valid);
  CHECK(checked->recipients == before.size());
  auto reopened = open_spool(copy.path());
  CHECK(picture(*reopened) == before);
  CHECK(reopened->open_report().damage.size() == (both ? 2 : 1));
  CHECK(reopened->open_report().checkpoint_used == !both);
  REQUIRE(reopened->tidy());
  reopened.reset();
  CHECK(check(copy.path())->healthy());
}

TEST_CASE("a message whose body is damaged is kept on hold and told of", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test"}, "first"));
  const auto hurt = enqueue(*spool, message_to({"c@d.test"}, std::string(30'000, 'x')));  // in a file of its own
  enqueue(*spool, message_to({"e@f.test"}, "third"));
  const CrashCopy copy(directory.path());
  for (const auto& entry : std::filesystem::directory_iterator(copy.path() / "payload"))
    std::filesystem::remove(entry.path());
  const auto checked = check(copy.path());
  REQUIRE(checked.has_value());
  CHECK(checked->unreadable_bodies == std::vector{hurt});
  CHECK(checked->messages == 3);
  auto reopened = open_spool(copy.path());
  CHECK(reopened->open_report().lost_bodies == 1);
  const auto entries = reopened->recipients(hurt);
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].state == State::kHeld);
  CHECK(claim_all(*reopened).size() == 2);
}

TEST_CASE("a segment that is gone or empty is told of", "[spool]") {
  const TemporaryDirectory directory;
  const auto spool = open_spool(directory.path());
  for (int i = 0; i < 20; ++i) enqueue(*spool, message_to({"a@b.test"}, std::string(10'000, 'x')));
  const CrashCopy copy(directory.path());
  const auto segments = journal::segments_of(copy.path(), 0);
  REQUIRE(segments.has_value());
  REQUIRE(segments->size() >= 3);
  const auto id = (*segments)[1].id;
  const bool gone = GENERATE(true, false);
  const auto file = copy.path() / journal::segment_name(id);
  if (gone) {
    std::filesystem::remove(file);
  } else {
    std::filesystem::resize_file(file, 0);
  }
  const auto checked = check(copy.path());
  REQUIRE(checked.has_value());
  CHECK_FALSE(checked->healthy());
  const auto reopened = open_spool(copy.path());
  REQUIRE_FALSE(reopened->open_report().damage.empty());
  CHECK(reopened->open_report().damage.front().segment == id);
  CHECK(reopened->open_report().messages < 20);
}

TEST_CASE("check() of a spool in use, of an empty one and of none", "[spool]") {
  const TemporaryDirectory directory;
  CHECK_FALSE(check(directory.path() / "none").has_value());
  const auto empty = check(directory.path());
  REQUIRE(empty.has_value());
  CHECK(empty->healthy());
  CHECK_FALSE(empty->in_use);
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test", "c@d.test"}));
  const auto used = check(directory.path());
  REQUIRE(used.has_value());
  CHECK(used->in_use);
  CHECK(used->healthy());
  CHECK(used->messages == 1);
  CHECK(used->recipients == 2);
  CHECK(used->records == 2);
  spool.reset();
  const auto closed = check(directory.path());
  REQUIRE(closed.has_value());
  CHECK_FALSE(closed->in_use);
  CHECK(closed->checkpoint_valid);
  CHECK(closed->messages == 1);
}
