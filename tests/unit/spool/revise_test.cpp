// What operators change of a message as a whole, and what they do to its time.
#include "common/spool/handling.h"
#include "common/spool/replay.h"
#include "refusing_disk.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

namespace {

Order priority(int to) { return {.verb = Verb::kPriority, .priority = static_cast<std::int8_t>(to)}; }
Order tls(TlsWish wish) { return {.verb = Verb::kTls, .tls = wish}; }

Entry entry_of(const Spool& spool, const std::string& address) {
  Filter filter;
  filter.recipient = address;
  const auto page = spool.list(filter, 10);
  REQUIRE(page.has_value());
  REQUIRE(page->entries.size() == 1);
  return page->entries[0];
}

}  // namespace

TEST_CASE("the priority of a message changes for all its recipients, and survives a crash and a checkpoint",
          "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto id = enqueue(*spool, later({"a@b.test", "b@b.test", "c@c.test"}));
  Filter one;
  one.recipient = "a@b.test";
  CHECK(spool->foresee(one, priority(5)).changed == 1);
  CHECK(spool->change(one, priority(5)).changed == 1);
  CHECK(spool->find(id)->envelope.priority == 5);
  // Those that did not match have it, too: they are as wished.
  CHECK(spool->change({}, priority(5)).skipped == 3);
  CHECK(spool->change({}, priority(-9)).changed == 3);
  REQUIRE(sync(*spool));
  const auto before = picture(*spool);
  {
    const CrashCopy copy(directory.path());
    auto again = open_spool(copy.path());
    CHECK(picture(*again) == before);
    CHECK(again->find(id)->envelope.priority == -9);
    CHECK(again->open_report().damage.empty());
  }
  REQUIRE(spool->tidy());
  spool.reset();
  spool = open_spool(directory.path());
  CHECK(picture(*spool) == before);
  CHECK_FALSE(body_of(*spool, id).starts_with("error"));
}

TEST_CASE("recipients under delivery count as pending, and get the new priority with their next attempt", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test", "b@b.test"}));
  const auto claims = spool->claim_due(wall_now(), 1);
  REQUIRE(claims.size() == 1);
  const auto foreseen = spool->foresee({}, priority(7));
  CHECK(foreseen.changed == 1);
  CHECK(foreseen.pending == 1);
  const auto affected = spool->change({}, priority(7));
  CHECK(affected.changed == 1);
  CHECK(affected.pending == 1);
  CHECK(claims[0].message->envelope.priority == 0);
  REQUIRE(record(*spool, {deferral_of(claims[0], wall_now())}));
  for (const auto& claim : claim_all(*spool)) CHECK(claim.message->envelope.priority == 7);
}

TEST_CASE("what the sender asked of TLS comes back with the default", "[spool]") {
  Envelope envelope;
  const auto asked = GENERATE(TlsWish::kDefault, TlsWish::kRequired, TlsWish::kOptional);
  envelope.attributes.emplace_back("other", "x");
  envelope.require_tls = asked == TlsWish::kRequired;
  if (asked == TlsWish::kOptional) set_tls_optional(envelope);
  const auto before = envelope;
  CHECK_FALSE(set_tls_wish(envelope, TlsWish::kDefault));
  CHECK(set_tls_wish(envelope, TlsWish::kRequired) == (asked != TlsWish::kRequired));
  CHECK(envelope.require_tls);
  CHECK_FALSE(tls_optional(envelope));
  CHECK(set_tls_wish(envelope, TlsWish::kOptional));
  CHECK_FALSE(envelope.require_tls);
  CHECK(tls_optional(envelope));
  CHECK_FALSE(set_tls_wish(envelope, TlsWish::kOptional));
  CHECK(set_tls_wish(envelope, TlsWish::kDefault) == (asked != TlsWish::kOptional));
  CHECK(envelope.require_tls == before.require_tls);
  CHECK(envelope.attributes == before.attributes);
}

TEST_CASE("the wish for TLS is in the message that is claimed next", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test"}));
  CHECK(spool->change({}, tls(TlsWish::kRequired)).changed == 1);
  CHECK(spool->change({}, tls(TlsWish::kRequired)).skipped == 1);
  const auto claims = claim_all(*spool);
  REQUIRE(claims.size() == 1);
  CHECK(claims[0].message->envelope.require_tls);
}

TEST_CASE("a message whose every recipient matches is changed once, however many there are", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  std::vector<std::string> many;
  for (int i = 0; i < 1'200; ++i) many.push_back("r" + std::to_string(i) + "@b.test");
  enqueue(*spool, later(many));
  enqueue(*spool, later({"x@c.test"}));
  CHECK(spool->change({}, priority(3)).changed == 1'201);
}

TEST_CASE("a disk that refuses a change of the message gets it later, as it is by then", "[spool]") {
  const TemporaryDirectory directory;
  RefusingDisk disk;
  auto spool = open_spool(disk.options_for(directory.path()));
  const auto id = enqueue(*spool, later({"a@b.test"}));
  disk.broken = true;
  spool->change({}, priority(4));
  REQUIRE(before_long([&] { return spool->stats().retried_records != 0; }));
  spool->change({}, priority(6));
  disk.broken = false;
  REQUIRE(before_long([&] { return spool->stats().retried_records == 0; }));
  REQUIRE(sync(*spool));
  const CrashCopy copy(directory.path());
  CHECK(open_spool(copy.path())->find(id)->envelope.priority == 6);
}

TEST_CASE("times are set, and shifted from what they are", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, later({"a@b.test"}));
  const auto before = entry_of(*spool, "a@b.test").next_attempt;
  CHECK(spool->change({}, {.verb = Verb::kReschedule, .later = hours(-3)}).changed == 1);
  CHECK(entry_of(*spool, "a@b.test").next_attempt == before - hours(3));
  const auto due = wall_now() + hours(48);
  CHECK(spool->change({}, {.verb = Verb::kReschedule, .due = due}).changed == 1);
  CHECK(entry_of(*spool, "a@b.test").next_attempt == due);
  CHECK(spool->claim_due(wall_now() + hours(47), 10).empty());
}

TEST_CASE("what is expired keeps the last reply with the status of lost time", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test", "b@b.test", "c@b.test"}));
  auto claims = spool->claim_due(wall_now(), 2);
  REQUIRE(claims.size() == 2);
  REQUIRE(record(*spool, {deferral_of(claims[0], wall_now() + hours(1))}));
  Filter third;
  third.recipient = "c@b.test";
  spool->hold(third);
  Order expire{.verb = Verb::kExpire, .reason = "enough"};
  CHECK(spool->foresee({}, expire).skipped == 1);
  auto affected = spool->change({}, expire);  // one waits, one is active, one is held
  CHECK(affected.changed == 1);
  CHECK(affected.pending == 1);
  CHECK(affected.skipped == 1);
  expire.held_too = true;
  CHECK(spool->change(third, expire).changed == 1);
  CHECK(entry_of(*spool, "a@b.test").last == Reply{451, "4.4.7", "try later", "mx.b.test"});
  CHECK(entry_of(*spool, "c@b.test").last.enhanced == "4.4.7");
  // The active one meets something new, and that is what there is to say.
  REQUIRE(record(*spool, {deferral_of(claims[1], wall_now() + hours(1), "still later")}));
  CHECK(entry_of(*spool, "b@b.test").last == Reply{451, "4.4.7", "still later", "mx.b.test"});
  REQUIRE(sync(*spool));
  const CrashCopy copy(directory.path());
  const auto again = open_spool(copy.path())->claim_due(wall_now(), 10);
  REQUIRE(again.size() == 3);
  for (const auto& claim : again) {
    CHECK(claim.bounce);
    CHECK(is_expiry(claim.last));
  }
}

TEST_CASE("a record of an envelope adds the recipients that are new, once", "[spool]") {
  Index index;
  journal::Liveness live;
  Replay replay(index, live);
  Replay::Result result;
  auto message = message_to({"a@b.test", "b@b.test"});
  message.id = MessageId(1, 2);
  index.insert(*decode_message(encode_message(view_of(message))), {{1, 64, 5, 0}, 200});
  auto view = view_of(message);
  view.reverse_path = "other@a.test";
  view.total_recipients = 3;
  view.recipients.erase(view.recipients.begin());
  view.recipients.push_back(view.recipients.front());
  view.recipients.back().ordinal = 2;
  view.recipients.back().address = "C@D.test";
  const auto bytes = encode_message(view);
  journal::RecordView record;
  record.type = static_cast<std::uint8_t>(RecordType::kEnvelope);
  record.payload = bytes;
  for (int times = 0; times < 2; ++times) replay.feed(record, Replay::Source::kOwn, result);
  const auto slot = index.find(message.id);
  CHECK(index.sender(slot) == "other@a.test");
  CHECK(index.counts().total_recipients() == 3);
  CHECK(index.address(index.find(RecipientId{message.id, 0})) == "a@b.test");
  CHECK(index.address(index.find(RecipientId{message.id, 2})) == "C@D.test");
  index.remove(index.find(RecipientId{message.id, 2}));
  replay.feed(record, Replay::Source::kOwn, result);  // it is done, and stays so
  CHECK(index.counts().total_recipients() == 2);
  replay.feed(record, Replay::Source::kOther, result);  // only the owner changes messages
  CHECK(replay.unreadable() == 1);
}
