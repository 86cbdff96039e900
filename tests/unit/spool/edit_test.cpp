// Edits of a queued message's envelope: all at once, on disk, and nobody doubled or lost.
#include "refusing_disk.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

namespace {

std::expected<Edited, SpoolError> edit(Spool& spool, MessageId id, Edit wish) {
  auto promise = std::make_shared<std::promise<std::expected<Edited, SpoolError>>>();
  spool.edit(id, std::move(wish), [promise](auto result) { promise->set_value(std::move(result)); });
  return promise->get_future().get();
}

Edited done(Spool& spool, MessageId id, Edit wish) {
  const auto result = edit(spool, id, std::move(wish));
  REQUIRE(result.has_value());
  return *result;
}

std::vector<std::string> addresses(const Spool& spool) {
  std::vector<std::string> found;
  spool.visit({}, [&](const Entry& entry) {
    found.push_back(entry.reverse_path + ">" + entry.address);
    return true;
  });
  return found;
}

}  // namespace

TEST_CASE("an edit takes effect whole, and survives a crash and a checkpoint", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto id = enqueue(*spool, later({"a@b.test", "b@b.test", "c@c.test"}));
  Edit wish{"other@a.test", {{"New@d.test", kNotifyNever, "rfc822;x@y"}, {"C@c.test", kNotifyDefault, ""}}, {}};
  wish.ended = {{"A@B.test", Result::kDropped}, {"b@b.test", Result::kDelivered}, {"nobody@b.test", Result::kDropped}};
  CHECK(spool->foresee(id, wish) == Edited::kChanged);
  CHECK(done(*spool, id, wish) == Edited::kChanged);
  const std::vector<std::string> expected{"other@a.test>c@c.test", "other@a.test>New@d.test"};
  CHECK(addresses(*spool) == expected);
  CHECK(done(*spool, id, wish) == Edited::kNothing);
  const auto before = picture(*spool);
  {
    const CrashCopy copy(directory.path());
    auto again = open_spool(copy.path());
    CHECK(picture(*again) == before);
    CHECK(again->open_report().damage.empty());
    const auto claims = again->claim_due(wall_now(), 10);
    REQUIRE(claims.size() == 1);  // the new one is due at once
    CHECK(claims[0].id() == RecipientId{id, 3});
    CHECK(claims[0].notify == kNotifyNever);
    CHECK(claims[0].orcpt == "rfc822;x@y");
    CHECK(claims[0].message->envelope.reverse_path == "other@a.test");
  }
  REQUIRE(spool->tidy());
  spool.reset();
  spool = open_spool(directory.path());
  CHECK(picture(*spool) == before);
  CHECK_FALSE(body_of(*spool, id).starts_with("error"));
  Filter by_sender;
  by_sender.sender = "other@a.test";
  CHECK(spool->count(by_sender) == 2);
  by_sender.sender = "sender@a.test";
  CHECK(spool->count(by_sender) == 0);
}

TEST_CASE("a message whose every recipient is ended goes, and with a new one it stays", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto id = enqueue(*spool, later({"a@b.test"}));
  CHECK(done(*spool, id, {{}, {{"b@b.test", kNotifyDefault, ""}}, {{"a@b.test", Result::kDropped}}}) ==
        Edited::kChanged);
  CHECK(spool->counts().messages == 1);
  CHECK(done(*spool, id, {{}, {}, {{"b@b.test", Result::kDelivered}}}) == Edited::kChanged);
  CHECK(spool->counts().messages == 0);
  CHECK(done(*spool, id, {"x@a.test", {}, {}}) == Edited::kGone);
  const CrashCopy copy(directory.path());
  CHECK(open_spool(copy.path())->counts().messages == 0);
}

TEST_CASE("a message under delivery is not edited, nor one whose outcome is on its way", "[spool]") {
  const TemporaryDirectory directory;
  Stall stall;
  auto options = options_for(directory.path());
  options.fault = stall.hook();
  auto spool = open_spool(std::move(options));
  const auto id = enqueue(*spool, message_to({"a@b.test", "b@b.test"}));
  const auto claims = spool->claim_due(wall_now(), 1);
  REQUIRE(claims.size() == 1);
  const Edit wish{"x@a.test", {}, {}};
  CHECK(done(*spool, id, wish) == Edited::kActive);
  stall.begin();
  std::vector<NewMessage> notice;
  notice.push_back(later({"sender@a.test"}));
  std::promise<bool> recorded;
  spool->record({outcome_of(claims[0], Result::kBounced)}, std::move(notice),
                [&recorded](auto result) { recorded.set_value(result.has_value()); });
  CHECK(done(*spool, id, wish) == Edited::kActive);
  stall.end();
  REQUIRE(recorded.get_future().get());
  CHECK(done(*spool, id, wish) == Edited::kChanged);
}

TEST_CASE("nobody takes a new recipient before it is on disk", "[spool]") {
  const TemporaryDirectory directory;
  Stall stall;
  auto options = options_for(directory.path());
  options.fault = stall.hook();
  auto spool = open_spool(std::move(options));
  const auto id = enqueue(*spool, later({"a@b.test"}));
  stall.begin();
  std::promise<Edited> answered;
  auto answer = answered.get_future();
  spool->edit(id, {{}, {{"b@b.test", kNotifyDefault, ""}}, {{"a@b.test", Result::kDropped}}},
              [&answered](auto result) { answered.set_value(result.value_or(Edited::kGone)); });
  CHECK(spool->claim_due(wall_now() + hours(100), 10).empty());
  CHECK(answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  stall.end();
  CHECK(answer.get() == Edited::kChanged);
  const auto claims = spool->claim_due(wall_now(), 10);
  REQUIRE(claims.size() == 1);
  CHECK(claims[0].address == "b@b.test");
}

TEST_CASE("an edit that the disk refuses at first is made in the end, once", "[spool]") {
  const TemporaryDirectory directory;
  RefusingDisk disk;
  auto spool = open_spool(disk.options_for(directory.path()));
  const auto id = enqueue(*spool, later({"a@b.test"}));
  disk.broken = true;
  std::promise<bool> answered;
  auto answer = answered.get_future();
  spool->edit(id, {"x@a.test", {{"b@b.test", kNotifyDefault, ""}}, {{"a@b.test", Result::kDelivered}}},
              [&answered](auto result) { answered.set_value(result.has_value()); });
  REQUIRE(before_long([&] { return spool->stats().retried_records != 0; }));
  const auto second = edit(*spool, id, {"y@a.test", {}, {}});
  CHECK_FALSE(second.has_value());  // not on top of what is not there yet
  disk.broken = false;
  CHECK(answer.get());
  const CrashCopy copy(directory.path());
  CHECK(addresses(*open_spool(copy.path())) == std::vector<std::string>{"x@a.test>b@b.test"});
}
