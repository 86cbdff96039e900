// Headers that SORT and THREAD keep in memory.
#include "imapd/header_cache.h"

#include <map>

#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd;
using namespace quartet::imapd::test;

namespace {

store::SnapshotPtr view_of(std::int64_t mailbox, std::uint32_t size, std::uint32_t uidvalidity = 1) {
  store::Snapshot::Head head;
  head.mailbox = {0, 1, mailbox};
  head.uidvalidity = uidvalidity;
  auto block = std::make_shared<store::Snapshot::Block>();
  for (std::uint32_t uid = 1; uid <= size; ++uid) block->push_back({.uid = uid});
  store::Snapshot::Blocks blocks;
  if (size > 0) blocks.push_back(std::move(block));
  return std::make_shared<store::Snapshot>(head, std::move(blocks));
}

mime::StoredHeaders headers(std::string_view subject) {
  mime::StoredHeaders out;
  out.base_subject = subject;
  out.references = "<a@b> <c@d>";
  out.sent = mime::Date{77, 60};
  out.is_reply_or_forward = true;
  return out;
}

HeaderBatch batch(std::uint32_t first, std::uint32_t last, const std::string& subject) {
  HeaderBatch out;
  for (auto uid = first; uid <= last; ++uid) out.add(uid, headers(subject));
  return out;
}

/// The base subjects of what is known, and how many are not.
std::pair<std::map<std::size_t, std::string>, std::vector<std::size_t>> ask(const MailboxHeaders& kept,
                                                                            std::vector<std::uint32_t> uids) {
  std::map<std::size_t, std::string> subjects;
  auto missing = kept.use(uids, [&subjects](std::size_t place, const mime::StoredHeaders& known) {
    subjects[place] = known.base_subject;
    CHECK(known.references == "<a@b> <c@d>");
    CHECK(known.from_mailbox.empty());
    CHECK(known.sent->seconds == 77);
    CHECK(known.is_reply_or_forward);
  });
  return {std::move(subjects), std::move(missing)};
}

}  // namespace

TEST_CASE("what was added is there for all who ask for the mailbox", "[headers]") {
  HeaderCache cache(1'000'000);
  const auto view = view_of(7, 10);
  cache.add(cache.of(*view), batch(2, 3, "x"));
  cache.add(cache.of(*view), batch(3, 4, "y"));
  const auto [subjects, missing] = ask(*cache.of(*view), {1, 2, 3, 4, 5});
  CHECK(subjects == std::map<std::size_t, std::string>{{1, "x"}, {2, "x"}, {3, "y"}});
  CHECK(missing == std::vector<std::size_t>{0, 4});
  CHECK(cache.octets() > 0);
  CHECK(cache.of(*view_of(8, 10))->size() == 0);
  CHECK(cache.of(*view_of(7, 10, 2))->size() == 0);
}

TEST_CASE("the mailbox that was not asked for the longest goes first", "[headers]") {
  HeaderCache cache(100'000);
  const std::string subject(2'000, 's');
  const auto a = view_of(1, 10);
  const auto b = view_of(2, 10);
  const auto c = view_of(3, 10);
  for (const auto& view : {a, b, a, c}) {
    const auto kept = cache.of(*view);
    if (kept->size() == 0) cache.add(kept, batch(1, 16, subject));
    CHECK(cache.octets() <= 100'000);
  }
  CHECK(cache.of(*a)->size() == 16);
  CHECK(cache.of(*c)->size() == 16);
  CHECK(cache.of(*b)->size() == 0);
  // Who has it in hand may go on with it.
  const auto held = cache.of(*a);
  for (std::int64_t other = 4; other < 9; ++other) cache.add(cache.of(*view_of(other, 10)), batch(1, 16, subject));
  CHECK(held->size() == 16);
  cache.add(held, batch(20, 30, subject));
  CHECK(held->size() == 16);
  CHECK(cache.octets() <= 100'000);
}

TEST_CASE("a mailbox that is too large, or mostly gone, is not kept", "[headers]") {
  HeaderCache cache(100'000);
  const auto large = view_of(1, 500);
  cache.add(cache.of(*large), batch(1, 2, "x"));
  CHECK(cache.of(*large)->size() == 0);
  HeaderCache other(100'000'000);
  other.add(other.of(*view_of(2, 10'000)), batch(1, 10'000, "x"));
  CHECK(other.of(*view_of(2, 3'000))->size() == 10'000);
  CHECK(other.of(*view_of(2, 2'000))->size() == 0);
  CHECK(other.octets() == 0);
}

TEST_CASE("SORT and THREAD say the same with what is in memory", "[imapd]") {
  static HeaderCache cache(10'000'000);
  Server server;
  server.services.headers = &cache;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* subject : {"b", "Re: b", "a"}) co_await here.deliver(letter(subject));
    co_await client.say("SELECT INBOX");
    for (int times = 0; times < 2; ++times) {
      const auto sorted = co_await client.say("SORT (SUBJECT DATE) UTF-8 ALL");
      CHECK(has(sorted, "* SORT 3 1 2"));
      const auto threads = co_await client.say("THREAD ORDEREDSUBJECT UTF-8 ALL");
      CHECK(has(threads, "* THREAD (1 2)(3)"));
    }
    const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
    const auto view = co_await here.store().snapshot(inbox->ref);
    CHECK(cache.of(**view)->size() == 3);
    auto other = here.second();
    co_await other.line();
    co_await other.say("LOGIN ann@a.test secret");
    co_await here.deliver(letter("0"));
    co_await client.say("STORE 1 +FLAGS (\\Deleted)");
    co_await client.say("EXPUNGE");
    co_await other.say("SELECT INBOX");
    const auto sorted = co_await other.say("UID SORT (SUBJECT) UTF-8 ALL");
    CHECK(has(sorted, "* SORT 4 3 2"));
    CHECK(cache.of(**view)->size() == 4);
    co_await other.say("LOGOUT");
  });
}
