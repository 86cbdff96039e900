// Quota of mailboxes, counting anew, and messages that go whatever their flags.
#include "common/store/shard_files.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

const std::string kAnn = "ann@a.test";

std::vector<ErrorCode> deliver_to(Fixture& f, const std::string& mailbox, const std::string& text, std::size_t times) {
  DeliveryTarget target;
  target.account = kAnn;
  target.mailbox = mailbox;
  std::vector<ErrorCode> errors;
  for (const auto& result :
       f.run(f.store->deliver(std::vector(times, target), std::make_shared<const std::string>(text), wall_now())))
    if (!result) errors.push_back(result.error().code);
  return errors;
}

/// Changes the index behind the store's back.
void spoil(Fixture& f, const char* sql) {
  const auto ref = f.inbox(kAnn);
  const auto database = open_shard(f.directory.path().string(), ref.shard, false);
  REQUIRE(database.has_value());
  REQUIRE((*database)->execute(sql));
}

}  // namespace

TEST_CASE("the quota of a mailbox holds in every way into it", "[store]") {
  Fixture f;
  const auto text = message("one");
  const auto small = f.must(f.store->create(kAnn, "Small", "")).ref;
  const auto inbox = f.inbox(kAnn);
  f.must(f.store->set_quota(small, {0, 2}));
  CHECK(f.must(f.store->find(kAnn, "Small")).limit.messages == 2);
  CHECK_FALSE(f.must(f.store->find(kAnn, "INBOX")).limit.any());

  // Of three copies in one delivery two have room.
  CHECK(deliver_to(f, "Small", text, 3) == std::vector{ErrorCode::kOverQuota});
  CHECK(deliver_to(f, "INBOX", text, 3).empty());
  CHECK(f.must(f.store->quota(small)).messages == 2);
  AppendMessage append;
  append.bytes = std::make_shared<const std::string>(text);
  CHECK(f.error(f.store->append(small, {append})) == ErrorCode::kOverQuota);
  CHECK(f.error(f.store->copy(inbox, {{1, 1}}, small)) == ErrorCode::kOverQuota);
  CHECK(f.error(f.store->move(inbox, {{1, 1}}, small)) == ErrorCode::kOverQuota);

  f.must(f.store->set_quota(small, {text.size() * 3, 0}));
  CHECK(f.must(f.store->move(inbox, {{1, 1}}, small)).uids.size() == 1);
  CHECK(f.error(f.store->move(inbox, {{2, 2}}, small)) == ErrorCode::kOverQuota);
  // Out of it, and in it, there is always room.
  CHECK(f.must(f.store->move(small, {{1, 1}}, inbox)).uids.size() == 1);
  f.must(f.store->set_quota(small, {0, 1}));
  CHECK(f.must(f.store->move(small, {{2, 2}}, small)).uids.size() == 1);

  f.must(f.store->set_quota(small, {}));
  CHECK(deliver_to(f, "Small", text, 3).empty());
}

TEST_CASE("the quota of a mailbox goes with its name, and ends with it", "[store]") {
  Fixture f;
  const auto box = f.must(f.store->create(kAnn, "Box", "")).ref;
  f.must(f.store->set_quota(box, {1000, 7}));
  f.must(f.store->rename(kAnn, "Box", "Else"));
  for (const auto& each : f.must(f.store->list(kAnn))) CHECK(each.limit.messages == (each.name == "Else" ? 7 : 0));
  f.must(f.store->remove(kAnn, "Else"));
  CHECK(f.error(f.store->set_quota(box, {1, 1})) == ErrorCode::kNoMailbox);
  CHECK(f.error(f.store->quota(box)) == ErrorCode::kNoMailbox);
  CHECK_FALSE(f.must(f.store->create(kAnn, "Else", "")).limit.any());
  for (const auto& each : f.must(f.store->list(kAnn))) CHECK_FALSE(each.limit.any());
}

TEST_CASE("what takes the place of a message needs room for the difference", "[store]") {
  Fixture f;
  const auto inbox = f.inbox(kAnn);
  const auto small = f.must(f.store->create(kAnn, "Small", "")).ref;
  CHECK(deliver_to(f, "INBOX", message("one"), 2).empty());
  CHECK(deliver_to(f, "Small", message("one"), 1).empty());
  f.must(f.store->set_quota(small, {0, 1}));
  AppendMessage append;
  append.bytes = std::make_shared<const std::string>(message("other"));
  append.keywords = {"$new"};
  // A message of the same mailbox makes room in it, one of another does not.
  CHECK(f.error(f.store->replace(inbox, 1, small, append)) == ErrorCode::kOverQuota);
  const auto replaced = f.must(f.store->replace(small, 1, small, append));
  CHECK(replaced.uids == std::vector<std::uint32_t>{2});
  CHECK(f.must(f.store->changes(small, 1)).vanished == UidSet{{1, 1}});
  const auto view = f.must(f.store->snapshot(small));
  CHECK(view->size() == 1);
  CHECK(view->find(2));
  CHECK(f.error(f.store->replace(small, 1, small, append)) == ErrorCode::kNoMessage);
  append.keywords.clear();
  f.must(f.store->replace(small, 2, inbox, append));
  CHECK(f.must(f.store->quota(small)).messages == 0);
  CHECK(f.must(f.store->snapshot(inbox))->size() == 3);
  CHECK(f.must(f.store->recount(kAnn)) == 0);
  // Not into the account of another.
  CHECK(f.error(f.store->replace(inbox, 1, f.inbox("bob@a.test"), append)) == ErrorCode::kNoMailbox);
  CHECK(f.must(f.store->snapshot(inbox))->size() == 3);
}

TEST_CASE("asking how much an account uses does not make it", "[store]") {
  Fixture f([](Options& options) { options.quota = [](std::string_view) { return QuotaLimit{0, 5}; }; });
  CHECK_FALSE(f.must(f.store->usage(kAnn)).has_value());
  CHECK_FALSE(f.must(f.store->usage(kAnn)).has_value());
  f.deliver(message("one"), kAnn);
  const auto usage = f.must(f.store->usage(kAnn));
  REQUIRE(usage.has_value());
  CHECK(usage->messages == 1);
  CHECK(usage->limit.messages == 5);
}

TEST_CASE("room for what is on its way counts", "[store]") {
  Fixture f([](Options& options) { options.quota = [](std::string_view) { return QuotaLimit{1000, 3}; }; });
  f.must(f.store->check_quota(kAnn, 1000, 3));
  CHECK(f.error(f.store->check_quota(kAnn, 0, 4)) == ErrorCode::kOverQuota);
  CHECK(f.error(f.store->check_quota(kAnn, 1001, 1)) == ErrorCode::kOverQuota);
}

TEST_CASE("whether a mailbox has room", "[store]") {
  Fixture f;
  f.must(f.store->check_mailbox_quota(kAnn, "INBOX", 1 << 30));
  CHECK_FALSE(f.must(f.store->usage(kAnn)).has_value());  // asking makes no account
  f.must(f.store->set_quota(f.inbox(kAnn), {1000, 2}));
  f.must(f.store->check_mailbox_quota(kAnn, "inbox", 1000, 2));
  CHECK(f.error(f.store->check_mailbox_quota(kAnn, "INBOX", 1001)) == ErrorCode::kOverQuota);
  CHECK(f.error(f.store->check_mailbox_quota(kAnn, "INBOX", 0, 3)) == ErrorCode::kOverQuota);
  f.must(f.store->check_mailbox_quota(kAnn, "Nowhere", 1 << 30));
  CHECK(f.error(f.store->check_mailbox_quota(kAnn, "", 1)) == ErrorCode::kInvalidName);
  f.must(f.store->set_quota(f.inbox(kAnn), {}));
  f.must(f.store->check_mailbox_quota(kAnn, "INBOX", 1 << 30));
}

TEST_CASE("counting anew sets right what is wrong, and nothing else", "[store][files]") {
  Fixture f;
  for (int n = 0; n < 3; ++n) f.deliver(message("m" + std::to_string(n)), kAnn, n == 0 ? flag::kSeen : flag::kDeleted);
  const auto before = f.must(f.store->find(kAnn, "INBOX")).status;
  CHECK(f.must(f.store->recount(kAnn)) == 0);
  spoil(f, "UPDATE mailbox SET messages=9,unseen=9,deleted=9,bytes=9,recent=9 WHERE name='INBOX'");
  spoil(f, "UPDATE account SET used_bytes=12345,used_messages=1");
  CHECK(f.must(f.store->recount(kAnn)) == 2);
  const auto after = f.must(f.store->find(kAnn, "INBOX")).status;
  CHECK(after.messages == 3);
  CHECK(after.unseen == 2);
  CHECK(after.deleted == 2);
  CHECK(after.size == before.size);
  CHECK(after.recent == before.recent);
  CHECK(f.must(f.store->quota(kAnn)).bytes == before.size);
  CHECK(f.must(f.store->recount(kAnn)) == 0);
}

TEST_CASE("messages are removed whatever their flags", "[store]") {
  Fixture f;
  for (int n = 0; n < 4; ++n) f.deliver(message("m" + std::to_string(n)), kAnn);
  const auto inbox = f.inbox(kAnn);
  const auto gone = f.must(f.store->remove_messages(inbox, {{2, 3}, {9, 9}}));
  CHECK(gone.uids == std::vector<std::uint32_t>{2, 3});
  CHECK(uids_of(*f.must(f.store->snapshot(inbox))) == std::vector<std::uint32_t>{1, 4});
  CHECK(f.must(f.store->changes(inbox, gone.modseq - 1)).vanished == UidSet{{2, 3}});
  CHECK(f.must(f.store->quota(kAnn)).messages == 2);
}
