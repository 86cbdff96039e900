// The life of a message in the queue, and that a reopened queue is the same queue.
#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

TEST_CASE("a message is enqueued, claimed, deferred and delivered", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  CHECK_FALSE(spool->next_due());
  const auto id = enqueue(*spool, message_to({"a@b.test", "c@d.test"}, "the body"));
  CHECK(spool->counts().messages == 1);
  CHECK(spool->counts().recipients[0] == 2);
  REQUIRE(spool->next_due());
  CHECK(*spool->next_due() <= wall_now());
  CHECK(body_of(*spool, id) == "the body");
  REQUIRE(spool->cached_body(id));

  const auto claims = spool->claim_due(wall_now(), 10);
  REQUIRE(claims.size() == 2);
  CHECK(claims[0].message->id == id);
  CHECK(claims[0].message->size == 8);
  CHECK(claims[0].message->envelope.reverse_path == "sender@a.test");
  CHECK(spool->claim_due(wall_now(), 10).empty());
  CHECK_FALSE(spool->next_due());

  const auto later = wall_now() + hours(1);
  REQUIRE(record(*spool, {outcome_of(claims[0], Result::kDelivered), deferral_of(claims[1], later)}));
  CHECK(spool->next_due() == later);
  CHECK(spool->claim_due(wall_now(), 10).empty());
  const auto again = spool->claim_due(later, 10);
  REQUIRE(again.size() == 1);
  CHECK(again[0].attempts == 1);
  CHECK(again[0].last.text == "try later");
  REQUIRE(record(*spool, {outcome_of(again[0], Result::kDelivered)}));
  CHECK(spool->counts().messages == 0);
  CHECK_FALSE(spool->find(id));
  CHECK(body_of(*spool, id).starts_with("error"));
  CHECK(spool->stats().live_bytes == 0);
}

TEST_CASE("claims come in order of their time, and can be given back", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto now = wall_now();
  for (const int hour : {3, 1, 2}) {
    auto message = message_to({"r" + std::to_string(hour) + "@b.test"});
    message.due = now + hours(hour);
    enqueue(*spool, std::move(message));
  }
  CHECK(spool->next_due() == now + hours(1));
  const auto claims = spool->claim_due(now + hours(2), 10);
  REQUIRE(claims.size() == 2);
  CHECK(claims[0].address == "r1@b.test");
  CHECK(claims[1].address == "r2@b.test");
  const std::vector<RecipientId> back{claims[1].id()};
  int changes = 0;
  spool->on_change([&changes] { ++changes; });
  CHECK(spool->next_due() == now + hours(3));
  spool->unclaim(back, now + hours(1));
  CHECK(changes == 1);
  CHECK(spool->next_due() == now + hours(1));

  Filter filter;
  filter.recipient_domains = {"b.test"};
  const auto remote = spool->claim(filter, 10);  // not the active one, the others whether due or not
  REQUIRE(remote.size() == 2);
  CHECK(remote[0].address == "r3@b.test");
  spool->on_change({});
}

TEST_CASE("recipients due at the same time come message by message", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto due = wall_now() + hours(1);
  for (int i = 0; i < 30; ++i) {
    auto message = message_to({"a@b.test", "c@d.test", "e@f.test"});
    message.due = due;
    enqueue(*spool, std::move(message));
  }
  const auto claims = spool->claim_due(due, 1'000);
  REQUIRE(claims.size() == 90);
  for (std::size_t i = 1; i < claims.size(); ++i) CHECK(claims[i - 1].id() < claims[i].id());
}

TEST_CASE("a reopened queue is the same queue", "[spool]") {
  const TemporaryDirectory directory;
  const bool crash = GENERATE(false, true);
  std::vector<std::string> before;
  std::optional<CrashCopy> copy;
  MessageId large;
  {
    auto spool = open_spool(directory.path());
    for (int i = 0; i < 40; ++i) {
      auto message =
          message_to({"a" + std::to_string(i) + "@b.test", "B@X.Test", "c@sub.d.test"}, std::string(3'000, 'x'));
      message.envelope.trace_id = "trace" + std::to_string(i);
      message.envelope.attributes = {{"k", "v" + std::to_string(i)}};
      message.held = i % 10 == 9;
      enqueue(*spool, std::move(message));
    }
    large = enqueue(*spool, message_to({"big@b.test"}, std::string(100'000, 'L')));
    const auto claims = claim_all(*spool);
    REQUIRE(claims.size() == 36 * 3 + 1);
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < 100; ++i) {
      if (i % 3 == 0) outcomes.push_back(outcome_of(claims[i], Result::kDelivered));
      if (i % 3 == 1) outcomes.push_back(deferral_of(claims[i], wall_now() + hours(i)));
      if (i % 3 == 2) outcomes.push_back(outcome_of(claims[i], Result::kBounced));
    }
    REQUIRE(record(*spool, std::move(outcomes)));
    before = picture(*spool);
    if (crash) copy.emplace(directory.path());
  }
  auto spool = open_spool(crash ? copy->path() : directory.path());
  CHECK(picture(*spool) == before);
  CHECK(spool->open_report().damage.empty());
  CHECK(spool->open_report().checkpoint_used == !crash);
  CHECK((spool->open_report().replayed_records == 0) == !crash);
  CHECK(spool->open_report().recipients == before.size());
  CHECK(spool->open_report().lost_bodies == 0);
  CHECK(spool->counts().recipients[static_cast<std::size_t>(State::kActive)] == 0);
  CHECK(body_of(*spool, large) == std::string(100'000, 'L'));
  const auto last = spool->list({}, 1'000)->entries.back().id.message;
  CHECK(spool->find(last)->envelope.attributes.size() == (last == large ? 0 : 1));
  CHECK_FALSE(spool->find(large)->envelope.smtputf8);
}

TEST_CASE("outcomes and the bounces they cause are in the log together", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"nobody@b.test"}));
  const auto claims = claim_all(*spool);
  REQUIRE(claims.size() == 1);
  std::vector<NewMessage> bounces;
  bounces.push_back(message_to({"sender@a.test"}, "it failed", ""));
  bounces.push_back(message_to({"postmaster@a.test"}, std::string(50'000, 'b'), ""));  // in a file of its own
  REQUIRE(record(*spool, {outcome_of(claims[0], Result::kBounced)}, std::move(bounces)));
  const CrashCopy copy(directory.path());
  for (auto* path : {&directory.path(), &copy.path()}) {
    if (path == &directory.path()) spool.reset();
    auto reopened = open_spool(*path);
    const auto entries = reopened->list({}, 10)->entries;
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].address == "sender@a.test");
    CHECK(entries[0].reverse_path.empty());
    CHECK(body_of(*reopened, entries[0].id.message) == "it failed");
    CHECK(body_of(*reopened, entries[1].id.message) == std::string(50'000, 'b'));
  }
}

TEST_CASE("a spool has one owner", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto second = Spool::open(options_for(directory.path()));
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::kInUse);
  spool.reset();
  CHECK(Spool::open(options_for(directory.path())).has_value());
}

TEST_CASE("after close() everything is refused", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  enqueue(*spool, message_to({"a@b.test"}));
  const auto claims = claim_all(*spool);
  spool->close();
  const auto refused = try_enqueue(*spool, message_to({"a@b.test"}));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kClosed);
  const auto recorded = record(*spool, {outcome_of(claims[0], Result::kDelivered)});
  REQUIRE_FALSE(recorded);
  CHECK(recorded.error().code == ErrorCode::kClosed);
  const auto bounced = record(*spool, {outcome_of(claims[0], Result::kBounced)}, {});
  CHECK_FALSE(bounced);
  CHECK_FALSE(sync(*spool));
}
