// The end of an account, and which there are. Behind crash_test: what is logged starts a thread, and TSan allows no
// forks then.
#include "common/store/store.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

const std::string kAnn = "ann@a.test";
const std::string kBob = "bob@a.test";

void give(Fixture& f, const std::string& owner, const std::string& to) {
  f.must(f.store->set_acl(f.inbox(owner), to, AclMode::kReplace, Rights::parse("lr").value()));
}

bool is_empty(const MailboxInfo& mailbox) { return mailbox.status.messages == 0 && mailbox.status.uidnext == 1; }

}  // namespace

TEST_CASE("accounts with messages are listed in pieces, in order, from all shards", "[store]") {
  Fixture f;
  f.inbox("empty@a.test");
  std::vector<std::string> all;
  for (int n = 10; n < 30; ++n) {
    all.push_back("user" + std::to_string(n) + "@a.test");
    f.deliver(message("one"), all.back());
  }
  std::vector<std::string> listed;
  for (std::string after;; after = listed.back()) {
    const auto some = f.must(f.store->accounts(after, 7));
    CHECK(some.size() <= 7);
    listed.insert(listed.end(), some.begin(), some.end());
    if (some.empty()) break;
  }
  CHECK(listed == all);
}

TEST_CASE("an account that is erased begins as new, with other numbers", "[store]") {
  Fixture f;
  f.deliver(message("one"), kAnn);
  f.deliver(message("two"), kAnn);
  f.deliver(message("one"), kBob);
  const auto before = f.must(f.store->find(kAnn, "INBOX"));
  f.must(f.store->create(kAnn, "Private", ""));
  f.must(f.store->subscribe(kAnn, "Private", true));
  f.must(f.store->store_flags(before.ref, {{1, 1}}, {FlagMode::kAdd, 0, {"secret"}, {}}));
  f.must(f.store->annotate({before.ref.shard, before.ref.account, 0}, {{kAnn, "/private/comment", "mine"}}));
  give(f, kBob, kAnn);
  give(f, kBob, "-" + kAnn);
  give(f, kBob, "cy@a.test");
  f.must(f.store->annotate(f.inbox(kBob), {{kAnn, "/comment", "hers"}, {"", "/comment", "for all"}}));
  const auto watched = f.must(f.store->snapshot(before.ref));

  CHECK(f.must(f.store->erase(kAnn)) == 2);
  const auto after = f.must(f.store->find(kAnn, "INBOX"));
  CHECK(is_empty(after));
  CHECK(after.ref.mailbox != before.ref.mailbox);
  CHECK(after.status.uidvalidity > before.status.uidvalidity);
  CHECK(after.status.highest_modseq > watched->highest_modseq());
  CHECK(f.error(f.store->snapshot(before.ref)) == ErrorCode::kNoMailbox);
  CHECK(f.error(f.store->find(kAnn, "Private")) == ErrorCode::kNoMailbox);
  CHECK(f.must(f.store->list(kAnn)).size() == f.must(f.store->list(kBob)).size());
  CHECK(f.must(f.store->snapshot(after.ref))->keywords().empty());
  CHECK(f.must(f.store->annotations({after.ref.shard, after.ref.account, 0}, kAnn)).empty());
  CHECK(f.must(f.store->usage(kAnn))->messages == 0);
  CHECK(f.must(f.store->accounts("", 10)) == std::vector{kBob});
  const auto acl = f.must(f.store->acl(f.inbox(kBob)));
  REQUIRE(acl.size() == 1);
  CHECK(acl.front().identifier == "cy@a.test");
  const auto notes = f.must(f.store->annotations(f.inbox(kBob), kAnn));
  REQUIRE(notes.size() == 1);
  CHECK(notes.front().value == "for all");

  // It can be used again at once, and twice is as once.
  CHECK(f.deliver(message("three"), kAnn).uid == 1);
  CHECK(f.must(f.store->erase(kAnn)) == 1);
  CHECK(f.must(f.store->erase(kAnn)) == 0);
  CHECK(f.must(f.store->erase("nobody@a.test")) == 0);
  CHECK_FALSE(f.must(f.store->usage("nobody@a.test")));

  // The bytes go with the next collection.
  f.must(f.store->gc());
  CHECK(f.must(f.store->usage(kBob))->messages == 1);
}

TEST_CASE("what is erased is so in every store of several, but not while it is moved", "[store]") {
  Directory other;
  Fixture f([&](Options& options) { options.additional.push_back({"other", other.path().string(), {}}); });
  f.deliver(message("one"), kAnn);
  f.must(f.store->move_account({.account = kAnn, .to = "other"}));
  CHECK(f.must(f.store->accounts("", 10)) == std::vector{kAnn});
  CHECK(f.must(f.store->erase(kAnn)) == 2);  // where it is, and what the move has left
  CHECK(f.must(f.store->place(kAnn)) == "other");
  CHECK(f.must(f.store->accounts("", 10)).empty());
  CHECK(f.must(f.store->purge_moved(kAnn)) == 0);
  CHECK(f.deliver(message("two"), kAnn).uid == 1);
}
