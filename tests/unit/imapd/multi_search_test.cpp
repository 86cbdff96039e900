// ESEARCH over mailboxes: RFC 7377.
#include "imapd/mailbox_filter.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd;
using namespace quartet::imapd::test;
using FilterKind = MailboxFilter::Kind;

namespace {

bool means(FilterKind kind, std::vector<std::string> names, const std::string& mailbox, bool own = true,
           bool subscribed = false) {
  Known known;
  known.info.name = mailbox;
  known.info.subscribed = subscribed;
  known.own = own;
  return FilterMatcher({kind, std::move(names)}).matches(known);
}

/// With a mailbox of bob's of which ann has the rights that the test gives.
class Site : public Server {
 public:
  Site() {
    auto namespaces = std::make_shared<store::Namespaces>();
    namespaces->other_users = "Other Users";
    namespaces->login_of = [](std::string_view name) { return std::string(name); };
    services.namespaces = [namespaces] { return namespaces; };
  }
};

async::Task<void> fill(Server& here, std::string account, std::string mailbox, std::string subject) {
  auto found = co_await here.store().find(account, mailbox);
  if (!found) found = co_await here.store().create(account, mailbox, "");
  REQUIRE(found.has_value());
  std::vector<store::AppendMessage> messages(1);
  messages[0].bytes = std::make_shared<const std::string>(letter(subject));
  const auto appended = co_await here.store().append(found->ref, std::move(messages));
  REQUIRE(appended.has_value());
}

/// The responses without their UIDVALIDITY, which the clock gives.
std::vector<std::string> without_validity(std::vector<std::string> lines) {
  for (auto& line : lines) {
    const auto at = line.find(" UIDVALIDITY ");
    if (at != std::string::npos) line.erase(at, line.find(')', at) - at);
  }
  return lines;
}

async::Task<std::vector<std::string>> search(Client& client, std::string arguments) {
  co_return without_validity(co_await client.say("ESEARCH " + arguments));
}

}  // namespace

TEST_CASE("which mailboxes a filter means", "[imapd]") {
  CHECK(means(FilterKind::kPersonal, {}, "a"));
  CHECK_FALSE(means(FilterKind::kPersonal, {}, "a", false));
  CHECK(means(FilterKind::kInboxes, {}, "a"));
  CHECK(means(FilterKind::kSubscribed, {}, "a", false, true));
  CHECK_FALSE(means(FilterKind::kSubscribed, {}, "a"));
  CHECK(means(FilterKind::kMailboxes, {"b", "a"}, "a"));
  CHECK_FALSE(means(FilterKind::kMailboxes, {"a"}, "a/b"));
  CHECK_FALSE(means(FilterKind::kMailboxes, {"*", "%"}, "a"));
  CHECK(means(FilterKind::kSubtree, {"a"}, "a"));
  CHECK(means(FilterKind::kSubtree, {"a/"}, "a/b/c"));
  CHECK_FALSE(means(FilterKind::kSubtree, {"a"}, "ab"));
  CHECK(means(FilterKind::kSubtree, {""}, "a/b"));
  CHECK(means(FilterKind::kSubtreeOne, {"a"}, "a/b"));
  CHECK(means(FilterKind::kSubtreeOne, {"a"}, "a"));
  CHECK_FALSE(means(FilterKind::kSubtreeOne, {"a"}, "a/b/c"));
  CHECK(means(FilterKind::kSubtreeOne, {""}, "a"));
  CHECK_FALSE(means(FilterKind::kSubtreeOne, {""}, "a/b"));
  CHECK(means(FilterKind::kMailboxes, {"inbox"}, "INBOX"));
  CHECK_FALSE(means(FilterKind::kSelected, {}, "a"));
}

TEST_CASE("ESEARCH looks in mailboxes that are not selected", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* mailbox : {"INBOX", "lists", "lists/a", "lists/a/b", "other"})
      co_await fill(here, "ann@a.test", mailbox, mailbox);
    co_await fill(here, "ann@a.test", "lists/a", "second");
    const auto capability = co_await client.say("CAPABILITY");
    CHECK(capability[0].contains(" MULTISEARCH "));
    const auto tree = co_await search(client, "IN (subtree lists mailboxes (INBOX nowhere)) ALL");
    CHECK(tree.size() == 5);
    CHECK(has(tree, R"(* ESEARCH (TAG "x" MAILBOX INBOX) UID ALL 1)"));
    CHECK(has(tree, R"(* ESEARCH (TAG "x" MAILBOX lists/a) UID ALL 1:2)"));
    CHECK(has(tree, R"(* ESEARCH (TAG "x" MAILBOX lists/a/b) UID ALL 1)"));
    const auto one_down = co_await search(client, "IN (subtree-one lists subtree lists/a/b) RETURN (COUNT MAX) ALL");
    CHECK(one_down.size() == 4);
    CHECK(has(one_down, R"(* ESEARCH (TAG "x" MAILBOX lists/a) UID MAX 2 COUNT 2)"));
    const auto some = co_await search(client, "IN (personal) RETURN (COUNT) CHARSET UTF-8 SUBJECT second");
    CHECK(some.size() == 2);
    CHECK(has(some, R"(* ESEARCH (TAG "x" MAILBOX lists/a) UID COUNT 1)"));
    const auto none = co_await search(client, "IN (personal) RETURN (MIN COUNT) SUBJECT nothing");
    CHECK(none.size() == 1);
    CHECK(none[0].starts_with("OK "));
    const auto numbers = co_await search(client, "IN (mailboxes lists/a personal) 2:5 RECENT");
    CHECK(numbers.size() == 2);
    CHECK(has(numbers, R"(* ESEARCH (TAG "x" MAILBOX lists/a) UID ALL 2)"));
    co_await client.say("UNSUBSCRIBE Sent");
    co_await client.say("SUBSCRIBE other");
    const auto subscribed = co_await search(client, "IN (subscribed) SUBJECT other");
    CHECK(has(subscribed, R"(* ESEARCH (TAG "x" MAILBOX other) UID ALL 1)"));
    const auto part = co_await search(client, "IN (subtree lists) RETURN (PARTIAL -1:-1) ALL");
    CHECK(has(part, R"(* ESEARCH (TAG "x" MAILBOX lists/a) UID PARTIAL (-1:-1 2))"));
    const auto named = co_await client.say("ESEARCH IN (mailboxes other) ALL");
    CHECK(named[0].contains(" MAILBOX other UIDVALIDITY "));
  });
}

TEST_CASE("ESEARCH and the selected mailbox", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await fill(here, "ann@a.test", "INBOX", "one");
    co_await fill(here, "ann@a.test", "other", "two");
    for (const auto* wrong : {"ALL", "IN (selected) ALL", "IN (personal selected) ALL", "RETURN (SAVE) ALL",
                              "IN (personal) RETURN (SAVE) ALL", "IN (personal) RETURN (UPDATE) ALL"}) {
      INFO(wrong);
      const auto refused = co_await search(client, wrong);
      CHECK(refused.back().starts_with("BAD "));
    }
    co_await client.say("SELECT INBOX");
    co_await fill(here, "ann@a.test", "INBOX", "three");
    // What the client has not been told of is not found there, but only there.
    const auto selected = co_await search(client, "SUBJECT three");
    CHECK(selected.size() > 1);
    CHECK_FALSE(selected[0].contains("ESEARCH"));
    const auto now = co_await search(client, "IN (selected personal) ALL");
    CHECK(has(now, R"(* ESEARCH (TAG "x" MAILBOX INBOX) UID ALL 1:2)"));
    CHECK(has(now, R"(* ESEARCH (TAG "x" MAILBOX other) UID ALL 1)"));
    CHECK(now.size() == 3);
    const auto saved = co_await search(client, "RETURN (SAVE) SUBJECT three");
    CHECK(saved.back().starts_with("OK "));
    const auto found = co_await client.say("UID SEARCH $");
    CHECK(has(found, "* SEARCH 2"));
    const auto relative = co_await search(client, "IN (personal) $");
    CHECK(relative.size() == 2);
    const auto not_saved = co_await search(client, "IN (selected mailboxes other) RETURN (SAVE) ALL");
    CHECK(not_saved.back().starts_with("BAD "));
    const auto kept = co_await search(client, "IN (personal) RETURN (UPDATE) UNSEEN");
    CHECK(kept.back().starts_with("OK "));
    const auto told = without_validity(co_await client.say("STORE 1 +FLAGS (\\Seen)"));
    CHECK(has(told, R"(* ESEARCH (TAG "x" MAILBOX INBOX) UID REMOVEFROM (0 1))"));
    const auto modseq = co_await search(client, "IN (mailboxes other) MODSEQ 1");
    CHECK(modseq.size() == 3);
    CHECK(modseq[1].starts_with(R"(* ESEARCH (TAG "x" MAILBOX other) UID ALL 1 MODSEQ )"));
    const auto fuzzy = co_await search(client, "IN (personal) RETURN (ALL RELEVANCY) FUZZY SUBJECT thre");
    CHECK(has(fuzzy, R"(* ESEARCH (TAG "x" MAILBOX INBOX) UID ALL 2 RELEVANCY (90))"));
  });
}

TEST_CASE("ESEARCH calls the selected mailbox what it is called now", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await fill(here, "ann@a.test", "old", "one");
    co_await client.say("SELECT old");
    co_await client.say("RENAME old new");
    const auto renamed = co_await search(client, "IN (selected personal) ALL");
    CHECK(renamed.size() == 2);
    CHECK(has(renamed, R"(* ESEARCH (TAG "x" MAILBOX new) UID ALL 1)"));
    // Another has the old name now.
    co_await fill(here, "ann@a.test", "old", "two");
    const auto selected = co_await search(client, "IN (selected) ALL");
    CHECK(has(selected, R"(* ESEARCH (TAG "x" MAILBOX new) UID ALL 1)"));
  });
}

TEST_CASE("only what the client may read is searched", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await fill(here, "bob@a.test", "Work", "two");
    const auto work = co_await here.store().find("bob@a.test", "Work");
    const auto listed = "IN (subtree \"Other Users\") ALL";
    const auto named = "IN (mailboxes \"Other Users/bob@a.test/Work\") ALL";
    const auto count = [&client](const char* arguments) -> async::Task<std::size_t> {
      const auto lines = co_await search(client, arguments);
      CHECK(lines.back().starts_with("OK "));
      co_return lines.size() - 1;
    };
    struct Case {
      const char* rights;
      std::size_t listed;
      std::size_t named;
    };
    for (const auto& [rights, by_tree, by_name] :
         {Case{"", 0, 0}, Case{"l", 0, 0}, Case{"r", 0, 1}, Case{"lr", 1, 1}}) {
      INFO(rights);
      const auto set = co_await here.store().set_acl(work->ref, "ann@a.test", store::AclMode::kReplace,
                                                     *store::Rights::parse(rights));
      CHECK(set.has_value());
      const auto in_tree = co_await count(listed);
      CHECK(in_tree == by_tree);
      const auto by_its_name = co_await count(named);
      CHECK(by_its_name == by_name);
    }
  });
}
