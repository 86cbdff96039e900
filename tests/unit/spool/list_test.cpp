// Listings: filters, pages that stay stable while the queue changes, counts.
#include <algorithm>
#include <map>
#include <thread>

#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

namespace {

std::vector<std::string> addresses(const Spool& spool, const Filter& filter) {
  std::vector<std::string> found;
  spool.visit(filter, [&](const Entry& entry) {
    found.push_back(entry.address);
    return true;
  });
  CHECK(spool.count(filter) == found.size());
  return found;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a domain is one however an address writes it, and the address stays as written", "[spool]") {
  const TemporaryDirectory directory;
  const Names written = {"a@b\u00fccher.example", "a@B\u00dcCHER.example", "a@xn--bcher-kva.example",
                         "a@sub.b\u00fccher.example"};
  Filter of_domain, below, of_address, of_sender;
  of_domain.recipient_domains = {"xn--bcher-kva.example"};
  below.recipient_domains = {".xn--bcher-kva.example"};
  of_address.recipient = "A@b\u00fccher.example";
  of_sender.sender_domain = "xn--bcher-kva.example";
  for (const bool again : {false, true}) {
    auto spool = open_spool(directory.path());
    if (!again) enqueue(*spool, message_to(written, "body", "boss@b\u00fccher.example"));
    CHECK(addresses(*spool, {}) == written);
    const Names three(written.begin(), written.end() - 1);
    CHECK(addresses(*spool, of_domain) == three);
    CHECK(addresses(*spool, below) == Names{written.back()});
    CHECK(addresses(*spool, of_address) == three);
    CHECK(addresses(*spool, of_sender) == written);
  }
}

TEST_CASE("filters find what they name and nothing else", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  auto first = message_to({"One@X.org", "two@mail.x.org", "three@y.org"}, "body", "Boss@Corp.test");
  first.envelope.auth_id = "boss";
  first.envelope.trace_id = "t-1";
  const auto id = enqueue(*spool, std::move(first));
  auto second = message_to({"four@notx.org"}, "body", "");
  second.held = true;
  enqueue(*spool, std::move(second));
  Filter filter;
  CHECK(addresses(*spool, filter) == Names{"One@X.org", "two@mail.x.org", "three@y.org", "four@notx.org"});
  filter.recipient_domains = {"x.org"};
  CHECK(addresses(*spool, filter) == Names{"One@X.org"});
  filter.recipient_domains = {".x.org"};
  CHECK(addresses(*spool, filter) == Names{"two@mail.x.org"});
  filter.recipient_domains = {".org", "y.org"};
  CHECK(addresses(*spool, filter).size() == 4);
  filter = {};
  filter.sender = "boss@corp.TEST";
  CHECK(addresses(*spool, filter).size() == 3);
  filter.states = {State::kHeld};
  CHECK(addresses(*spool, filter).empty());
  filter = {};
  filter.sender = "";
  CHECK(addresses(*spool, filter) == Names{"four@notx.org"});
  filter = {};
  filter.sender_domain = "corp.test";
  CHECK(addresses(*spool, filter).size() == 3);
  filter = {};
  filter.recipient = "ONE@x.org";
  CHECK(addresses(*spool, filter) == Names{"One@X.org"});
  filter = {};
  filter.ids = {id};
  filter.recipient_ids = {{id, 1}};
  CHECK(addresses(*spool, filter) == Names{"two@mail.x.org"});
  filter = {};
  filter.auth_id = "boss";
  CHECK(addresses(*spool, filter).size() == 3);
  filter.trace_id = "t-2";
  CHECK(addresses(*spool, filter).empty());

  const auto claims = claim_all(*spool);
  REQUIRE(claims.size() == 3);
  const auto due = wall_now() + hours(5);
  REQUIRE(record(*spool, {deferral_of(claims[0], due), deferral_of(claims[1], due + hours(1))}));
  filter = {};
  filter.last_code = 451;
  CHECK(addresses(*spool, filter).size() == 2);
  filter.next_attempt_from = due;
  filter.next_attempt_before = due + hours(1);
  CHECK(addresses(*spool, filter) == Names{"One@X.org"});
  filter = {};
  filter.attempts_from = 1;
  filter.states = {State::kDeferred};
  CHECK(addresses(*spool, filter).size() == 2);
  filter = {};
  filter.received_from = wall_now() + hours(1);
  CHECK(addresses(*spool, filter).empty());

  const auto domains = spool->domains(2);
  REQUIRE(domains.size() == 2);
  CHECK(domains[0].recipients == 1);
  CHECK(spool->recipients(id).size() == 3);
}

TEST_CASE("a page token that no listing gave out is refused", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  for (const auto* token : {"x", "1.", ".1", "zz.1", "0123456789abcdef.x"}) {
    const auto page = spool->list({}, 10, token);
    REQUIRE_FALSE(page);
    CHECK(page.error().code == ErrorCode::kBadToken);
  }
}

TEST_CASE("a visit ends when its visitor has seen enough", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  for (int i = 0; i < 5; ++i) enqueue(*spool, message_to({"a@b.test"}));
  int seen = 0;
  spool->visit({}, [&](const Entry&) { return ++seen < 3; });
  CHECK(seen == 3);
}

TEST_CASE("what stays during a listing is listed exactly once, whatever else comes and goes", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  std::map<std::string, int> seen;
  for (int i = 0; i < 120; ++i) {
    const auto stays = "stays" + std::to_string(i) + "@b.test";
    seen[stays] = 0;
    enqueue(*spool, message_to({"goes@b.test", stays, "goes@b.test"}));
  }
  std::atomic<bool> over = false;
  std::thread churn([&] {
    Filter goes;
    goes.recipient = "goes@b.test";
    while (!over) {
      const auto claims = spool->claim(goes, 7);
      std::vector<Outcome> outcomes;
      for (const auto& claim : claims) outcomes.push_back(outcome_of(claim, Result::kDelivered));
      if (!outcomes.empty()) spool->record(std::move(outcomes));
      (void)try_enqueue(*spool, message_to({"goes@b.test"}));
    }
  });
  std::string token;
  do {
    const auto page = spool->list({}, 5, token);
    if (!page) break;
    for (const auto& entry : page->entries)
      if (const auto it = seen.find(entry.address); it != seen.end()) ++it->second;
    token = page->next;
    // New messages are at the end: the listing catches up with them only when nothing is added.
    over = over || std::ranges::all_of(seen, [](const auto& one) { return one.second != 0; });
  } while (!token.empty());
  over = true;
  churn.join();
  for (const auto& [address, times] : seen) {
    INFO(address);
    CHECK(times == 1);
  }
}
