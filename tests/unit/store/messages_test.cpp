#include "common/mime/digest.h"
#include "common/store/layout.h"
#include "common/store/sqlite_database.h"
#include "helpers.h"

using namespace quartet::store;

namespace {

const std::string kAnn = "ann@a.test";

Bytes bytes(const std::string& text) { return std::make_shared<const std::string>(text); }

FlagChange add(std::uint64_t flags, std::vector<std::string> keywords = {}) {
  return {FlagMode::kAdd, flags, std::move(keywords), std::nullopt};
}

}  // namespace

TEST_CASE("one body is delivered to many accounts and each can read it", "[store]") {
  Fixture f;
  std::vector<DeliveryTarget> targets(20);
  for (std::size_t n = 0; n < targets.size(); ++n) targets[n].account = "user" + std::to_string(n) + "@a.test";
  targets[7].mailbox = "Nowhere";
  targets[8].mailbox = "Made/Here";
  targets[8].create_mailbox = true;
  const std::string text = message("shared");
  const auto results = f.run(f.store->deliver(targets, bytes(text), quartet::from_micros(1'700'000'000'000'000)));
  for (std::size_t n = 0; n < targets.size(); ++n) {
    if (n == 7) {
      CHECK(results[n].error().code == ErrorCode::kNoMailbox);
      continue;
    }
    REQUIRE(results[n]);
    const auto info = f.must(f.store->find(targets[n].account, targets[n].mailbox));
    CHECK(info.ref == results[n]->mailbox);
    CHECK(info.status.uidvalidity == results[n]->uidvalidity);
    CHECK(info.status.messages == 1);
    CHECK(info.status.unseen == 1);
    CHECK(info.status.recent == 1);
    CHECK(info.status.size == text.size());
    const auto snapshot = f.must(f.store->snapshot(info.ref));
    REQUIRE(snapshot->size() == 1);
    CHECK((*snapshot)[0].internaldate == 1'700'000'000'000'000);
    CHECK((*snapshot)[0].modseq == results[n]->modseq);
    CHECK(*f.must(f.store->read(info.ref, (*snapshot)[0].object)) == text);
  }
}

TEST_CASE("two targets in one account make two messages of one body", "[store]") {
  Fixture f;
  std::vector<DeliveryTarget> targets(2);
  targets[0].account = targets[1].account = kAnn;
  targets[1].mailbox = "Copy";
  targets[1].create_mailbox = true;
  targets[1].keywords = {"$Label1"};
  targets[1].flags = flag::kSeen;
  const auto results = f.run(f.store->deliver(targets, bytes(message("x")), quartet::wall_now()));
  REQUIRE(results[0]);
  REQUIRE(results[1]);
  const auto first = f.must(f.store->snapshot(results[0]->mailbox));
  const auto second = f.must(f.store->snapshot(results[1]->mailbox));
  CHECK((*first)[0].object == (*second)[0].object);
  CHECK((*second)[0].flags == (flag::kSeen | std::uint64_t{1} << kFirstKeywordBit));
  CHECK(second->keywords() == std::vector<std::string>{"$Label1"});
}

TEST_CASE("headers that an older version kept are made anew once their fields are asked for", "[store][files]") {
  Fixture f;
  const auto inbox = f.inbox();
  f.deliver(message("kept"));
  const auto object = (*f.must(f.store->snapshot(inbox)))[0].object;
  const auto headers = [&](unsigned fields) {
    return std::string(f.must(f.store->fetch_cached(inbox, {object}, fields)).items()[0].headers);
  };
  const auto now = headers(cached::kHeaders);
  const auto fields = quartet::mime::kept_fields_of(now);
  REQUIRE(fields);
  REQUIRE(fields->size() < 128);  // its length is one octet
  auto database =
      *SqliteDatabase::open(Layout::open(test_options(f.directory).directory, 1)->shard_path(inbox.shard), {});
  const auto older = "\x02" + now.substr(2 + fields->size());
  database->prepare("UPDATE cache SET headers=?,version=2").bind_blob(older).run();
  CHECK(headers(cached::kHeaders) == older);
  CHECK(headers(cached::kFields) == now);
  // The next change to the shard is behind the renewal.
  f.deliver(message("next"));
  CHECK(headers(cached::kHeaders) == now);
}

TEST_CASE("append takes several messages or none", "[store]") {
  Fixture f([](Options& options) { options.quota = [](std::string_view) { return QuotaLimit{0, 3}; }; });
  const auto inbox = f.inbox();
  const auto done = f.must(f.store->append(inbox, {{bytes(message("a")), flag::kDraft, {"$One"}, std::nullopt},
                                                   {bytes(message("b")), 0, {"$Two", "$one"}, std::nullopt}}));
  CHECK(done.uids == std::vector<std::uint32_t>{1, 2});
  const auto snapshot = f.must(f.store->snapshot(inbox));
  CHECK(snapshot->keywords() == std::vector<std::string>{"$One", "$Two"});
  CHECK((*snapshot)[0].flags == (flag::kDraft | 1u << 16));
  CHECK((*snapshot)[1].flags == (1u << 16 | 1u << 17));
  CHECK(f.error(f.store->append(inbox, {{bytes("c"), 0, {}, std::nullopt}, {bytes("d"), 0, {}, std::nullopt}})) ==
        ErrorCode::kOverQuota);
  CHECK(f.must(f.store->status(inbox)).messages == 2);
  CHECK(f.must(f.store->status(inbox)).uidnext == 3);
}

TEST_CASE("of many messages that are appended together each is taken apart by itself", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  std::vector<AppendMessage> messages;
  // More than the loop takes apart itself.
  for (int n = 0; n < 100; ++n)
    messages.push_back({bytes("Subject: s" + std::to_string(n) + "\r\n\r\n" + std::string(2'000, 'x')), 0, {}, {}});
  CHECK(f.must(f.store->append(inbox, messages)).uids.size() == 100);
  const auto view = f.must(f.store->snapshot(inbox));
  for (std::size_t n = 0; n < 100; ++n) {
    const auto cached = f.must(f.store->fetch_cached(inbox, {(*view)[n].object}, cached::kEnvelope));
    CHECK(cached.items()[0].envelope.contains("\"s" + std::to_string(n) + "\""));
    CHECK(*f.must(f.store->read(inbox, (*view)[n].object)) == *messages[n].bytes);
  }
}

TEST_CASE("flags are set, added and removed, and only changes get a modseq", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  for (int n = 0; n < 4; ++n) f.deliver(message(std::to_string(n)));
  const auto added = f.must(f.store->store_flags(inbox, {{1, 2}, {4, kMaxUid}}, add(flag::kSeen, {"Work"})));
  REQUIRE(added.messages.size() == 3);
  CHECK(added.messages[2].uid == 4);
  CHECK(f.must(f.store->status(inbox)).unseen == 1);
  const auto again = f.must(f.store->store_flags(inbox, {{1, 3}}, add(flag::kSeen)));
  CHECK(again.messages[0].modseq == added.modseq);
  CHECK(again.messages[2].modseq == again.modseq);
  CHECK(again.modseq > added.modseq);
  const auto stale =
      f.must(f.store->store_flags(inbox, {{1, 4}}, {FlagMode::kReplace, flag::kFlagged, {}, added.modseq}));
  CHECK(stale.modified == std::vector<std::uint32_t>{3});
  CHECK(stale.messages.size() == 3);
  CHECK(f.must(f.store->status(inbox)).unseen == 3);
  const auto removed =
      f.must(f.store->store_flags(inbox, {{1, 4}}, {FlagMode::kRemove, flag::kFlagged, {"unknown"}, {}}));
  CHECK(removed.messages[0].flags == 0);
  CHECK(f.must(f.store->snapshot(inbox))->keywords() == std::vector<std::string>{"Work"});
  CHECK(f.must(f.store->store_flags(inbox, {{9, 12}}, add(flag::kSeen))).messages.empty());
}

TEST_CASE("changes of flags made together are made in their order, and fail one by one", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  for (int n = 0; n < 3; ++n) f.deliver(message(std::to_string(n)));
  std::vector<std::string> many;
  for (int n = 0; n <= kMaxKeywords; ++n) many.push_back("k" + std::to_string(n));
  const auto results = f.must(
      f.store->store_flags(inbox, std::vector<FlagRequest>{{{{1, 3}}, add(flag::kSeen)},
                                                           {{{1, 1}}, add(0, many)},
                                                           {{{1, 1}}, add(0, {"Work"})},
                                                           {{{1, 2}}, {FlagMode::kRemove, flag::kSeen, {}, {}}}}));
  REQUIRE(results.size() == 4);
  CHECK(results[1].error().code == ErrorCode::kTooManyKeywords);
  REQUIRE(results[3].has_value());
  CHECK(results[0]->modseq < results[2]->modseq);
  CHECK(results[2]->modseq < results[3]->modseq);
  const auto snapshot = f.must(f.store->snapshot(inbox));
  CHECK((*snapshot)[0].flags == std::uint64_t{1} << kFirstKeywordBit);
  CHECK((*snapshot)[1].flags == 0);
  CHECK((*snapshot)[2].flags == flag::kSeen);
  CHECK((*snapshot)[2].modseq == results[0]->modseq);
}

TEST_CASE("an account has a limit of keywords and says so", "[store]") {
  Fixture f;
  f.deliver(message("x"));
  std::vector<std::string> many;
  for (int n = 0; n < kMaxKeywords; ++n) many.push_back("k" + std::to_string(n));
  const auto all = f.must(f.store->store_flags(f.inbox(), {{1, 1}}, add(0, many)));
  CHECK(all.messages[0].flags == ((std::uint64_t{1} << kMaxKeywords) - 1) << kFirstKeywordBit);
  CHECK((*f.must(f.store->snapshot(f.inbox())))[0].flags == all.messages[0].flags);
  CHECK(f.error(f.store->store_flags(f.inbox(), {{1, 1}}, add(0, {"onemore"}))) == ErrorCode::kTooManyKeywords);
}

TEST_CASE("more keywords than there can be are refused, however few there are", "[store]") {
  Fixture f;
  f.deliver(message("x"));
  f.must(f.store->store_flags(f.inbox(), {{1, 1}}, add(0, {"a", "b"})));
  f.must(f.store->store_flags(f.inbox(), {{1, 1}}, {FlagMode::kRemove, 0, {"b"}, {}}));
  std::vector<std::string> many;
  for (int n = 0; n < kMaxKeywords; ++n) many.push_back("k" + std::to_string(n));
  CHECK(f.error(f.store->store_flags(f.inbox(), {{1, 1}}, add(0, many))) == ErrorCode::kTooManyKeywords);
  many.pop_back();
  const auto stored = f.must(f.store->store_flags(f.inbox(), {{1, 1}}, add(0, many)));
  CHECK(stored.messages[0].flags == kAllKeywords);
}

TEST_CASE("keywords that no message has any more give their place to new ones", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  for (int n = 0; n < 2; ++n) f.deliver(message(std::to_string(n)));
  std::vector<std::string> many;
  for (int n = 0; n < kMaxKeywords; ++n) many.push_back("k" + std::to_string(n));
  f.must(f.store->store_flags(inbox, {{1, 1}}, add(0, many)));
  f.must(f.store->store_flags(inbox, {{1, 1}}, {FlagMode::kRemove, 0, {"k3", "k7", "k9"}, {}}));
  f.must(f.store->store_flags(inbox, {{2, 2}}, add(0, {"k7"})));
  // Both at once: the first must not have lost its place to the second. And one that is there, but not used.
  const auto stored = f.must(
      f.store->store_flags(inbox, std::vector<FlagRequest>{{{{2, 2}}, add(0, {"new"})}, {{{1, 1}}, add(0, {"K9"})}}));
  REQUIRE(stored[0].has_value());
  REQUIRE(stored[1].has_value());
  const auto view = f.must(f.store->snapshot(inbox));
  const auto bit = [](int n) { return std::uint64_t{1} << (kFirstKeywordBit + n); };
  CHECK(view->keywords()[3] == "new");
  CHECK(view->keywords().size() == static_cast<std::size_t>(kMaxKeywords));
  CHECK((*view)[0].flags == (kAllKeywords & ~bit(3) & ~bit(7)));
  CHECK((*view)[1].flags == (bit(7) | bit(3)));
  CHECK(f.error(f.store->store_flags(inbox, {{1, 1}}, add(0, {"onemore"}))) == ErrorCode::kTooManyKeywords);
}

TEST_CASE("only messages marked deleted are expunged, and the log tells of them", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  for (int n = 0; n < 6; ++n) f.deliver(message(std::to_string(n)));
  const auto before = f.must(f.store->snapshot(inbox));
  f.must(f.store->store_flags(inbox, {{2, 3}, {5, 6}}, add(flag::kDeleted)));
  CHECK(f.must(f.store->status(inbox)).deleted == 4);
  const auto some = f.must(f.store->expunge(inbox, UidSet{{1, 3}}));
  CHECK(some.uids == std::vector<std::uint32_t>{2, 3});
  const auto rest = f.must(f.store->expunge(inbox, std::nullopt));
  CHECK(rest.uids == std::vector<std::uint32_t>{5, 6});
  CHECK(f.must(f.store->expunge(inbox, std::nullopt)).modseq == 0);
  const auto after = f.must(f.store->snapshot(inbox));
  CHECK(uids_of(*after) == std::vector<std::uint32_t>{1, 4});
  CHECK(compare(*before, *after).expunged == std::vector<std::size_t>{1, 2, 4, 5});
  CHECK(f.must(f.store->changes(inbox, before->highest_modseq())).vanished == UidSet{{2, 3}, {5, 6}});
  CHECK(f.must(f.store->changes(inbox, some.modseq)).vanished == UidSet{{5, 6}});
  const auto status = f.must(f.store->status(inbox));
  CHECK(status.messages == 2);
  CHECK(status.deleted == 0);
  CHECK(status.uidnext == 7);
  CHECK(f.deliver(message("new")).uid == 7);
}

TEST_CASE("an expunged body is readable until it is collected, a shared one as long as it is used", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  const auto other = f.must(f.store->create(kAnn, "Other", "")).ref;
  f.deliver(message("kept"));
  f.deliver(message("gone"));
  const auto view = f.must(f.store->snapshot(inbox));
  f.must(f.store->copy(inbox, {{1, 1}}, other));
  f.must(f.store->store_flags(inbox, {{1, 2}}, add(flag::kDeleted)));
  f.must(f.store->expunge(inbox, std::nullopt));
  CHECK(*f.must(f.store->read(inbox, (*view)[1].object)) == message("gone"));
  CHECK(f.must(f.store->gc()).objects_released == 1);
  CHECK(f.error(f.store->read(inbox, (*view)[1].object)) == ErrorCode::kNoMessage);
  CHECK(*f.must(f.store->read(inbox, (*view)[0].object)) == message("kept"));
  const auto cached = f.must(f.store->fetch_cached(inbox, {(*view)[0].object, (*view)[1].object}, cached::kEnvelope));
  CHECK(cached.items()[0].found);
  CHECK_FALSE(cached.items()[1].found);
}

TEST_CASE("expunged bytes stay for the time other sessions may need them", "[store]") {
  Fixture f([](Options& options) { options.release_after = std::chrono::hours(1); });
  const auto inbox = f.inbox();
  f.deliver(message("x"), kAnn, flag::kDeleted);
  const auto view = f.must(f.store->snapshot(inbox));
  f.must(f.store->expunge(inbox, std::nullopt));
  CHECK(f.must(f.store->gc()).objects_released == 0);
  CHECK(*f.must(f.store->read(inbox, (*view)[0].object)) == message("x"));
}

TEST_CASE("copy and move keep flags and date and give the map of UIDs", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  const auto other = f.must(f.store->create(kAnn, "Other", "")).ref;
  for (int n = 0; n < 3; ++n) f.deliver(message(std::to_string(n)), kAnn, flag::kAnswered);
  const auto source = f.must(f.store->snapshot(inbox));
  const auto copied = f.must(f.store->copy(inbox, {{2, 3}, {7, 9}}, other));
  CHECK(copied.uids == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{2, 1}, {3, 2}});
  const auto target = f.must(f.store->snapshot(other));
  CHECK((*target)[0].flags == flag::kAnswered);
  CHECK((*target)[0].internaldate == (*source)[1].internaldate);
  CHECK((*target)[0].object == (*source)[1].object);
  const auto moved = f.must(f.store->move(inbox, {{1, 2}}, other));
  CHECK(moved.uids == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1, 3}, {2, 4}});
  CHECK(moved.expunge_modseq > 0);
  CHECK(uids_of(*f.must(f.store->snapshot(inbox))) == std::vector<std::uint32_t>{3});
  CHECK(f.must(f.store->quota(kAnn)).messages == 5);
  CHECK(f.must(f.store->copy(inbox, {{3, 3}}, inbox)).uids[0].second == 4);
  CHECK(f.must(f.store->copy(inbox, {{50, 60}}, other)).uids.empty());
}

TEST_CASE("copies of scattered messages are counted and have their bytes", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  const auto target = GENERATE(true, false) ? inbox : f.must(f.store->create(kAnn, "Other", "")).ref;
  for (int n = 1; n <= 7; ++n)
    f.deliver(message(std::to_string(n)), kAnn, n % 2 == 0 ? flag::kSeen : n == 5 ? flag::kDeleted : 0);
  f.must(f.store->remove_messages(inbox, {{3, 3}}));
  const auto before = f.must(f.store->status(target));
  const auto copied = f.must(f.store->copy(inbox, {{1, 5}, {7, 7}}, target));
  const std::vector<std::uint32_t> sources = {1, 2, 4, 5, 7};
  const auto view = f.must(f.store->snapshot(target));
  REQUIRE(copied.uids.size() == sources.size());
  for (std::size_t n = 0; n < sources.size(); ++n) {
    CHECK(copied.uids[n] == std::pair{sources[n], before.uidnext + static_cast<std::uint32_t>(n)});
    const auto& entry = (*view)[before.messages + n];
    CHECK(entry.uid == copied.uids[n].second);
    CHECK(entry.modseq == view->highest_modseq());
    CHECK(*f.must(f.store->read(target, entry.object)) == message(std::to_string(sources[n])));
  }
  const auto after = f.must(f.store->status(target));
  CHECK(after.recent == before.recent + 5);
  CHECK(after.deleted == before.deleted + 1);
  CHECK(after.unseen == before.unseen + 3);
  CHECK(f.must(f.store->recount(kAnn)) == 0);
  // The bytes go with the last of those that share them.
  f.must(f.store->remove_messages(inbox, {{1, 7}}));
  f.must(f.store->gc());
  CHECK(*f.must(f.store->read(target, (*view)[before.messages].object)) == message("1"));
  f.must(f.store->remove_messages(target, {{before.uidnext, after.uidnext - 1}}));
  f.must(f.store->gc());
  CHECK(f.error(f.store->read(target, (*view)[before.messages].object)) == ErrorCode::kNoMessage);
}

TEST_CASE("each message is recent for exactly one session", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  f.deliver(message("1"));
  f.deliver(message("2"));
  const auto first = f.must(f.store->claim_recent(inbox));
  CHECK(first.first == 1);
  CHECK(first.last == 2);
  const auto second = f.must(f.store->claim_recent(inbox));
  CHECK(second.last < second.first);
  f.deliver(message("3"));
  CHECK(f.must(f.store->status(inbox)).recent == 1);
  const auto third = f.must(f.store->claim_recent(inbox));
  CHECK(third.first == 3);
  CHECK(third.last == 3);
  f.deliver(message("4"));
  CHECK(f.must(f.store->snapshot(inbox))->head().recent == 1);
  const std::vector<AppendMessage> one = {{bytes(message("5")), 0, {}, std::nullopt}};
  const auto appended = f.must(f.store->append(inbox, one, true));
  CHECK(appended.recent.first == 4);
  CHECK(appended.recent.last == 5);
  CHECK(f.must(f.store->snapshot(inbox))->head().recent == 0);
  CHECK(f.must(f.store->append(inbox, one)).recent.last == 0);
  CHECK(f.must(f.store->claim_recent(inbox)).first == 6);
}

TEST_CASE("what is appended by name is where find() would have put it", "[store]") {
  Fixture f;
  const std::string ann = "ann@a.test";
  const auto work = f.must(f.store->create(ann, "Work/Plans", ""));
  const std::vector<AppendMessage> one = {{bytes(message("one")), flag::kSeen, {}, std::nullopt}};
  const auto first = f.must(f.store->append(ann, "Work/Plans", one, work.ref));
  CHECK(first.mailbox == work.ref);
  CHECK(first.uids == std::vector<std::uint32_t>{1});
  CHECK(first.recent.first == 1);
  CHECK(first.recent.last == 1);
  CHECK(f.must(f.store->append(ann, "inbox", one, work.ref)).recent.last == 0);
  CHECK(f.must(f.store->append("new@a.test", "INBOX", one, std::nullopt)).uids.size() == 1);
  CHECK(f.error(f.store->append(ann, "None", one, std::nullopt)) == ErrorCode::kNoMailbox);
  CHECK(f.error(f.store->append(ann, "a//b", one, std::nullopt)) == ErrorCode::kInvalidName);
  f.must(f.store->rename(ann, "Work/Plans", "Done"));
  CHECK(f.error(f.store->append(ann, "Work/Plans", one, std::nullopt)) == ErrorCode::kNoMailbox);
  CHECK(f.must(f.store->append(ann, "Done", one, std::nullopt)).uids == std::vector<std::uint32_t>{2});
}

TEST_CASE("the view that comes with an append is that of the mailbox", "[store]") {
  Fixture f;
  const auto second = must_open(test_options(f.directory));
  const auto inbox = f.inbox();
  std::vector<AppendMessage> two = {{bytes(message("one")), flag::kSeen, {}, std::nullopt},
                                    {bytes(message("two")), 0, {}, std::nullopt}};
  CHECK(f.must(f.store->append(inbox, two)).view == nullptr);  // nobody has looked at it yet
  const auto before = f.must(f.store->snapshot(inbox));
  const auto appended = f.must(f.store->append(inbox, two));
  REQUIRE(appended.view != nullptr);
  // Another process has no such view in memory and reads it.
  const auto read = f.must(second->snapshot(inbox));
  CHECK(uids_of(*appended.view) == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(compare(*read, *appended.view).changed.empty());
  CHECK(compare(*before, *appended.view).first_new == 2);
  for (std::size_t n = 0; n < read->size(); ++n) {
    const Entry &a = (*read)[n], &b = (*appended.view)[n];
    CHECK(std::tie(a.uid, a.size, a.flags, a.modseq, a.object, a.internaldate) ==
          std::tie(b.uid, b.size, b.flags, b.modseq, b.object, b.internaldate));
  }
  CHECK(appended.view->uidnext() == read->uidnext());
  CHECK(appended.view->highest_modseq() == read->highest_modseq());
  CHECK(appended.view->head().recent == read->head().recent);
  // What another process did in between is not left out.
  f.must(second->store_flags(inbox, {{1, 1}}, {FlagMode::kAdd, flag::kFlagged, {}, {}}));
  CHECK(f.must(f.store->append(inbox, two)).view == nullptr);
  CHECK(((*f.must(f.store->snapshot(inbox)))[0].flags & flag::kFlagged) != 0);
  two[0].keywords = {"$New"};
  CHECK(f.must(f.store->append(inbox, two)).view == nullptr);
  CHECK(f.must(f.store->snapshot(inbox))->keywords() == std::vector<std::string>{"$New"});
}

TEST_CASE("quota holds in the transaction that would break it", "[store]") {
  const std::string text = message("x");
  Fixture f([&](Options& options) {
    options.quota = [size = text.size()](std::string_view account) {
      return account == kAnn ? QuotaLimit{size * 3, 0} : QuotaLimit{};
    };
  });
  std::vector<DeliveryTarget> targets(5);
  for (auto& target : targets) target.account = kAnn;
  targets[4].account = "free@a.test";
  const auto results = f.run(f.store->deliver(targets, bytes(text), quartet::wall_now()));
  CHECK(results[2].has_value());
  CHECK(results[3].error().code == ErrorCode::kOverQuota);
  CHECK(results[4].has_value());
  CHECK(f.error(f.store->check_quota(kAnn, 1)) == ErrorCode::kOverQuota);
  f.must(f.store->check_quota("free@a.test", 1 << 30));
  const auto inbox = f.inbox();
  CHECK(f.error(f.store->copy(inbox, {{1, 1}}, inbox)) == ErrorCode::kOverQuota);
  const auto other = f.must(f.store->create(kAnn, "Other", "")).ref;
  CHECK(f.must(f.store->move(inbox, {{1, 1}}, other)).uids.size() == 1);
  f.must(f.store->store_flags(inbox, {{2, 2}}, add(flag::kDeleted)));
  f.must(f.store->expunge(inbox, std::nullopt));
  f.must(f.store->check_quota(kAnn, text.size()));
  CHECK(f.must(f.store->quota(kAnn)).bytes == text.size() * 2);
}

TEST_CASE("bytes that a mailbox names several times go with the last name", "[store]") {
  Fixture f;
  Stored stored;
  for (int n = 0; n < 3; ++n) stored = f.deliver("Subject: " + std::to_string(n) + "\r\n\r\n");
  const auto inbox = stored.mailbox;
  CHECK(f.must(f.store->copy(inbox, {{2, 2}}, inbox)).uids.size() == 1);
  CHECK(f.must(f.store->copy(inbox, {{1, 4}}, inbox)).uids.size() == 4);
  // Of 1 and 3 one name is left, of 2 there are two of four.
  CHECK(f.must(f.store->remove_messages(inbox, {{1, 4}})).uids.size() == 4);
  CHECK(f.must(f.store->gc()).objects_released == 0);
  const auto view = f.must(f.store->snapshot(inbox));
  REQUIRE(view->size() == 4);
  for (std::size_t n = 0; n < view->size(); ++n) f.must(f.store->read(inbox, (*view)[n].object));
  CHECK(f.must(f.store->remove_messages(inbox, {{5, 7}})).uids.size() == 3);
  CHECK(f.must(f.store->gc()).objects_released == 2);
  f.must(f.store->read(inbox, (*view)[3].object));
  CHECK(f.must(f.store->remove_messages(inbox, {{8, 8}})).uids.size() == 1);
  CHECK(f.must(f.store->gc()).objects_released == 1);
}

TEST_CASE("snapshots share what did not change and follow every change", "[store]") {
  Fixture f;
  const auto inbox = f.inbox();
  std::vector<AppendMessage> many;
  for (int n = 0; n < 1'200; ++n) many.push_back({bytes(message(std::to_string(n))), 0, {}, std::nullopt});
  f.must(f.store->append(inbox, many));
  const auto first = f.must(f.store->snapshot(inbox));
  CHECK(first->size() == 1'200);
  CHECK(f.must(f.store->snapshot(inbox)) == first);
  f.must(f.store->store_flags(inbox, {{600, 600}}, add(flag::kSeen)));
  f.deliver(message("new"));
  const auto second = f.must(f.store->snapshot(inbox));
  CHECK(second->size() == 1'201);
  CHECK(second->blocks()[0] == first->blocks()[0]);
  CHECK(second->blocks()[1] != first->blocks()[1]);
  CHECK((*second)[*second->find(600)].flags == flag::kSeen);
  const auto delta = compare(*first, *second);
  CHECK(delta.changed == std::vector<std::size_t>{599});
  CHECK(delta.first_new == 1'200);
  f.must(f.store->store_flags(inbox, {{1, 550}, {1'190, kMaxUid}}, add(flag::kDeleted)));
  f.must(f.store->expunge(inbox, std::nullopt));
  const auto third = f.must(f.store->snapshot(inbox));
  CHECK(third->size() == 639);
  CHECK((*third)[0].uid == 551);
  CHECK((*third)[638].uid == 1'189);
}

TEST_CASE("messages are read in ranges, also past the end", "[store]") {
  Fixture f;
  // Larger ones have a file of their own.
  const std::size_t lines = GENERATE(1'000, 40'000);
  std::string text = message("large");
  for (std::size_t n = 0; n < lines; ++n) text += "line " + std::to_string(n) + "\r\n";
  const auto stored = f.deliver(text);
  const ObjectId object = (*f.must(f.store->snapshot(stored.mailbox)))[0].object;
  const auto opened = f.must(f.store->open(stored.mailbox, object));
  CHECK(opened.size() == text.size());
  CHECK(f.must(opened.read(0, text.size())) == text);
  CHECK(f.must(opened.read(5'000, 50)) == text.substr(5'000, 50));
  CHECK(f.must(opened.read(text.size() - 3, 50)) == text.substr(text.size() - 3));
  CHECK(f.must(opened.read(text.size() + 3, 50)).empty());
  CHECK(f.error(f.store->open(stored.mailbox, 999)) == ErrorCode::kNoMessage);
}

TEST_CASE("a large message that is open is read though it has been collected, or its end is told", "[store]") {
  Fixture f;
  std::string text = message("large");
  for (int n = 0; n < 40'000; ++n) text += "line " + std::to_string(n) + "\r\n";
  REQUIRE(text.size() > (256u << 10));
  const auto stored = f.deliver(text);
  const ObjectId object = (*f.must(f.store->snapshot(stored.mailbox)))[0].object;
  const auto opened = f.must(f.store->open(stored.mailbox, object));
  CHECK(*f.must(f.store->read_many(stored.mailbox, {object, 999}))[0] == text);
  CHECK(f.must(f.store->read_many(stored.mailbox, {object, 999}))[1] == nullptr);
  // The payload file goes with the message.
  f.must(f.store->store_flags(stored.mailbox, {{1, 1}}, add(flag::kDeleted)));
  f.must(f.store->expunge(stored.mailbox, std::nullopt));
  f.must(f.store->gc());
  CHECK(f.error(f.store->read(stored.mailbox, object)) == ErrorCode::kNoMessage);
  const auto payload = f.directory.file("bytes/payload");
  CHECK((!std::filesystem::exists(payload) || std::filesystem::is_empty(payload)));
  CHECK(f.error(f.store->open(stored.mailbox, object)) == ErrorCode::kNoMessage);
  if (f.is_in_files())
    CHECK(f.must(opened.read(300'000, 50)) == text.substr(300'000, 50));
  else
    CHECK(f.error(opened.read(300'000, 50)) == ErrorCode::kNoMessage);
}

TEST_CASE("the messages of a deleted mailbox are purged", "[store]") {
  Fixture f;
  const auto other = f.must(f.store->create(kAnn, "Other", "")).ref;
  std::vector<AppendMessage> many;
  for (int n = 0; n < 1'100; ++n) many.push_back({bytes("Subject: x\r\n\r\n"), 0, {}, std::nullopt});
  f.must(f.store->append(other, many));
  f.must(f.store->remove(kAnn, "Other"));
  CHECK(f.must(f.store->quota(kAnn)).messages == 0);
  CHECK(f.error(f.store->snapshot(other)) == ErrorCode::kNoMailbox);
  std::uint64_t released = 0;
  for (int n = 0; n < 5 && released < 1'100; ++n) released += f.must(f.store->gc()).objects_released;
  CHECK(released == 1'100);
}

TEST_CASE("a look at many messages shows each of them once, and none that is gone", "[store]") {
  Fixture f;
  const std::string large(300'000, 'l');
  constexpr std::size_t kMessages = 100;
  const auto text = [&large](std::size_t n) {
    return "Subject: " + std::to_string(n) + "\r\n\r\n" + (n == 50 ? large : "");
  };
  Stored stored;
  for (std::size_t n = 0; n < kMessages; ++n) stored = f.deliver(text(n));
  const auto view = f.must(f.store->snapshot(stored.mailbox));
  std::vector<ObjectId> objects;
  for (std::size_t n = 0; n < view->size(); ++n) objects.push_back((*view)[n].object);
  for (const bool apart : {false, true}) {
    auto asked = objects;
    asked.push_back(objects.back() + 1000);
    // In any order: no walk over a table finds them then.
    if (apart) std::ranges::reverse(asked);
    std::vector<std::string> seen(asked.size());
    f.must(f.store->look_at(stored.mailbox, asked,
                            [&seen](std::size_t place, std::string_view message) { seen[place] += message; }));
    if (apart) std::ranges::reverse(seen);
    for (std::size_t n = 0; n < kMessages; ++n) CHECK(seen[n] == text(n));
    CHECK(seen.back().empty());
  }
}

TEST_CASE("what is kept of messages comes in the order asked for, with gaps between them and without", "[store]") {
  Fixture f([](Options& options) { options.shards = 1; });
  Stored ann;
  for (int n = 0; n < 20; ++n) {
    ann = f.deliver("Subject: a" + std::to_string(n) + "\r\n\r\n");
    // Of another account, between them.
    if (n % 4 == 0) f.deliver("Subject: b\r\n\r\n", "bob@a.test");
  }
  const auto view = f.must(f.store->snapshot(ann.mailbox));
  const auto subjects = [&](const std::vector<std::size_t>& positions, std::vector<ObjectId> more) {
    std::vector<ObjectId> objects;
    for (const auto position : positions) objects.push_back((*view)[position].object);
    objects.insert(objects.end(), more.begin(), more.end());
    const auto cached = f.must(f.store->fetch_cached(ann.mailbox, objects, cached::kEnvelope | cached::kHeaders));
    REQUIRE(cached.items().size() == objects.size());
    std::vector<std::string> found;
    for (std::size_t n = 0; n < objects.size(); ++n) {
      CHECK(cached.items()[n].object == objects[n]);
      CHECK(cached.items()[n].body.empty());
      const auto headers = quartet::mime::decode_headers(cached.items()[n].headers);
      found.push_back(cached.items()[n].found && headers ? std::string(headers->subject) : "");
      CHECK(cached.items()[n].envelope.contains(found.back()));
    }
    return found;
  };
  using Subjects = std::vector<std::string>;
  CHECK(subjects({2, 3, 4, 5, 7}, {}) == Subjects{"a2", "a3", "a4", "a5", "a7"});
  CHECK(subjects({0, 19}, {}) == Subjects{"a0", "a19"});
  CHECK(subjects({5, 3, 4}, {}) == Subjects{"a5", "a3", "a4"});
  CHECK(subjects({3, 3}, {}) == Subjects{"a3", "a3"});
  CHECK(subjects({18, 19}, {(*view)[19].object + 1, (*view)[19].object + 2}) == Subjects{"a18", "a19", "", ""});
}
