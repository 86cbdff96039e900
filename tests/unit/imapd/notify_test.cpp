// NOTIFY: RFC 5465.
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

/// With mailboxes of others; ann and bob know each other's.
class Site : public Server {
 public:
  Site() {
    auto namespaces = std::make_shared<store::Namespaces>();
    namespaces->other_users = "Other Users";
    namespaces->shared = "Shared";
    namespaces->shared_account = "shared";
    namespaces->login_of = [](std::string_view name) { return std::string(name); };
    services.namespaces = [namespaces] { return namespaces; };
  }
};

async::Task<store::MailboxRef> made(Server& here, std::string mailbox, std::string account = "ann@a.test") {
  const auto found = co_await here.store().create(account, mailbox, "");
  REQUIRE(found.has_value());
  co_return found->ref;
}

async::Task<void> append(Server& here, store::MailboxRef mailbox, std::string subject) {
  std::vector<store::AppendMessage> messages(1);
  messages[0].bytes = std::make_shared<const std::string>(letter(subject));
  const auto appended = co_await here.store().append(mailbox, std::move(messages));
  REQUIRE(appended.has_value());
}

/// The next lines, which the server sends without having been asked.
async::Task<std::vector<std::string>> told(Client& client, std::size_t count) {
  std::vector<std::string> lines;
  while (lines.size() < count) lines.push_back(co_await client.line());
  co_return lines;
}

async::Task<std::string> one(Client& client) { co_return co_await client.line(); }

/// A command, and no other line in its answer than the tagged one.
async::Task<void> quietly(Client& client, std::string command) {
  const auto lines = co_await client.say(command);
  INFO(command);
  for (std::size_t n = 0; n + 1 < lines.size(); ++n) UNSCOPED_INFO("told: " << lines[n]);
  CHECK(lines.size() == 1);
  CHECK(lines.back().starts_with("OK "));
}

}  // namespace

TEST_CASE("the selected mailbox is told of at once", "[imapd]") {
  Server server;
  const auto capacity = GENERATE(std::size_t{65536}, std::size_t{1});
  server.run_in(
      [](Client& client, Server& here) -> async::Task<void> {
        const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
        co_await append(here, inbox->ref, "one");
        const auto capability = co_await client.say("CAPABILITY");
        CHECK(capability[0].contains(" NOTIFY "));
        co_await client.say("EXAMINE INBOX");
        co_await quietly(client,
                         "NOTIFY SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) "
                         "MessageExpunge FlagChange))");
        co_await append(here, inbox->ref, "two");
        auto lines = co_await told(client, 3);
        CHECK(lines[0] == "* 2 EXISTS");
        CHECK(lines[2].starts_with("* 2 FETCH (UID 2 BODY[HEADER.FIELDS (SUBJECT)] {16}\r\nSubject: two\r\n"));
        store::FlagChange change;
        change.flags = store::flag::kFlagged | store::flag::kDeleted;
        auto stored = co_await here.store().store_flags(inbox->ref, {{1, 1}}, change);
        CHECK(stored.has_value());
        lines = co_await told(client, 1);
        CHECK(lines[0].starts_with("* 1 FETCH (UID 1 FLAGS (\\Flagged \\Deleted"));
        const auto expunged = co_await here.store().expunge(inbox->ref, std::nullopt);
        CHECK(expunged.has_value());
        lines = co_await told(client, 1);
        CHECK(lines[0] == "* 1 EXPUNGE");
        co_await quietly(client, "NOOP");
      },
      capacity);
}

TEST_CASE("what the client itself puts into the selected mailbox it is not sent", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    co_await client.say("SELECT INBOX");
    co_await client.say("NOTIFY SET (selected (MessageNew (FLAGS) MessageExpunge))");
    const auto appended = co_await client.say("APPEND INBOX {6+}\r\nA: b\r\n");
    CHECK(has(appended, "* 1 EXISTS"));
    for (const auto& line : appended) CHECK_FALSE(line.contains("FETCH"));
    const auto copied = co_await client.say("COPY 1 INBOX");
    CHECK(has(copied, "* 2 EXISTS"));
    for (const auto& line : copied) CHECK_FALSE(line.contains("FETCH"));
    // FlagChange was not asked for; what a STORE answers is another matter.
    const auto stored = co_await client.say("STORE 1 +FLAGS (\\Seen)");
    CHECK(has(stored, "* 1 FETCH (FLAGS (\\Seen \\Recent))"));
  });
}

TEST_CASE("what is told of a new message has its mod-sequence, for who knows them", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await client.say("SELECT INBOX (CONDSTORE)");
    co_await client.say("NOTIFY SET (selected (MessageNew (FLAGS) MessageExpunge))");
    co_await here.deliver(letter("one"));
    for (const auto* const line : {"* 1 EXISTS", "* 1 RECENT"}) {
      const auto told = co_await client.line();
      CHECK(told == line);
    }
    const auto fetched = co_await client.line();
    CHECK(fetched.starts_with("* 1 FETCH (UID 1 FLAGS (\\Recent) MODSEQ ("));
  });
}

TEST_CASE("SELECTED-DELAYED keeps expunges until a command permits them", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
    for (const auto* subject : {"one", "two"}) co_await append(here, inbox->ref, subject);
    co_await client.say("EXAMINE INBOX");
    co_await client.say("NOTIFY SET (selected-delayed (MessageNew MessageExpunge))");
    store::FlagChange change;
    change.flags = store::flag::kDeleted;
    auto stored = co_await here.store().store_flags(inbox->ref, {{1, 1}}, change);
    CHECK(stored.has_value());
    const auto expunged = co_await here.store().expunge(inbox->ref, std::nullopt);
    CHECK(expunged.has_value());
    co_await append(here, inbox->ref, "three");
    auto lines = co_await told(client, 2);
    CHECK(lines[0] == "* 3 EXISTS");
    const auto fetched = co_await client.say("FETCH 2 UID");
    CHECK(has(fetched, "* 2 FETCH (UID 2)"));
    CHECK(fetched.size() == 2);
    const auto noop = co_await client.say("NOOP");
    CHECK(has(noop, "* 1 EXPUNGE"));
    CHECK(noop.size() == 2);
  });
}

TEST_CASE("without SELECTED nothing is told of the selected mailbox", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
    const auto other = co_await made(here, "other");
    co_await client.say("EXAMINE INBOX");
    co_await append(here, inbox->ref, "before");
    const auto set = co_await client.say("NOTIFY SET (personal (MessageNew MessageExpunge))");
    CHECK(has(set, "* 1 EXISTS"));
    co_await append(here, inbox->ref, "one");
    co_await append(here, other, "two");
    const auto line = co_await one(client);
    CHECK(line == "* STATUS other (UIDNEXT 2 MESSAGES 1)");
    co_await quietly(client, "NOOP");
    co_await quietly(client, "NOTIFY NONE");
    co_await append(here, other, "three");
    co_await quietly(client, "NOOP");
    // Once it is closed, it is a mailbox like others.
    co_await quietly(client, "UNSELECT");
    co_await quietly(client, "NOTIFY SET (mailboxes inbox (MessageNew MessageExpunge))");
    co_await append(here, inbox->ref, "four");
    const auto of_inbox = co_await one(client);
    CHECK(of_inbox == "* STATUS INBOX (UIDNEXT 4 MESSAGES 3)");
  });
}

TEST_CASE("NOTIFY SET tells of all flags that have changed until then: RFC 5465 section 3.1", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
    for (const auto* subject : {"one", "two", "three"}) co_await append(here, inbox->ref, subject);
    const auto flag = [&here, &inbox](std::uint32_t uid) -> async::Task<void> {
      store::FlagChange change;
      change.flags = store::flag::kFlagged;
      const auto stored = co_await here.store().store_flags(inbox->ref, {{uid, uid}}, change);
      CHECK(stored.has_value());
    };
    co_await client.say("SELECT INBOX");
    co_await quietly(client, "NOTIFY NONE");
    co_await flag(1);
    const auto first = co_await client.say("NOTIFY SET (selected (MessageNew MessageExpunge))");
    CHECK(has(first, "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))"));
    // The view moves on with it, in silence.
    co_await flag(2);
    co_await quietly(client, "STORE 3 +FLAGS.SILENT (\\Answered)");
    const auto second = co_await client.say("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))");
    CHECK(has(second, "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent))"));
    CHECK(second.size() == 2);
  });
}

TEST_CASE("STATUS of other mailboxes, first and as they change", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const auto a = co_await made(here, "lists/a");
    const auto b = co_await made(here, "lists/b");
    co_await append(here, a, "one");
    const auto first = co_await client.say(
        "NOTIFY SET STATUS (subtree lists (MessageNew MessageExpunge)) (mailboxes lists/b (MessageNew MessageExpunge "
        "FlagChange)) (mailboxes nowhere (MessageNew MessageExpunge))");
    CHECK(first.size() == 4);
    CHECK(first[1].starts_with("* STATUS lists/a (MESSAGES 1 UIDNEXT 2 UIDVALIDITY "));
    CHECK_FALSE(first[1].contains("HIGHESTMODSEQ"));
    CHECK(first[2].starts_with("* STATUS lists/b (MESSAGES 0 UIDNEXT 1 UIDVALIDITY "));
    CHECK(first[2].contains(" HIGHESTMODSEQ "));
    co_await append(here, b, "two");
    auto line = co_await one(client);
    CHECK(line == "* STATUS lists/b (UIDNEXT 2 MESSAGES 1)");
    store::FlagChange seen;
    seen.flags = store::flag::kSeen | store::flag::kDeleted;
    auto stored = co_await here.store().store_flags(a, {{1, 1}}, seen);
    stored = co_await here.store().store_flags(b, {{1, 1}}, seen);
    CHECK(stored.has_value());
    line = co_await one(client);
    CHECK(line.starts_with("* STATUS lists/b (UNSEEN 0 UIDVALIDITY "));
    const auto gone = co_await here.store().expunge(a, std::nullopt);
    CHECK(gone.has_value());
    line = co_await one(client);
    CHECK(line == "* STATUS lists/a (UIDNEXT 2 MESSAGES 0)");
    co_await client.say("ENABLE CONDSTORE");
    seen.mode = store::FlagMode::kRemove;
    seen.flags = store::flag::kDeleted;
    stored = co_await here.store().store_flags(b, {{1, 1}}, seen);
    line = co_await one(client);
    CHECK(line.starts_with("* STATUS lists/b (HIGHESTMODSEQ "));
    co_await append(here, b, "three");
    line = co_await one(client);
    CHECK(line.starts_with("* STATUS lists/b (UIDNEXT 3 MESSAGES 2 HIGHESTMODSEQ "));
    // IDLE tells the same.
    co_await client.send("x IDLE\r\n");
    line = co_await one(client);
    CHECK(line == "+ Idling");
    co_await append(here, a, "four");
    line = co_await one(client);
    CHECK(line.starts_with("* STATUS lists/a (UIDNEXT 3 MESSAGES 1 "));
    co_await client.send("DONE\r\n");
    co_await client.until("x");
  });
}

TEST_CASE("names come, go and change; so do subscriptions", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    auto& store = here.store();
    const std::string ann = "ann@a.test";
    co_await quietly(client, "NOTIFY SET (personal (MailboxName SubscriptionChange))");
    co_await made(here, "a/b");
    auto lines = co_await told(client, 2);
    CHECK(has(lines, R"(* LIST (\HasChildren) "/" a)"));
    CHECK(has(lines, R"(* LIST (\HasNoChildren) "/" a/b)"));
    CHECK((co_await store.subscribe(ann, "a/b", true)).has_value());
    auto line = co_await one(client);
    CHECK(line == R"(* LIST (\HasNoChildren \Subscribed) "/" a/b)");
    CHECK((co_await store.subscribe(ann, "a/b", false)).has_value());
    line = co_await one(client);
    CHECK(line == R"(* LIST (\HasNoChildren) "/" a/b)");
    CHECK((co_await store.rename(ann, "a", "c d")).has_value());
    line = co_await one(client);
    CHECK(line == R"(* LIST (\HasChildren) "/" "c d" ("OLDNAME" (a)))");
    CHECK((co_await store.rename(ann, "c d/b", "e")).has_value());
    line = co_await one(client);
    CHECK(line == R"(* LIST (\HasNoChildren) "/" e ("OLDNAME" ("c d/b")))");
    CHECK((co_await store.remove(ann, "e")).has_value());
    line = co_await one(client);
    CHECK(line == R"(* LIST (\NonExistent \HasNoChildren) "/" e)");
    co_await made(here, "c d/f");
    lines = co_await told(client, 2);
    CHECK((co_await store.remove(ann, "c d")).has_value());
    line = co_await one(client);
    CHECK(line == R"(* LIST (\NonExistent \HasChildren) "/" "c d")");
    CHECK((co_await store.remove(ann, "c d/f")).has_value());
    lines = co_await told(client, 2);
    CHECK(has(lines, R"(* LIST (\NonExistent \HasNoChildren) "/" "c d/f")"));
    CHECK(has(lines, R"(* LIST (\NonExistent \HasNoChildren) "/" "c d")"));
    CHECK((co_await store.subscribe(ann, "nowhere", true)).has_value());
    line = co_await one(client);
    CHECK(line == R"(* LIST (\NonExistent \HasNoChildren \Subscribed) "/" nowhere)");
    co_await quietly(client, "NOOP");
  });
}

TEST_CASE("a client is not told of what it does itself", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await quietly(client,
                     "NOTIFY SET (personal (MailboxName SubscriptionChange MailboxMetadataChange "
                     "ServerMetadataChange))");
    for (const auto* command :
         {"CREATE a/", "CREATE a/b", "SUBSCRIBE a/b", "RENAME a c", "UNSUBSCRIBE a/b", "DELETE c/b",
          "SETMETADATA c (/private/comment \"x\")", "SETMETADATA \"\" (/private/comment \"x\")", "DELETE c", "NOOP"})
      co_await quietly(client, command);
    co_await made(here, "d");
    const auto line = co_await one(client);
    CHECK(line == R"(* LIST (\HasNoChildren) "/" d)");
  });
}

TEST_CASE("annotations of mailboxes and of the server", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    auto& store = here.store();
    const auto a = co_await made(here, "a");
    const auto b = co_await made(here, "b");
    const store::MailboxRef account{a.shard, a.account, 0};
    const auto shared = co_await store.find("shared", "INBOX");
    const store::MailboxRef of_all{shared->ref.shard, shared->ref.account, 0};
    CHECK((co_await store.annotate(a, {{"", "/old", "1"}, {"", "/gone", "1"}})).has_value());
    co_await quietly(client, "NOTIFY SET (mailboxes a (MailboxMetadataChange ServerMetadataChange))");
    CHECK((co_await store.annotate(b, {{"", "/new", "1"}})).has_value());
    CHECK((co_await store.annotate(a, {{"", "/old", "2"}, {"", "/gone", std::nullopt}, {"ann@a.test", "/new", "3"}}))
              .has_value());
    auto line = co_await one(client);
    CHECK(line == "* METADATA a /private/new /shared/old /shared/gone");
    CHECK((co_await store.annotate(account, {{"ann@a.test", "/mine", "1"}})).has_value());
    line = co_await one(client);
    CHECK(line == R"(* METADATA "" /private/mine)");
    CHECK((co_await store.annotate(of_all, {{"", "/motd", "1"}})).has_value());
    line = co_await one(client);
    CHECK(line == R"(* METADATA "" /shared/motd)");
    CHECK((co_await store.annotate(of_all, {{"", "/motd", std::nullopt}})).has_value());
    line = co_await one(client);
    CHECK(line == R"(* METADATA "" /shared/motd)");
    co_await quietly(client, "NOOP");
  });
}

TEST_CASE("mailboxes of others, as far as they permit", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    auto& store = here.store();
    const auto work = co_await made(here, "Work", "bob@a.test");
    const auto grant = [&store, work](const char* rights) -> async::Task<void> {
      const auto set =
          co_await store.set_acl(work, "ann@a.test", store::AclMode::kReplace, *store::Rights::parse(rights));
      CHECK(set.has_value());
    };
    co_await grant("l");
    const auto begun =
        co_await client.say("NOTIFY SET (subtree \"Other Users\" (MessageNew MessageExpunge MailboxName))");
    CHECK(has(begun, R"(* LIST (\NoAccess \HasNoChildren) "/" "Other Users/bob@a.test/Work")"));
    CHECK(begun.size() == 2);
    co_await append(here, work, "one");
    co_await grant("lr");
    auto lines = co_await told(client, 2);
    CHECK(lines[0] == R"(* LIST (\HasNoChildren) "/" "Other Users/bob@a.test/Work")");
    CHECK(lines[1].starts_with("* STATUS \"Other Users/bob@a.test/Work\" ("));
    co_await append(here, work, "two");
    auto line = co_await one(client);
    CHECK(line == "* STATUS \"Other Users/bob@a.test/Work\" (UIDNEXT 3 MESSAGES 2)");
    co_await grant("");
    lines = co_await told(client, 2);
    CHECK(has(lines, R"(* LIST (\NonExistent \HasNoChildren) "/" "Other Users/bob@a.test")"));
    CHECK(has(lines, R"(* LIST (\NonExistent \HasNoChildren) "/" "Other Users/bob@a.test/Work")"));
    co_await quietly(client, "NOOP");
  });
}

TEST_CASE("too many mailboxes", "[imapd]") {
  Server server;
  server.options.most_notified = 9;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* name : {"m1", "m2", "m3", "m4", "m5"}) co_await made(here, name);
    const auto refused = co_await client.say("NOTIFY SET (personal (MailboxName))");
    CHECK(refused.back().starts_with("NO [NOTIFICATIONOVERFLOW] "));
    CHECK((co_await here.store().remove("ann@a.test", "m5")).has_value());
    CHECK((co_await here.store().remove("ann@a.test", "m4")).has_value());
    co_await quietly(client, "NOTIFY SET (personal (MailboxName))");
    CHECK((co_await here.store().remove("ann@a.test", "m3")).has_value());
    auto line = co_await one(client);
    CHECK(line == R"(* LIST (\NonExistent \HasNoChildren) "/" m3)");
    co_await made(here, "a/b/c");
    line = co_await one(client);
    CHECK(line.starts_with("* OK [NOTIFICATIONOVERFLOW] "));
    co_await made(here, "d");
    co_await quietly(client, "NOOP");
  });
}

TEST_CASE("UPDATE with what to tell of new messages", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    const auto inbox = co_await here.store().find("ann@a.test", "INBOX");
    co_await append(here, inbox->ref, "one");
    co_await client.say("EXAMINE INBOX");
    co_await client.say("NOTIFY SET (selected (MessageNew (FLAGS) MessageExpunge))");
    co_await client.say("SEARCH RETURN (UPDATE (FLAGS RFC822.SIZE)) SUBJECT two");
    co_await append(here, inbox->ref, "two");
    auto lines = co_await told(client, 4);
    CHECK(lines[0] == "* 2 EXISTS");
    CHECK(lines[2] == R"(* ESEARCH (TAG "x") ADDTO (0 2))");
    CHECK(lines[3].starts_with("* 2 FETCH (UID 2 RFC822.SIZE "));
    CHECK(lines[3].contains(" FLAGS ("));
    co_await append(here, inbox->ref, "three");
    lines = co_await told(client, 3);
    CHECK(lines[2].starts_with("* 3 FETCH (UID 3 FLAGS ("));
    CHECK_FALSE(lines[2].contains("RFC822.SIZE"));
  });
}

TEST_CASE("what NOTIFY refuses, and how it ends", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* command : {"NOTIFY SET (personal (AnnotationChange))", "NOTIFY SET (selected (Whatever))"}) {
      const auto refused = co_await client.say(command);
      CHECK(
          refused.back().starts_with("NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName "
                                     "SubscriptionChange MailboxMetadataChange ServerMetadataChange)] "));
    }
    const auto bad = co_await client.say("NOTIFY SET (personal (MessageNew))");
    CHECK(bad.back().starts_with("BAD "));
    co_await quietly(client, "NOTIFY SET (personal (MailboxName))");
    const auto out = co_await client.say("UNAUTHENTICATE");
    CHECK(out.back().starts_with("OK "));
    co_await client.say("LOGIN ann@a.test secret");
    co_await made(here, "a");
    co_await quietly(client, "NOOP");
  });
}

TEST_CASE("a selected mailbox that is deleted ends a session that waits", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await made(here, "a");
    co_await client.say("SELECT a");
    co_await quietly(client, "NOTIFY SET (selected (MessageNew MessageExpunge))");
    CHECK((co_await here.store().remove("ann@a.test", "a")).has_value());
    const auto line = co_await one(client);
    CHECK(line == "* BYE The selected mailbox was deleted");
  });
}
