// Messages that come in with what another queue, or this one, knew of them before.
#include "common/spool/restore.h"

#include "refusing_disk.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

namespace {

std::expected<MessageId, SpoolError> restore(Spool& spool, RestoredMessage message) {
  auto promise = std::make_shared<std::promise<std::expected<MessageId, SpoolError>>>();
  spool.restore(std::move(message), [promise](auto result) { promise->set_value(std::move(result)); });
  return promise->get_future().get();
}

/// Recipients 1 and 4 of five: one that was tried twice, and one on hold.
RestoredMessage some() {
  RestoredMessage message;
  message.id = MessageId::make();
  message.envelope.reverse_path = "sender@a.test";
  message.envelope.trace_id = "trace-1";
  message.envelope.priority = -3;
  message.envelope.received = wall_now() - hours(30);
  message.envelope.attributes = {{"release", "17"}};
  message.accepted_recipients = 5;
  auto& tried = message.recipients.emplace_back();
  tried.ordinal = 1;
  tried.recipient = {"a@b.test", kNotifyNever, "rfc822;x@y"};
  tried.state = State::kDeferred;
  tried.attempts = 2;
  tried.delay_notified = true;
  tried.next_hop = "mx.c.test";
  tried.due = wall_now() + hours(2);
  tried.last = {451, "4.7.1", "later", "mx.b.test"};
  auto& held = message.recipients.emplace_back();
  held.ordinal = 4;
  held.recipient.address = "c@d.test";
  held.state = State::kHeld;
  held.last.text = "to be looked at";
  message.body = {"Subject: x\r\n\r\n", "text\r\n"};
  return message;
}

void check_some(Spool& spool, const RestoredMessage& message) {
  const auto entries = spool.recipients(message.id);
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].id.ordinal == 1);
  CHECK(entries[0].state == State::kDeferred);
  CHECK(entries[0].attempts == 2);
  CHECK(entries[0].delay_notified);
  CHECK(entries[0].notify == kNotifyNever);
  CHECK(entries[0].orcpt == "rfc822;x@y");
  CHECK(entries[0].next_hop == "mx.c.test");
  CHECK(entries[0].next_attempt == message.recipients[0].due);
  CHECK(entries[0].last == message.recipients[0].last);
  CHECK(entries[0].received == message.envelope.received);
  CHECK(entries[1].id.ordinal == 4);
  CHECK(entries[1].state == State::kHeld);
  CHECK(entries[1].last.text == "to be looked at");
  const auto found = spool.find(message.id);
  REQUIRE(found != nullptr);
  CHECK(found->recipients == 5);
  CHECK(found->envelope.priority == -3);
  CHECK(found->envelope.attributes == message.envelope.attributes);
  CHECK(body_of(spool, message.id) == "Subject: x\r\n\r\ntext\r\n");
}

}  // namespace

TEST_CASE("a restored message has its id and all that was known of it, over a crash and a checkpoint", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto message = some();
  REQUIRE(restore(*spool, message).value() == message.id);
  check_some(*spool, message);
  {
    const CrashCopy copy(directory.path());
    auto again = open_spool(copy.path());
    CHECK(again->open_report().damage.empty());
    check_some(*again, message);
  }
  REQUIRE(spool->tidy());
  spool.reset();
  spool = open_spool(directory.path());
  CHECK(spool->open_report().checkpoint_used);
  check_some(*spool, message);
}

TEST_CASE("what is claimed says how it was", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto message = some();
  REQUIRE(restore(*spool, message));
  Filter all;
  all.states = {State::kDeferred, State::kHeld};
  const auto claims = spool->claim(all, 10);
  REQUIRE(claims.size() == 2);
  CHECK_FALSE(claims[0].held);
  CHECK(claims[0].due == message.recipients[0].due);
  CHECK(claims[1].held);
}

TEST_CASE("a message that is queued is not restored once more", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto message = some();
  REQUIRE(restore(*spool, message));
  const auto again = restore(*spool, message);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == ErrorCode::kExists);
  // Two at once, of which neither is in the queue when the other comes.
  const auto other = some();
  std::promise<bool> first, second;
  spool->restore(other, [&first](auto result) { first.set_value(result.has_value()); });
  spool->restore(other, [&second](auto result) { second.set_value(result.has_value()); });
  CHECK(int(first.get_future().get()) + int(second.get_future().get()) == 1);
  CHECK(spool->counts().messages == 2);
}

TEST_CASE("a message that left the queue comes back, and its earlier end does not count", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto message = some();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(restore(*spool, message));
    check_some(*spool, message);
    {
      const CrashCopy copy(directory.path());
      check_some(*open_spool(copy.path()), message);
    }
    if (i == 1) REQUIRE(spool->tidy());
    CHECK(spool->drop({}).changed == 2);
    CHECK(spool->find(message.id) == nullptr);
  }
  REQUIRE(sync(*spool));
  const CrashCopy copy(directory.path());
  CHECK(open_spool(copy.path())->counts().messages == 0);
}

TEST_CASE("nothing is restored on top of changes that wait for the disk", "[spool]") {
  const TemporaryDirectory directory;
  RefusingDisk disk;
  auto spool = open_spool(disk.options_for(directory.path()));
  const auto message = some();
  REQUIRE(restore(*spool, message));
  disk.broken = true;
  spool->drop({});
  std::promise<bool> answered;
  auto answer = answered.get_future();
  spool->restore(message, [&answered](auto result) { answered.set_value(result.has_value()); });
  REQUIRE(before_long([&] { return spool->stats().retried_records != 0; }));
  disk.broken = false;
  // Whether it came in or was refused: a restart agrees.
  const bool there = answer.get();
  REQUIRE(sync(*spool));
  CHECK((spool->find(message.id) != nullptr) == there);
  const CrashCopy copy(directory.path());
  CHECK((open_spool(copy.path())->find(message.id) != nullptr) == there);
}
