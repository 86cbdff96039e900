// Accounts that move between two stores: that all is the same afterwards, whatever happens on the way. Beside a
// PostgreSQL server one of the stores is in it, in either role.
#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "common/store/check.h"
#include "common/store/router.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

const std::string kAnn = "ann@a.test";
const std::string kBob = "bob@a.test";

/// The directories of two stores; any number of Sites work on them, as processes would.
struct Places {
  Directory main, other;
  bool swapped = false;

  Options options() const {
    const auto& first = swapped ? other : main;
    const auto& second = swapped ? main : other;
    Options options;
    options.name = swapped ? "other" : "main";
    options.directory = first.path().string();
    options.shards = 2;
    options.reader_threads = 2;
    options.gc_interval = std::chrono::seconds(0);
    options.release_after = std::chrono::seconds(0);
    options.default_mailboxes = {{"Sent", "\\Sent", true}};
    // The server has the one that is called "other".
    const auto postgres = quartet::test::postgres_for(other.path());
    (swapped ? options.postgres : options.additional.emplace_back().postgres) = postgres;
    if (swapped) options.additional.emplace_back();
    options.additional[0].name = swapped ? "main" : "other";
    options.additional[0].directory = second.path().string();
    return options;
  }
};

struct Site : Fixture {
  explicit Site(const Places& places) : Fixture([&](Options& options) { options = places.options(); }) {}
  Router& router() { return static_cast<Router&>(*store); }

  Result<AccountMoved> step(const std::string& to, std::chrono::milliseconds fence = std::chrono::seconds(30)) {
    return run(store->move_account({.account = kAnn, .to = to, .fence = fence}));
  }
  void move(const std::string& to) {
    for (;;) {
      const auto moved = step(to);
      if (!moved) FAIL(to_string(moved.error().code) << ": " << moved.error().detail);
      if (moved->done) break;
    }
    CHECK(must(store->place(kAnn)) == to);
  }
};

/// Without the macros of the tests, which belong to one thread.
Result<Stored> quietly_deliver(Site& site, const std::string& text) {
  std::vector<DeliveryTarget> targets(1);
  targets[0].account = kAnn;
  auto results = site.run(site.store->deliver(targets, std::make_shared<const std::string>(text), wall_now()));
  return std::move(results[0]);
}

UidSet one(std::uint32_t uid) { return {{uid, uid}}; }

/// Mail of all kinds: flags and keywords, copies that share their bytes, expunges, a renamed mailbox, and so on.
void fill(Site& site) {
  for (int n = 0; n < 12; ++n) site.deliver(message("letter" + std::to_string(n)), kAnn, n % 3 == 0 ? flag::kSeen : 0);
  const auto inbox = site.inbox(kAnn);
  site.must(site.store->claim_recent(inbox));
  auto& store = *site.store;
  const auto kept = site.must(store.create(kAnn, "Kept/Deep", "\\Archive")).ref;
  site.must(store.create(kAnn, "Gone", ""));
  site.must(store.remove(kAnn, "Gone"));
  site.must(store.copy(inbox, {{2, 5}}, kept));
  site.must(store.store_flags(inbox, {{1, 4}}, {FlagMode::kAdd, flag::kFlagged, {"$Work", "Later"}, {}}));
  site.must(store.remove_messages(inbox, {{3, 4}, {7, 7}}));
  site.must(store.remove_messages(kept, one(1)));
  site.must(store.rename(kAnn, "Kept", "Old"));
  site.must(store.subscribe(kAnn, "Old/Deep", true));
  site.must(store.subscribe(kAnn, "Nowhere", true));
  site.must(store.set_acl(kept, kBob, AclMode::kReplace, *Rights::parse("lrs")));
  site.must(store.set_quota(kept, {1 << 20, 100}));
  site.must(store.annotate(kept, {{"", "/comment", "of all"}, {kAnn, "/comment", std::string("\0mine", 5)}}));
  site.must(store.annotate({inbox.shard, inbox.account, 0}, {{kAnn, "/vendor/x", "account's"}}));
  const auto at = from_micros(1'000'000'000'123'456);
  site.must(store.append(inbox, {{std::make_shared<const std::string>(message("dated")), flag::kDraft, {"Odd"}, at}}));
  site.deliver(message("news"));
}

std::string text_of(const UidSet& uids) {
  std::string text;
  for (const auto& range : uids) text += std::to_string(range.first) + ":" + std::to_string(range.last) + ",";
  return text;
}

std::string messages_of(Site& site, const MailboxInfo& info) {
  auto& store = *site.store;
  const auto view = site.must(store.snapshot(info.ref));
  std::string text = "  uidvalidity " + std::to_string(view->head().uidvalidity) + " recent " +
                     std::to_string(view->head().recent) + " keywords";
  for (const auto& keyword : view->keywords()) text += " " + keyword;
  const auto details = site.must(store.details(info.ref, {{1, kMaxUid - 1}}));
  std::vector<ObjectId> objects;
  for (std::size_t n = 0; n < view->size(); ++n) objects.push_back((*view)[n].object);
  const auto cached = site.must(store.fetch_cached(info.ref, objects, 63));
  const auto bytes = site.must(store.read_many(info.ref, objects));
  REQUIRE(details.size() == view->size());
  for (std::size_t n = 0; n < view->size(); ++n) {
    const auto& entry = (*view)[n];
    const auto& item = cached.items()[n];
    REQUIRE(bytes[n] != nullptr);
    text += "\n  " + std::to_string(entry.uid) + " flags " + std::to_string(entry.flags) + " modseq " +
            std::to_string(entry.modseq) + " size " + std::to_string(entry.size) + " date " +
            std::to_string(entry.internaldate) + " id " + details[n].email_id + " saved " +
            std::to_string(details[n].save_date) + " " + std::string(item.envelope) + std::string(item.body) +
            std::string(item.bodystructure) + std::string(item.preview) + *bytes[n];
  }
  for (const std::uint64_t since : {1, 5, 15, 20, 25, 30}) {
    const auto changes = site.must(store.changes(info.ref, since));
    text += "\n  since " + std::to_string(since) + (changes.complete ? "" : " incomplete") + " changed " +
            std::to_string(changes.changed.size()) + " vanished " + text_of(changes.vanished);
  }
  return text;
}

/// All that a client could see of the account.
std::string everything(Site& site, const std::string& account = kAnn) {
  auto& store = *site.store;
  std::string text;
  MailboxRef any;
  for (const auto& info : site.must(store.list(account))) {
    const auto& s = info.status;
    text += info.name + " " + info.id + " " + info.special_use + (info.subscribed ? " subscribed" : "") + "\n";
    if (!info.exists) continue;
    any = info.ref;
    for (const std::uint64_t number : {std::uint64_t{s.messages}, std::uint64_t{s.unseen}, std::uint64_t{s.deleted},
                                       std::uint64_t{s.recent}, std::uint64_t{s.uidnext}, std::uint64_t{s.uidvalidity},
                                       s.highest_modseq, s.size, info.limit.bytes, info.limit.messages})
      text += " " + std::to_string(number);
    for (const auto& entry : site.must(store.acl(info.ref))) text += entry.identifier + entry.rights.to_string();
    for (const auto& note : site.must(store.annotations(info.ref, account)))
      text += "\n  note " + note.user + note.entry + note.value;
    text += "\n" + messages_of(site, info) + "\n";
  }
  for (const auto& note : site.must(store.annotations({any.shard, any.account, 0}, account)))
    text += "note " + note.user + note.entry + note.value + "\n";
  const auto quota = site.must(store.quota(account));
  return text + std::to_string(quota.bytes) + " " + std::to_string(quota.messages);
}

/// Runs in a thread with a loop of its own, as another process would.
template <typename F>
void elsewhere_run(F work) {
  std::thread(work).join();
}

}  // namespace

TEST_CASE("an account is the same in the other store, and back in the first", "[store][move]") {
  Places places;
  places.swapped = GENERATE(false, true);
  const std::string first = places.swapped ? "other" : "main", second = places.swapped ? "main" : "other";
  Site site(places);
  fill(site);
  const auto before = everything(site);
  CHECK(before.contains("$Work"));
  CHECK(site.must(site.store->place(kAnn)) == first);
  const auto look = site.must(site.store->look_at_move(kAnn, second));
  CHECK((look.messages == 14 && look.messages_copied == 0 && !look.done));
  const auto old = site.inbox(kAnn);
  site.move(second);
  CHECK(everything(site) == before);
  // What was known of it in the first is void; who looks anew, in any process, finds all.
  CHECK(site.error(site.store->snapshot(old)) == ErrorCode::kMoved);
  CHECK(site.error(site.store->remove_messages(old, one(1))) == ErrorCode::kMoved);
  CHECK(site.error(site.store->append(old, {{std::make_shared<const std::string>("x"), 0, {}, {}}})) ==
        ErrorCode::kMoved);
  {
    Site later(places);
    CHECK(everything(later) == before);
  }
  site.must(site.store->store_flags(site.inbox(kAnn), one(1), {FlagMode::kAdd, flag::kAnswered, {}, {}}));
  site.deliver(message("more"));
  const auto changed = everything(site);
  site.move(first);
  CHECK(everything(site) == changed);
  site.move(second);
  CHECK(everything(site) == changed);
  // The next messages and mailboxes go on with the numbers of before.
  const auto stored = site.deliver(message("last"));
  CHECK(stored.uid == 16);
  CHECK(site.run(site.store->move_account({.account = kBob, .to = second})).error().code == ErrorCode::kNoMailbox);
  CHECK(site.error(site.store->move_account({.account = kAnn, .to = "nowhere"})) == ErrorCode::kCannot);
}

TEST_CASE("the places where an account was are emptied", "[store][move]") {
  const Places places;
  Site site(places);
  fill(site);
  site.move("other");
  CHECK(site.must(site.store->purge_moved(kAnn)) == 14);
  CHECK(site.must(site.store->purge_moved(kAnn)) == 0);
  CHECK(site.must(site.store->gc()).objects_released >= 10);
  const auto all = everything(site);
  site.move("main");
  CHECK(everything(site) == all);
}

TEST_CASE("a move that dies anywhere leaves the account whole and is gone on with", "[store][move]") {
  const Places places;
  std::string before;
  {
    Site site(places);
    fill(site);
    before = everything(site);
  }
  std::string to = "other";
  int deaths = 0;
  for (int fatal = 1;; ++fatal) {
    bool died = false;
    {
      Site site(places);
      int step = 0;
      site.router().set_checkpoint([&](std::string_view) { return ++step != fatal; });
      const auto moved = site.step(to);
      died = !moved;
      if (died) CHECK(moved.error().code == ErrorCode::kClosed);
    }
    Site site(places);
    INFO("died at " << fatal);
    REQUIRE(everything(site) == before);
    if (!died) break;
    ++deaths;
    // Half of the times the move is given up, unless it is done.
    const bool moved = site.must(site.store->place(kAnn)) == to;
    if (fatal % 2 == 0 && !moved) {
      const auto dropped = site.run(site.store->abort_move(kAnn));
      CHECK((dropped || dropped.error().code == ErrorCode::kCannot));
      CHECK(everything(site) == before);
      CHECK(site.error(site.store->abort_move(kAnn)) == ErrorCode::kCannot);
    }
    site.move(to);
    REQUIRE(everything(site) == before);
    to = to == "other" ? "main" : "other";
  }
  CHECK(deaths > 8);
}

TEST_CASE("a move that came no further than its mark is given up", "[store][move]") {
  const Places places;
  Site site(places);
  fill(site);
  const auto before = everything(site);
  site.router().set_checkpoint([](std::string_view step) { return step != "begin the copy"; });
  CHECK(site.step("other").error().code == ErrorCode::kClosed);
  CHECK(site.error(site.store->erase(kAnn)) == ErrorCode::kCannot);
  CHECK(site.must(site.store->abort_move(kAnn)).to == "other");
  CHECK(site.error(site.store->abort_move(kAnn)) == ErrorCode::kCannot);
  CHECK(everything(site) == before);
  CHECK(site.must(site.store->erase(kAnn)) > 0);
}

TEST_CASE("a fence keeps others waiting, and falls when who put it up is gone", "[store][move]") {
  const Places places;
  Site site(places), other(places);
  fill(site);
  (void)other.inbox(kAnn);
  site.router().set_checkpoint([](std::string_view step) { return step != "seal"; });
  constexpr std::chrono::milliseconds kFence{1'500};
  CHECK(site.step("other", kFence).error().code == ErrorCode::kClosed);
  const auto begun = std::chrono::steady_clock::now();
  const auto stored = other.deliver(message("patient"));
  CHECK(std::chrono::steady_clock::now() - begun > std::chrono::milliseconds(100));
  CHECK(stored.uid == 15);
  CHECK(other.must(other.store->place(kAnn)) == "main");
}

TEST_CASE("who copies out of an account waits for the end of its fence as well", "[store][move]") {
  const Places places;
  Site site(places), other(places);
  fill(site);
  const auto from = other.inbox(kAnn);
  auto to = other.inbox(kBob);
  for (int n = 0; to.shard != from.shard && n < 100; ++n) to = other.inbox("near" + std::to_string(n) + "@a.test");
  REQUIRE(to.shard == from.shard);
  site.router().set_checkpoint([](std::string_view step) { return step != "seal"; });
  CHECK(site.step("other", std::chrono::milliseconds(1'500)).error().code == ErrorCode::kClosed);
  CHECK(other.must(other.store->copy(from, one(1), to)).uids.size() == 1);
}

TEST_CASE("a mover that is overtaken cannot take the account away", "[store][move]") {
  const Places places;
  Site site(places), other(places);
  fill(site);
  const auto before = everything(site);
  const std::string where = GENERATE("begin the copy", "copy", "fence", "copy the rest", "finish", "seal");
  const std::string what = GENERATE("write", "move", "abort");
  INFO(what << " at " << where);
  bool done = false;
  site.router().set_checkpoint([&](std::string_view step) {
    if (step != where || std::exchange(done, true)) return true;
    elsewhere_run([&] {
      if (what == "write") other.deliver(message("between"));  // once the fence has fallen
      if (what == "move") other.move("other");
      if (what == "abort") (void)other.run(other.store->abort_move(kAnn));
    });
    return true;
  });
  const auto moved = site.step("other", std::chrono::milliseconds(300));
  site.router().set_checkpoint({});
  if (!done) return;  // nothing was left to be copied behind the fence
  if (what == "write") {
    CHECK(site.must(site.store->snapshot(site.inbox(kAnn)))->size() == 12);
    site.move("other");
    CHECK(site.must(site.store->snapshot(site.inbox(kAnn)))->size() == 12);
    site.deliver(message("behind"));
    CHECK(site.must(site.store->snapshot(other.inbox(kAnn)))->size() == 13);
  } else {
    if (!moved) {
      // kExists: the other run has brought it there by now.
      const std::set<ErrorCode> losing{ErrorCode::kBusy, ErrorCode::kCannot, ErrorCode::kNoMailbox, ErrorCode::kExists,
                                       ErrorCode::kCorrupt};
      INFO(to_string(moved.error().code) << ": " << moved.error().detail);
      CHECK(losing.contains(moved.error().code));
    }
    CHECK(everything(site) == before);
    CHECK(everything(other) == before);
    site.move("other");
    CHECK(everything(other) == before);
  }
}

TEST_CASE("nothing is lost or doubled while an account moves to and fro under load", "[store][move]") {
  const Places places;
  Site site(places);
  fill(site);
  std::atomic<bool> over = false;
  std::atomic<int> refused = 0;
  std::atomic<int> delivered = 0;
  std::map<std::uint32_t, std::string> stored;  // by UID, as acknowledged
  std::set<std::uint32_t> removed;
  std::thread deliverer([&] {
    Site other(places);
    // Not without end: where moving is slower than delivering, each move would find more than the last.
    for (int n = 0; !over && n < 2'000; ++n) {
      const auto subject = "load" + std::to_string(n);
      const auto result = quietly_deliver(other, message(subject));
      if (result)
        stored[result->uid] = subject;
      else
        ++refused;
      ++delivered;
    }
  });
  std::thread client([&] {
    Site other(places);
    std::uint32_t uid = 15;
    while (!over) {
      const auto inbox = other.run(other.store->find(kAnn, "INBOX"));
      if (!inbox || inbox->status.uidnext <= uid + 2) {
        std::this_thread::yield();
        continue;
      }
      const auto flagged =
          other.run(other.store->store_flags(inbox->ref, one(uid), {FlagMode::kAdd, flag::kSeen, {"Touched"}, {}}));
      if (!flagged) continue;
      const auto gone = other.run(other.store->remove_messages(inbox->ref, one(uid)));
      if (gone && gone->uids.size() == 1) removed.insert(uid);
      if (!gone) continue;
      uid += 3;
    }
  });
  // However slow this machine is, some load goes with it.
  for (int round = 0; round < 3 || (delivered <= 10 && round < 100); ++round) {
    site.move("other");
    site.move("main");
  }
  over = true;
  deliverer.join();
  client.join();
  const auto inbox = site.inbox(kAnn);
  const auto view = site.must(site.store->snapshot(inbox));
  CHECK(refused == 0);
  CHECK(stored.size() > 10);
  CHECK(removed.size() > 1);
  std::map<std::uint32_t, ObjectId> there;
  for (std::size_t n = 0; n < view->size(); ++n) there[(*view)[n].uid] = (*view)[n].object;
  for (const auto& [uid, subject] : stored) {
    INFO(uid);
    REQUIRE(there.contains(uid) != removed.contains(uid));
    if (!there.contains(uid)) continue;
    CHECK(site.must(site.store->read(inbox, there[uid]))->contains("Subject: " + subject + "\r\n"));
  }
  CHECK(view->size() == 11 + stored.size() - removed.size());
  CHECK(site.must(site.store->recount(kAnn)) == 0);
}

TEST_CASE("a message that cannot be read is named, and those before it are copied", "[store][move]") {
  const Places places;
  Site site(places);
  const auto created = site.must(site.store->create(kAnn, "Kept", ""));
  for (const char* const text : {"first", "second", "third"})
    site.must(
        site.store->append(created.ref, {{std::make_shared<const std::string>(message(text)), 0, {}, wall_now()}}));
  REQUIRE(damage(places.main.path() / "bytes", "Text of second."));
  const auto moved = site.step("other");
  REQUIRE_FALSE(moved.has_value());
  CHECK(moved.error().code == ErrorCode::kCorrupt);
  CHECK_THAT(moved.error().detail, Catch::StartsWith("Kept: UID 2: "));
  CHECK(site.must(site.store->look_at_move(kAnn, "other")).messages_copied == 1);
  // Without it the move ends.
  site.must(site.store->remove_messages(created.ref, {{2, 2}}));
  site.move("other");
}

TEST_CASE("what is copied is kept for its message, and no fault", "[store][move]") {
  const Places places;
  const auto target = places.other.path().string();
  if (!quartet::test::postgres_for(target).empty()) return;  // these looks are into files
  Site site(places);
  site.deliver(message("both"), kAnn);
  const auto inbox = site.inbox(kAnn);
  const auto before_it = site.must(site.store->create(kAnn, "A", "")).ref;
  site.must(site.store->copy(inbox, one(1), before_it));
  const auto die_before_inbox = [&site] {
    site.router().set_checkpoint([step = 0](std::string_view) mutable { return ++step != 5; });
    CHECK(site.step("other").error().code == ErrorCode::kClosed);
  };
  die_before_inbox();
  site.must(site.store->remove_messages(before_it, one(1)));
  die_before_inbox();
  site.router().set_checkpoint({});
  const auto report = check(target);
  REQUIRE(report.has_value());
  CHECK(report->messages == 0);
  CHECK(report->objects == 1);
  CHECK(report->healthy());
  CHECK(repair(target).value() == 0);
  site.must(site.store->gc());
  site.move("other");
  const auto there = site.inbox(kAnn);
  const auto view = site.must(site.store->snapshot(there));
  REQUIRE(view->size() == 1);
  CHECK(*site.must(site.store->read(there, (*view)[0].object)) == message("both"));
}

TEST_CASE("mailboxes of others and messages reach over the stores", "[store][move]") {
  const Places places;
  Site site(places);
  fill(site);
  const auto bobs = site.inbox(kBob);
  site.must(site.store->set_acl(bobs, kAnn, AclMode::kReplace, *Rights::parse("lrswi")));
  site.move("other");
  const auto granted = site.must(site.store->granted({kAnn, kBob}));
  std::set<std::string> accounts;
  for (const auto& each : granted) accounts.insert(each.account + " " + each.info.name);
  CHECK(accounts == std::set<std::string>{kAnn + " Old/Deep", kBob + " INBOX"});
  const auto inbox = site.inbox(kAnn);
  const auto id = site.must(site.store->details(inbox, one(1)))[0].email_id;
  const auto copied = site.must(site.store->copy(inbox, {{1, 2}}, bobs));
  CHECK(copied.uids == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1, 1}, {2, 2}});
  CHECK(site.must(site.store->details(bobs, one(1)))[0].email_id == id);
  const auto view = site.must(site.store->snapshot(bobs));
  CHECK(view->keywords() == std::vector<std::string>{"$Work", "Later"});
  CHECK(((*view)[0].flags & flag::kFlagged) != 0);
  CHECK(site.must(site.store->read(bobs, (*view)[0].object))->contains("letter0"));
  const auto moved = site.must(site.store->move(bobs, one(2), inbox));
  CHECK(moved.uids.size() == 1);
  CHECK(uids_of(*site.must(site.store->snapshot(bobs))) == std::vector<std::uint32_t>{1});
  CHECK(site.error(site.store->copy({99, 1, 1}, one(1), inbox)) == ErrorCode::kNoMailbox);
}

TEST_CASE("one delivery to accounts in both stores", "[store][move]") {
  const Places places;
  Site site(places);
  fill(site);
  (void)site.inbox(kBob);
  Site stale(places);
  (void)stale.inbox(kAnn);
  site.move("other");
  std::vector<DeliveryTarget> targets(3);
  targets[0].account = kAnn;
  targets[1].account = kBob;
  targets[2].account = kAnn;
  targets[2].mailbox = "None";
  const auto stored =
      stale.run(stale.store->deliver(targets, std::make_shared<const std::string>(message("both")), wall_now()));
  REQUIRE((stored[0] && stored[1]));
  CHECK(stored[0]->uid == 15);
  CHECK(stored[1]->uid == 1);
  CHECK(stored[2].error().code == ErrorCode::kNoMailbox);
  CHECK(stale.must(stale.store->snapshot(stale.inbox(kAnn)))->size() == 12);
}

TEST_CASE("who watches an account is woken when it goes", "[store][move]") {
  const Places places;
  Site site(places);
  fill(site);
  Site other(places);
  const auto inbox = other.inbox(kAnn);
  const auto woken = other.run([](Site& here, Site& mover, MailboxRef ref) -> async::Task<async::Wait> {
    const auto watcher = here.store->watch(ref);
    elsewhere_run([&] { mover.move("other"); });
    co_return co_await watcher->event().wait(async::Deadline::after(std::chrono::seconds(8)));
  }(other, site, inbox));
  CHECK(woken == async::Wait::kReady);
  CHECK(other.error(other.store->snapshot(inbox)) == ErrorCode::kMoved);
}

TEST_CASE("a store in PostgreSQL that was made before accounts could move gets the tables", "[store][move]") {
  const Places places;
  const auto conninfo = quartet::test::postgres_for(places.other.path());
  if (conninfo.empty()) return;
  {
    Site site(places);
    fill(site);
  }
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(conninfo.c_str()), PQfinish);
  for (const char* const sql : {"DROP TABLE quartet_1.standing", "DROP TABLE quartet_1.incoming_object"}) {
    PGresult* const result = PQexec(connection.get(), sql);
    CHECK(PQresultStatus(result) == PGRES_COMMAND_OK);
    PQclear(result);
  }
  Site site(places);
  const auto before = everything(site);
  site.move("other");
  CHECK(everything(site) == before);
}

TEST_CASE("after the main store has changed, accounts are found where they are", "[store][move]") {
  Places places;
  std::string before, bobs;
  {
    Site site(places);
    fill(site);
    site.deliver(message("to bob"), kBob);
    site.move("other");
    before = everything(site);
    bobs = everything(site, kBob);
  }
  places.swapped = true;
  {
    Site site(places);
    CHECK(everything(site) == before);
    CHECK(site.must(site.store->place(kBob)) == "main");
    CHECK(everything(site, kBob) == bobs);
    CHECK(site.deliver(message("again"), kBob).uid == 2);
  }
  // Without the other store its account is refused, and not made anew.
  places.swapped = false;
  auto alone = places.options();
  alone.additional.clear();
  Fixture main([&](Options& options) { options = alone; });
  const auto found = main.run(main.store->find(kAnn, "INBOX"));
  REQUIRE_FALSE(found);
  CHECK(found.error().code == ErrorCode::kMoved);
  CHECK(found.error().detail == "other");
  CHECK(is_transient(found.error().code));
  CHECK(main.error(main.store->place(kAnn)) == ErrorCode::kUnsupported);
}
