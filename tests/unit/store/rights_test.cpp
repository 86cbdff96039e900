// Access control lists (RFC 4314), names that lead to other accounts, and messages that go from one to the other.
#include <algorithm>

#include "common/store/namespaces.h"
#include "common/store/sqlite_database.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

const std::string kAnn = "ann@a.test";
const std::string kBob = "bob@a.test";

Rights rights(std::string_view letters) { return Rights::parse(letters).value(); }

NamespacesPtr namespaces() {
  auto out = std::make_shared<Namespaces>();
  out->other_users = "Other Users";
  out->shared = "Shared";
  out->shared_account = "shared";
  out->administrators = {kAnn};
  out->login_of = [](std::string_view name) { return name.ends_with("@a.test") ? std::string(name) : std::string(); };
  return out;
}

std::string listed(const std::vector<Located>& mailboxes) {
  std::string out;
  for (const auto& each : mailboxes) out += each.info.name + " " + each.rights.to_string() + "\n";
  return out;
}

/// An account whose shard is not that of ann.
std::string far_account(Fixture& f) {
  const auto near = f.inbox(kAnn).shard;
  for (int n = 0;; ++n) {
    const auto login = "user" + std::to_string(n) + "@a.test";
    if (f.inbox(login).shard != near) return login;
  }
}

}  // namespace

TEST_CASE("rights are letters, and those of RFC 2086 stand for some of them", "[store]") {
  CHECK(rights("swr").to_string() == "rsw");
  CHECK(rights("cd").to_string() == "kxte");
  CHECK(rights("lrk").to_response() == "lrkc");
  CHECK(rights("lre").to_response() == "lred");
  CHECK(Rights::all().to_response() == "lrswipkxteacd");
  CHECK(rights("").empty());
  CHECK_FALSE(Rights::parse("lrz"));
  CHECK_FALSE(Rights::parse("L"));
  CHECK(rights("lrs").has("sl"));
  CHECK_FALSE(rights("lrs").has("lw"));
  CHECK(rights("lrs").has_any("ws"));
  CHECK(rights("lrs").has(""));
}

TEST_CASE("what is taken away counts for more than what is given", "[store]") {
  const Acl acl{{"-anyone", rights("x")}, {"-" + kBob, rights("w")}, {"anyone", rights("lrx")}, {kBob, rights("wi")}};
  CHECK(rights_of(acl, kBob).to_string() == "lri");
  CHECK(rights_of(acl, kAnn).to_string() == "lr");
  CHECK(rights_of({}, kAnn).empty());
  CHECK(changeable_flags(rights("st")) == (flag::kSeen | flag::kDeleted));
  CHECK((changeable_flags(rights("w")) & flag::kSystem) == (flag::kAnswered | flag::kFlagged | flag::kDraft));
}

TEST_CASE("lists are kept, changed and inherited, and end with their mailbox", "[store]") {
  Fixture f;
  const auto work = f.must(f.store->create(kAnn, "Work", "")).ref;
  f.must(f.store->set_acl(work, kBob, AclMode::kReplace, rights("lrs")));
  f.must(f.store->set_acl(work, "anyone", AclMode::kAdd, rights("l")));
  f.must(f.store->set_acl(work, kBob, AclMode::kAdd, rights("w")));
  f.must(f.store->set_acl(work, kBob, AclMode::kRemove, rights("s")));
  CHECK(f.must(f.store->acl(work)) == Acl{{"anyone", rights("l")}, {kBob, rights("lrw")}});
  const auto below = f.must(f.store->create(kAnn, "Work/2026/May", "")).ref;
  CHECK(f.must(f.store->acl(below)) == f.must(f.store->acl(work)));
  f.must(f.store->set_acl(below, kBob, AclMode::kReplace, {}));
  CHECK(f.must(f.store->acl(below)) == Acl{{"anyone", rights("l")}});
  CHECK(f.must(f.store->granted({kBob})).size() == 2);
  f.must(f.store->remove(kAnn, "Work"));
  CHECK(f.error(f.store->acl(work)) == ErrorCode::kNoMailbox);
  const auto left = f.must(f.store->granted({kBob}));
  REQUIRE(left.size() == 1);
  CHECK(left[0].account == kAnn);
  CHECK(left[0].info.name == "Work/2026");
}

TEST_CASE("a store made before there were lists gets them", "[store][files]") {
  Fixture f([](Options& options) { options.shards = 1; });
  f.deliver(message("one"), kAnn);
  f.store.reset();
  {
    auto database = SqliteDatabase::open((f.directory.path() / "index" / "00.db").string(), {});
    REQUIRE(database.has_value());
    REQUIRE(
        (*database)->execute("DROP TABLE acl; DROP TABLE annotation; DROP TABLE standing; DROP TABLE incoming_object"));
  }
  f.store = must_open(test_options(f.directory, 1));
  const auto inbox = f.inbox(kAnn);
  CHECK(f.must(f.store->snapshot(inbox))->size() == 1);
  f.must(f.store->set_acl(inbox, kBob, AclMode::kReplace, rights("lr")));
  CHECK(f.must(f.store->acl(inbox)).size() == 1);
  f.must(f.store->annotate(inbox, {{"", "/comment", "x"}}));
}

TEST_CASE("where names lead", "[store]") {
  const auto all = namespaces();
  const auto own = resolve(all.get(), kBob, "Shared things").value();
  CHECK(own.kind == Place::Kind::kOwn);
  CHECK(own.mailbox == "Shared things");
  const auto shared = resolve(all.get(), kBob, "Shared/News").value();
  CHECK(shared.account == "shared");
  CHECK(shared.mailbox == "News");
  CHECK_FALSE(shared.all_rights);
  CHECK(resolve(all.get(), kAnn, "Shared/News")->all_rights);
  const auto other = resolve(all.get(), kBob, "Other Users/ann@a.test/Work/x").value();
  CHECK(other.kind == Place::Kind::kOther);
  CHECK(other.account == kAnn);
  CHECK(other.mailbox == "Work/x");
  CHECK(other.prefix == "Other Users/ann@a.test/");
  CHECK(resolve(all.get(), kBob, "Other Users/ann@a.test")->mailbox.empty());
  CHECK(resolve(all.get(), kBob, "Other Users")->mailbox.empty());
  CHECK_FALSE(resolve(all.get(), kBob, "Other Users/eve@b.test/INBOX"));
  CHECK(resolve(all.get(), kAnn, "Other Users/ann@a.test/Work")->all_rights);
  CHECK(resolve(nullptr, kBob, "Shared/News")->kind == Place::Kind::kOwn);
}

TEST_CASE("who may know of a mailbox finds it, and nobody else", "[store]") {
  Fixture f;
  const auto all = namespaces();
  const auto work = f.must(f.store->create(kAnn, "Work/Plans", "")).ref;
  const auto news = f.must(f.store->create("shared", "News", "")).ref;
  const std::string plans = "Other Users/ann@a.test/Work/Plans";
  CHECK(f.error(locate(*f.store, all, kBob, plans)) == ErrorCode::kNoMailbox);
  CHECK(f.error(locate(*f.store, all, kBob, "Other Users/ann@a.test/Work")) == ErrorCode::kNoMailbox);
  f.must(f.store->set_acl(work, kBob, AclMode::kReplace, rights("lr")));
  f.must(f.store->set_acl(news, "anyone", AclMode::kReplace, rights("lrp")));
  f.must(f.store->set_acl(f.inbox(kAnn), kBob, AclMode::kReplace, rights("r")));
  const auto found = f.must(locate(*f.store, all, kBob, plans));
  CHECK(found.info.name == plans);
  CHECK(found.info.ref == work);
  CHECK(found.rights == rights("lr"));
  CHECK(listed(f.must(list_shared(*f.store, all, kBob))) == "Other Users/ann@a.test/Work/Plans lr\nShared/News lrp\n");
  CHECK(listed(f.must(list_shared(*f.store, all, "cid@a.test"))) == "Shared/News lrp\n");
  // Who administers sees all of it, whatever the lists say.
  CHECK(listed(f.must(list_shared(*f.store, all, kAnn))).contains("Shared/News lrswipkxtea\n"));
  CHECK(f.must(list_shared(*f.store, nullptr, kBob)).empty());
}

TEST_CASE("messages go to an account of another shard, and only rows are written", "[store]") {
  Fixture f;
  const auto far = far_account(f);
  const auto bob = f.inbox(far);
  const auto ann = f.inbox(kAnn);
  const auto date = from_micros(1'700'000'000'000'000);
  const auto appended = f.must(f.store->append(
      ann, {{std::make_shared<const std::string>(message("one")), flag::kSeen, {"$work"}, date},
            {std::make_shared<const std::string>(message("two")), 0, {}, date},
            {std::make_shared<const std::string>(std::string(300'000, 'x')), flag::kFlagged, {}, date}}));
  const auto id = f.must(f.store->details(ann, {{1, 3}}))[0].email_id;
  const bool moves = GENERATE(false, true);
  const auto copied =
      f.must(moves ? f.store->move(ann, {{1, 1}, {3, 3}}, bob) : f.store->copy(ann, {{1, 1}, {3, 3}}, bob));
  CHECK(copied.uids == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1, 1}, {3, 2}});
  CHECK(uids_of(*f.must(f.store->snapshot(ann))) ==
        (moves ? std::vector<std::uint32_t>{2} : std::vector<std::uint32_t>{1, 2, 3}));
  CHECK((copied.expunge_modseq != 0) == moves);
  const auto view = f.must(f.store->snapshot(bob));
  REQUIRE(view->size() == 2);
  CHECK((*view)[0].flags == (flag::kSeen | std::uint64_t{1} << kFirstKeywordBit));
  CHECK(view->keywords() == std::vector<std::string>{"$work"});
  CHECK((*view)[0].internaldate == to_micros(date));
  CHECK(f.must(f.store->details(bob, {{1, 1}}))[0].email_id == id);
  CHECK(f.must(f.store->fetch_cached(bob, {(*view)[0].object}, cached::kEnvelope)).items()[0].envelope.contains("one"));
  // The source may go altogether: the bytes stay for who has them now.
  FlagChange change;
  change.flags = flag::kDeleted;
  f.must(f.store->store_flags(ann, {{1, 3}}, change));
  f.must(f.store->expunge(ann, std::nullopt));
  f.must(f.store->gc());
  CHECK(*f.must(f.store->read(bob, (*view)[0].object)) == message("one"));
  CHECK(f.must(f.store->read(bob, (*view)[1].object))->size() == 300'000);
  CHECK(f.must(f.store->quota(far)).messages == 2);
  CHECK(f.must(f.store->quota(kAnn)).messages == 0);
}

TEST_CASE("keywords of copies are those of their account, by name", "[store]") {
  Fixture f([](Options& options) { options.shards = 1; });
  const auto ann = f.inbox(kAnn);
  const auto bob = f.inbox(kBob);
  f.must(f.store->append(bob, {{std::make_shared<const std::string>(message("own")), 0, {"$later"}, std::nullopt}}));
  f.must(f.store->append(ann, {{std::make_shared<const std::string>(message("one")), 0, {"$work"}, std::nullopt},
                               {std::make_shared<const std::string>(message("two")), flag::kSeen, {}, std::nullopt},
                               {std::make_shared<const std::string>(message("three")), 0, {"$later"}, std::nullopt}}));
  CHECK(f.must(f.store->copy(ann, {{1, 3}}, bob)).uids.back() == std::pair<std::uint32_t, std::uint32_t>{3, 4});
  const auto view = f.must(f.store->snapshot(bob));
  REQUIRE(view->size() == 4);
  CHECK(view->keywords() == std::vector<std::string>{"$later", "$work"});
  CHECK((*view)[1].flags == std::uint64_t{1} << (kFirstKeywordBit + 1));
  CHECK((*view)[2].flags == flag::kSeen);
  CHECK((*view)[3].flags == std::uint64_t{1} << kFirstKeywordBit);
  CHECK(f.must(f.store->recount(kBob)) == 0);
}

TEST_CASE("an account of another shard that is full takes none of them", "[store]") {
  Fixture f([](Options& options) {
    options.quota = [](std::string_view login) { return QuotaLimit{0, login == kAnn ? 0U : 1U}; };
  });
  const auto far = f.inbox(far_account(f));
  f.deliver(message("one"), kAnn);
  f.deliver(message("two"), kAnn);
  const auto ann = f.inbox(kAnn);
  CHECK(f.error(f.store->move(ann, {{1, 2}}, far)) == ErrorCode::kOverQuota);
  CHECK(f.must(f.store->snapshot(far))->size() == 0);
  CHECK(f.must(f.store->snapshot(ann))->size() == 2);
}

TEST_CASE("flags that may not change stay as they are", "[store]") {
  Fixture f;
  f.deliver(message("one"), kAnn, flag::kSeen | flag::kFlagged);
  const auto inbox = f.inbox(kAnn);
  FlagChange change;
  change.mode = FlagMode::kReplace;
  change.flags = flag::kDeleted | flag::kAnswered;
  change.may_change = flag::kSeen | flag::kDeleted;
  CHECK(f.must(f.store->store_flags(inbox, {{1, 1}}, change)).messages[0].flags == (flag::kFlagged | flag::kDeleted));
}
