// Notes on mailboxes and accounts (RFC 5464).
#include "helpers.h"

using namespace quartet::store;

namespace {

const std::string kAnn = "ann@a.test";
const std::string kBob = "bob@a.test";

std::string listed(const std::vector<Annotation>& annotations) {
  std::string out;
  for (const auto& each : annotations) out += each.user + " " + each.entry + "=" + each.value + "\n";
  return out;
}

}  // namespace

TEST_CASE("each user sees what is for all and what is the user's own", "[store]") {
  Fixture f;
  const auto inbox = f.inbox(kAnn);
  f.must(f.store->annotate(
      inbox, {{"", "/comment", "all"}, {kAnn, "/comment", "mine"}, {kBob, "/color", std::string("\0b", 2)}}));
  CHECK(listed(f.must(f.store->annotations(inbox, kAnn))) == " /comment=all\nann@a.test /comment=mine\n");
  CHECK(listed(f.must(f.store->annotations(inbox, kBob))) ==
        "bob@a.test /color=" + std::string("\0b", 2) + "\n /comment=all\n");
  f.must(f.store->annotate(inbox, {{"", "/comment", std::nullopt}, {kAnn, "/comment", "changed"}}));
  CHECK(listed(f.must(f.store->annotations(inbox, kAnn))) == "ann@a.test /comment=changed\n");
  const MailboxRef account{inbox.shard, inbox.account, 0};
  CHECK(f.must(f.store->annotations(account, kAnn)).empty());
  f.must(f.store->annotate(account, {{kAnn, "/x", "1"}}));
  CHECK(listed(f.must(f.store->annotations(account, kAnn))) == "ann@a.test /x=1\n");
}

TEST_CASE("INBOX keeps them when it is renamed, and they go along", "[store]") {
  Fixture f;
  const auto inbox = f.inbox(kAnn);
  f.must(f.store->annotate(inbox, {{"", "/comment", "all"}, {kBob, "/color", std::string("\0b", 2)}}));
  f.must(f.store->rename(kAnn, "INBOX", "Old"));
  const auto old = f.must(f.store->find(kAnn, "Old")).ref;
  const auto both = "bob@a.test /color=" + std::string("\0b", 2) + "\n /comment=all\n";
  CHECK(listed(f.must(f.store->annotations(inbox, kBob))) == both);
  CHECK(listed(f.must(f.store->annotations(old, kBob))) == both);
}

TEST_CASE("they go with their mailbox, and there is an end to them", "[store]") {
  Fixture f;
  const auto box = f.must(f.store->create(kAnn, "box", "")).ref;
  f.must(f.store->annotate(box, {{"", "/comment", "1"}}));
  std::vector<AnnotationChange> many;
  for (std::size_t n = 0; n < kMaxAnnotations; ++n) many.push_back({"", "/" + std::to_string(n), "x"});
  CHECK(f.error(f.store->annotate(box, many)) == ErrorCode::kCannot);
  CHECK(f.must(f.store->annotations(box, kAnn)).size() == 1);
  many.back().entry = "/comment";
  f.must(f.store->annotate(box, many));
  f.must(f.store->annotate(box, {{"", "/comment", "over again"}}));
  f.must(f.store->rename(kAnn, "box", "renamed"));
  CHECK(f.must(f.store->annotations(box, kAnn)).size() == kMaxAnnotations);
  f.must(f.store->remove(kAnn, "renamed"));
  CHECK(f.error(f.store->annotations(box, kAnn)) == ErrorCode::kNoMailbox);
  CHECK(f.error(f.store->annotate(box, {{"", "/comment", "1"}})) == ErrorCode::kNoMailbox);
}
