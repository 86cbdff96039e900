#include <algorithm>

#include "helpers.h"

using namespace quartet::store;

namespace {

const std::string kAnn = "ann@a.test";

std::vector<std::string> names(const std::vector<MailboxInfo>& list) {
  std::vector<std::string> result;
  for (const MailboxInfo& info : list) result.push_back(info.name + (info.exists ? "" : " -"));
  return result;
}

}  // namespace

TEST_CASE("an account comes into being with its default mailboxes", "[store]") {
  Fixture f(
      [](Options& options) { options.default_mailboxes = {{"Sent", "\\Sent", true}, {"Trash", "\\Trash", false}}; });
  const auto list = f.must(f.store->list(kAnn));
  CHECK(names(list) == std::vector<std::string>{"INBOX", "Sent", "Trash"});
  CHECK(list[1].special_use == "\\Sent");
  CHECK(list[1].subscribed);
  CHECK_FALSE(list[2].subscribed);
  CHECK(list[0].id.size() == 26);
  CHECK(list[0].status.uidvalidity != list[1].status.uidvalidity);
}

TEST_CASE("mailboxes are made with their parents and listed in tree order", "[store]") {
  Fixture f;
  f.must(f.store->create(kAnn, "Work/2026/May", ""));
  f.must(f.store->create(kAnn, "Work-old", ""));
  f.must(f.store->subscribe(kAnn, "News/never/made", true));
  const auto list = f.must(f.store->list(kAnn));
  CHECK(names(list) == std::vector<std::string>{"INBOX", "News -", "News/never -", "News/never/made -", "Work",
                                                "Work/2026", "Work/2026/May", "Work-old"});
  CHECK(list[4].has_children);
  CHECK_FALSE(list[6].has_children);
  CHECK_FALSE(list[1].has_children);  // a subscription is no mailbox
  CHECK(list[3].subscribed);
  // Only INBOX is the same in any case.
  CHECK(f.must(f.store->create(kAnn, "work/2026", "")).name == "work/2026");
}

TEST_CASE("what exists is not made again and INBOX is in any case", "[store]") {
  Fixture f;
  CHECK(f.must(f.store->find(kAnn, "iNbOx")).name == "INBOX");
  CHECK(f.error(f.store->create(kAnn, "inbox", "")) == ErrorCode::kExists);
  CHECK(f.error(f.store->find(kAnn, "Nowhere")) == ErrorCode::kNoMailbox);
  CHECK(f.error(f.store->remove(kAnn, "INBOX")) == ErrorCode::kCannot);
  CHECK(f.error(f.store->remove(kAnn, "Nowhere")) == ErrorCode::kNoMailbox);
}

TEST_CASE("a deleted parent stays as a name, and never with its old UIDVALIDITY", "[store]") {
  Fixture f;
  f.must(f.store->create(kAnn, "A/B", ""));
  const auto before = f.must(f.store->find(kAnn, "A"));
  f.must(f.store->remove(kAnn, "A"));
  CHECK(f.error(f.store->find(kAnn, "A")) == ErrorCode::kNoSelect);
  CHECK(f.error(f.store->remove(kAnn, "A")) == ErrorCode::kHasChildren);
  CHECK(names(f.must(f.store->list(kAnn))) == std::vector<std::string>{"INBOX", "A -", "A/B"});
  CHECK(f.error(f.store->status(before.ref)) == ErrorCode::kNoMailbox);
  const auto again = f.must(f.store->create(kAnn, "A", ""));
  CHECK(again.status.uidvalidity > before.status.uidvalidity);
  CHECK(again.id != before.id);
}

TEST_CASE("renaming takes children along and keeps messages and references", "[store]") {
  Fixture f;
  const auto b = f.must(f.store->create(kAnn, "A/B", ""));
  const auto appended =
      f.must(f.store->append(b.ref, {{std::make_shared<const std::string>(message("one")), 0, {}, std::nullopt}}));
  f.must(f.store->rename(kAnn, "A", "X/Y"));
  CHECK(names(f.must(f.store->list(kAnn))) == std::vector<std::string>{"INBOX", "X", "X/Y", "X/Y/B"});
  const auto moved = f.must(f.store->find(kAnn, "X/Y/B"));
  CHECK(moved.ref == b.ref);
  CHECK(moved.status.uidvalidity == b.status.uidvalidity);
  CHECK(f.must(f.store->snapshot(b.ref))->find(appended.uids[0]));
  f.must(f.store->create(kAnn, "Z", ""));
  CHECK(f.error(f.store->rename(kAnn, "Z", "X")) == ErrorCode::kExists);
  CHECK(f.error(f.store->rename(kAnn, "X", "X/Deeper")) == ErrorCode::kCannot);
  CHECK(f.error(f.store->rename(kAnn, "Nowhere", "N")) == ErrorCode::kNoMailbox);
}

TEST_CASE("renaming INBOX moves its messages and leaves it empty", "[store]") {
  Fixture f;
  f.deliver(message("one"), kAnn, flag::kSeen);
  f.deliver(message("two"));
  f.must(f.store->create(kAnn, "INBOX/Child", ""));
  f.must(f.store->rename(kAnn, "INBOX", "Old"));
  const auto inbox = f.must(f.store->find(kAnn, "INBOX"));
  CHECK(inbox.status.messages == 0);
  CHECK(f.must(f.store->find(kAnn, "Old")).status.messages == 2);
  CHECK(f.must(f.store->find(kAnn, "Old")).status.unseen == 1);
  CHECK(f.must(f.store->find(kAnn, "INBOX/Child")).exists);
  CHECK(f.must(f.store->changes(inbox.ref, 1)).vanished == UidSet{{1, 2}});
  const auto quota = f.must(f.store->quota(kAnn));
  CHECK(quota.messages == 2);
  CHECK(f.deliver(message("three")).uid == 3);
}
