// What each right lets a client do with the mailboxes of others: RFC 4314 section 4; RFC 8440, RFC 2342.
#include <algorithm>

#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

const std::string kTheirs = "\"Other Users/bob@a.test/Work\"";

/// ann is logged in; bob has a mailbox Work with two messages in it.
class Site : public Server {
 public:
  Site() {
    auto namespaces = std::make_shared<store::Namespaces>();
    namespaces->other_users = "Other Users";
    namespaces->shared = "Shared";
    namespaces->shared_account = "shared";
    namespaces->administrators = {"bob@a.test"};
    namespaces->login_of = [](std::string_view name) {
      return name == "ann@a.test" || name == "bob@a.test" ? std::string(name) : std::string();
    };
    services.namespaces = [namespaces] { return namespaces; };
  }

  async::Task<void> fill() {
    const auto made = co_await store().create("bob@a.test", "Work", "");
    REQUIRE(made.has_value());
    work = made->ref;
    std::vector<store::AppendMessage> messages(2);
    for (auto& message : messages) message.bytes = std::make_shared<const std::string>(letter("one"));
    const auto appended = co_await store().append(work, std::move(messages));
    REQUIRE(appended.has_value());
  }

  async::Task<void> grant(std::string_view rights) {
    const auto set =
        co_await store().set_acl(work, "ann@a.test", store::AclMode::kReplace, *store::Rights::parse(rights));
    REQUIRE(set.has_value());
  }

  async::Task<std::uint64_t> flags_of(std::uint32_t uid) {
    const auto view = co_await store().snapshot(work);
    const auto position = (*view)->find(uid);
    co_return position ? (**view)[*position].flags : ~std::uint64_t{0};
  }

  store::MailboxRef work;
};

Site& site(Server& server) { return static_cast<Site&>(server); }

/// The status and code of the tagged response.
std::string short_of(const std::vector<std::string>& lines) {
  const auto& last = lines.back();
  const auto end = last.find(']');
  return end == std::string::npos ? last.substr(0, last.find(' ')) : last.substr(0, end + 1);
}

#define ANSWERS(command, expected)                   \
  do {                                               \
    const auto lines = co_await client.say(command); \
    INFO(command);                                   \
    CHECK(short_of(lines) == (expected));            \
  } while (false)

#define HAS_FLAGS(uid, expected)                            \
  do {                                                      \
    const auto flags = co_await site(server).flags_of(uid); \
    CHECK(flags expected);                                  \
  } while (false)

}  // namespace

TEST_CASE("without namespaces there is nothing of this", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const auto told = co_await client.say("CAPABILITY");
    CHECK_FALSE(told[0].contains(" ACL"));
    const auto made = co_await client.say("CREATE \"Other Users/x\"");
    CHECK(made.back().starts_with("OK "));
    const auto spaces = co_await client.say("NAMESPACE");
    CHECK(has(spaces, R"(* NAMESPACE (("" "/")) NIL NIL)"));
  });
}

TEST_CASE("what nobody may know of does not exist", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    const auto told = co_await client.say("CAPABILITY");
    CHECK(told[0].contains(" ACL RIGHTS=texk LIST-MYRIGHTS"));
    const auto spaces = co_await client.say("NAMESPACE");
    CHECK(has(spaces, R"(* NAMESPACE (("" "/")) (("Other Users/" "/")) (("Shared/" "/")))"));
    static const std::string kNames[] = {kTheirs, "\"Other Users/eve@a.test/INBOX\"", "Shared/x"};
    for (const auto& name : kNames) {
      static constexpr const char* kCommands[] = {"SELECT ", "EXAMINE ", "DELETE ", "MYRIGHTS ", "GETACL "};
      for (const auto* command : kCommands) ANSWERS(command + name, "NO [NONEXISTENT]");
      ANSWERS("STATUS " + name + " (MESSAGES)", "NO [NONEXISTENT]");
      ANSWERS("RENAME " + name + " mine", "NO [NONEXISTENT]");
      ANSWERS("APPEND " + name + " {1+}\r\nx", "NO [TRYCREATE]");
    }
    ANSWERS("CREATE \"Other Users/bob@a.test/New\"", "NO [NOPERM]");
    ANSWERS("CREATE Shared/New", "NO [NOPERM]");
    const auto all = co_await client.say("LIST \"\" *");
    CHECK(all.size() == 7);
    co_await site(server).grant("l");
    ANSWERS("SELECT " + kTheirs, "NO [NOPERM]");
    ANSWERS("DELETE " + kTheirs, "NO [NOPERM]");
    ANSWERS("SETACL " + kTheirs + " ann@a.test +a", "NO [NOPERM]");
  });
}

TEST_CASE("mailboxes of others are listed with their parents", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    co_await site(server).grant("lr");
    const auto all = co_await client.say("LIST \"\" (\"Other*\") RETURN (MYRIGHTS STATUS (MESSAGES))");
    CHECK(has(all, R"(* LIST (\NonExistent \HasChildren) "/" "Other Users")"));
    CHECK(has(all, R"(* LIST (\NonExistent \HasChildren) "/" "Other Users/bob@a.test")"));
    CHECK(has(all, R"(* LIST (\HasNoChildren) "/" "Other Users/bob@a.test/Work")"));
    CHECK(has(all, R"(* STATUS "Other Users/bob@a.test/Work" (MESSAGES 2))"));
    CHECK(has(all, R"(* MYRIGHTS "Other Users/bob@a.test/Work" lr)"));
    CHECK(all.size() == 6);
    const auto own = co_await client.say("LIST \"\" INBOX RETURN (MYRIGHTS)");
    CHECK(has(own, "* MYRIGHTS INBOX lrswipkxteacd"));
    ANSWERS("SUBSCRIBE " + kTheirs, "OK");
    const auto subscribed = co_await client.say("LIST (SUBSCRIBED) \"\" Other*");
    CHECK(has(subscribed, R"(* LIST (\HasNoChildren \Subscribed) "/" "Other Users/bob@a.test/Work")"));
    CHECK(subscribed.size() == 2);
    co_await site(server).grant("l");
    const auto less = co_await client.say("LIST \"\" (\"Other*k\") RETURN (STATUS (MESSAGES))");
    // RFC 9051 section 6.3.9.2.
    CHECK(has(less, R"(* LIST (\Noselect \HasNoChildren) "/" "Other Users/bob@a.test/Work")"));
    CHECK(less.size() == 2);
  });
}

TEST_CASE("flags change as far as the rights go", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    co_await site(server).grant("lr");
    ANSWERS("SELECT " + kTheirs, "OK [READ-ONLY]");
    co_await client.say("FETCH 1 BODY[]");
    HAS_FLAGS(1, == 0);
    co_await site(server).grant("lrs");
    const auto opened = co_await client.say("SELECT " + kTheirs);
    CHECK(has(opened, R"(* OK [PERMANENTFLAGS (\Seen)] Flags that stay)"));
    ANSWERS("STORE 1 +FLAGS (\\Deleted)", "NO [NOPERM]");
    ANSWERS("STORE 1 +FLAGS ($key)", "NO [NOPERM]");
    const auto some = co_await client.say("STORE 1 FLAGS (\\Seen \\Deleted \\Flagged $key)");
    CHECK(has(some, R"(* 1 FETCH (FLAGS (\Seen)))"));
    co_await site(server).grant("lrtw");
    const auto replaced = co_await client.say("STORE 1 FLAGS (\\Deleted $key)");
    CHECK(has(replaced, R"(* 1 FETCH (FLAGS (\Deleted \Seen $key)))"));
    ANSWERS("EXPUNGE", "NO [NOPERM]");
    ANSWERS("MOVE 1 INBOX", "NO [NOPERM]");
    ANSWERS("CLOSE", "OK");
    HAS_FLAGS(1, != ~std::uint64_t{0});
    co_await site(server).grant("lrte");
    co_await client.say("SELECT " + kTheirs);
    const auto gone = co_await client.say("EXPUNGE");
    CHECK(has(gone, "* 1 EXPUNGE"));
    const auto moved = co_await client.say("MOVE 1 INBOX");
    CHECK(has(moved, "* 1 EXPUNGE"));
    const auto inbox = co_await client.say("STATUS INBOX (MESSAGES)");
    CHECK(has(inbox, "* STATUS INBOX (MESSAGES 1)"));
  });
}

TEST_CASE("messages go in with i, and with the flags that may be set", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    co_await server.deliver(letter("mine"));
    co_await client.say("SELECT INBOX");
    co_await client.say("STORE 1 FLAGS (\\Seen \\Flagged $key)");
    co_await site(server).grant("lr");
    ANSWERS("COPY 1 " + kTheirs, "NO [NOPERM]");
    ANSWERS("APPEND " + kTheirs + " {1+}\r\nx", "NO [NOPERM]");
    co_await site(server).grant("lris");
    const auto copied = co_await client.say("COPY 1 " + kTheirs);
    CHECK(copied.back().contains(" 1 3] "));
    HAS_FLAGS(3, == store::flag::kSeen);
    const auto appended = co_await client.say("APPEND " + kTheirs + " (\\Deleted \\Seen $x) {1+}\r\nx");
    CHECK(appended.back().contains(" 4] "));
    HAS_FLAGS(4, == store::flag::kSeen);
    const auto quota = co_await client.say("GETQUOTAROOT " + kTheirs);
    CHECK(has(quota, "* QUOTAROOT " + kTheirs));
    CHECK(quota.size() == 2);
  });
}

TEST_CASE("who may not look into a mailbox learns no UIDs of it: RFC 9051 sections 6.3.12 and 6.4.7", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    co_await server.deliver(letter("mine"));
    co_await client.say("SELECT INBOX");
    co_await site(server).grant("li");
    const auto replaced = co_await client.say("REPLACE 1 " + kTheirs + " {1+}\r\nx");
    CHECK(replaced.back() == "OK Replaced");
    for (const auto& line : replaced) CHECK_FALSE(line.contains("APPENDUID"));
    co_await client.say("APPEND INBOX {1+}\r\nx");
    ANSWERS("APPEND " + kTheirs + " {1+}\r\nx", "OK");
    ANSWERS("COPY 1 " + kTheirs, "OK");
    const auto moved = co_await client.say("MOVE 1 " + kTheirs);
    CHECK(moved == std::vector<std::string>{"* 1 EXPUNGE", "OK Moved"});
    HAS_FLAGS(6, == 0);
  });
}

TEST_CASE("mailboxes of others are made, renamed and deleted with k and x", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    co_await site(server).grant("lrk");
    const auto made = co_await client.say("CREATE \"Other Users/bob@a.test/Work/a/b\"");
    CHECK(made.back().starts_with("OK"));
    const auto inherited = co_await client.say("MYRIGHTS \"Other Users/bob@a.test/Work/a/b\"");
    CHECK(has(inherited, R"(* MYRIGHTS "Other Users/bob@a.test/Work/a/b" lrkc)"));
    ANSWERS("CREATE \"Other Users/bob@a.test/Else\"", "NO [NOPERM]");
    ANSWERS("CREATE \"Other Users/bob@a.test/Work/c\" (USE (\\Sent))", "NO [USEATTR]");
    ANSWERS("RENAME \"Other Users/bob@a.test/Work/a/b\" \"Other Users/bob@a.test/Work/b\"", "NO [NOPERM]");
    co_await site(server).grant("lrkx");
    ANSWERS("RENAME " + kTheirs + " \"Other Users/bob@a.test/Else\"", "NO [NOPERM]");
    ANSWERS("RENAME " + kTheirs + " mine", "NO [CANNOT]");
    ANSWERS("RENAME INBOX \"Other Users/bob@a.test/Work/inbox\"", "NO [CANNOT]");
    ANSWERS("RENAME " + kTheirs + " \"Other Users/bob@a.test/Work/a/Work\"", "NO [CANNOT]");
    ANSWERS("DELETE " + kTheirs, "OK");
    ANSWERS("SELECT " + kTheirs, "NO [NONEXISTENT]");
  });
}

TEST_CASE("the nearest mailbox above decides, also where it is hidden", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    co_await site(server).grant("");
    const auto hidden = co_await server.store().create("bob@a.test", "Work/hidden", "");
    REQUIRE(hidden.has_value());
    co_await site(server).grant("lrk");
    ANSWERS("MYRIGHTS \"Other Users/bob@a.test/Work/hidden\"", "NO [NONEXISTENT]");
    ANSWERS("CREATE \"Other Users/bob@a.test/Work/hidden/mine\"", "NO [NOPERM]");
    const auto made = co_await client.say("CREATE \"Other Users/bob@a.test/Work/open/mine\"");
    CHECK(made.back().starts_with("OK "));
    const auto there = co_await server.store().find("bob@a.test", "Work/hidden/mine");
    CHECK_FALSE(there.has_value());
  });
}

TEST_CASE("what a mailbox is used for by its owner says nothing to others", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    const auto sent = co_await server.store().find("bob@a.test", "Sent");
    REQUIRE(sent.has_value());
    const auto rights = *store::Rights::parse("lri");
    const auto set = co_await server.store().set_acl(sent->ref, "ann@a.test", store::AclMode::kReplace, rights);
    REQUIRE(set.has_value());
    const auto listed = co_await client.say("LIST \"\" \"*\" RETURN (SPECIAL-USE)");
    CHECK(has(listed, "* LIST (\\HasNoChildren \\Sent) \"/\" Sent"));
    CHECK(has(listed, "* LIST (\\HasNoChildren) \"/\" \"Other Users/bob@a.test/Sent\""));
    co_await client.say("ENABLE IMAP4rev2");
    const auto selected = co_await client.say("SELECT \"Other Users/bob@a.test/Sent\"");
    CHECK(has(selected, "* LIST () \"/\" \"Other Users/bob@a.test/Sent\""));
  });
}

TEST_CASE("who may read annotations: RFC 5464 section 3.3", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    const auto noted = co_await server.store().annotate(site(server).work, {{"", "/comment", "of bob"}});
    REQUIRE(noted.has_value());
    const auto get = "GETMETADATA " + kTheirs + " /shared/comment";
    const auto told = "* METADATA " + kTheirs + " (/shared/comment \"of bob\")";
    const auto list = "LIST \"\" \"Other Users/*\" RETURN (METADATA (/shared/comment) STATUS (MESSAGES))";
    for (const auto* const enough : {"lr", "ls", "lw", "li", "lp"}) {
      INFO(enough);
      co_await site(server).grant(enough);
      const auto got = co_await client.say(get);
      CHECK(has(got, told));
      const auto listed = co_await client.say(list);
      CHECK(has(listed, told));
      const bool status = std::ranges::any_of(listed, [](const auto& line) { return line.starts_with("* STATUS "); });
      CHECK(status == (std::string_view(enough) == "lr"));
    }
    for (const auto* const little : {"r", "l", "lkxtea"}) {
      INFO(little);
      co_await site(server).grant(little);
      ANSWERS(get, "NO [NOPERM]");
      ANSWERS("SETMETADATA " + kTheirs + " (/private/comment \"mine\")", "NO [NOPERM]");
    }
    co_await site(server).grant("li");
    ANSWERS("SETMETADATA " + kTheirs + " (/private/comment \"mine\")", "OK");
    ANSWERS("SETMETADATA " + kTheirs + " (/shared/comment \"mine\")", "NO [NOPERM]");
  });
}

TEST_CASE("which flags can be changed is told when rights change", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    co_await site(server).grant("lrs");
    co_await client.say("SELECT " + kTheirs);
    co_await site(server).grant("lrst");
    const auto more = co_await client.say("NOOP");
    CHECK(has(more, "* OK [PERMANENTFLAGS (\\Deleted \\Seen)] Flags that stay"));
    co_await site(server).grant("lrsti");
    const auto same = co_await client.say("NOOP");
    CHECK(same.size() == 1);
    co_await client.say("EXAMINE " + kTheirs);
    co_await site(server).grant("lrs");
    const auto none = co_await client.say("NOOP");
    CHECK(none.size() == 1);
  });
}

TEST_CASE("keywords of messages that one may not see are told to nobody", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await site(here).fill();
    co_await site(here).grant("lrw");
    const auto secret = co_await here.store().create("bob@a.test", "Secret", "");
    std::vector<store::AppendMessage> messages(1);
    messages[0].bytes = std::make_shared<const std::string>(letter("two"));
    messages[0].keywords = {"$secret"};
    const auto appended = co_await here.store().append(secret->ref, std::move(messages));
    REQUIRE(appended.has_value());
    const auto opened = co_await client.say("SELECT " + kTheirs);
    CHECK(has(opened, R"(* FLAGS (\Answered \Flagged \Deleted \Seen \Draft))"));
    CHECK(has(opened, R"(* OK [PERMANENTFLAGS (\Answered \Flagged \Draft \*)] Flags that stay)"));
    const auto stored = co_await client.say("STORE 1 +FLAGS ($open)");
    CHECK(has(stored, R"(* FLAGS (\Answered \Flagged \Deleted \Seen \Draft $open))"));
    CHECK(has(stored, "* 1 FETCH (FLAGS ($open))"));
    const auto copied = co_await here.store().copy(secret->ref, {{1, 1}}, site(here).work);
    REQUIRE(copied.has_value());
    const auto told = co_await client.say("NOOP");
    CHECK(has(told, R"(* FLAGS (\Answered \Flagged \Deleted \Seen \Draft $secret $open))"));
  });
}

TEST_CASE("who administers sets the rights", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    ANSWERS("SETACL Sent bob@a.test lr", "OK");
    ANSWERS("SETACL Sent -bob@a.test s", "OK");
    ANSWERS("SETACL Sent anyone +k", "OK");
    const auto listed = co_await client.say("GETACL Sent");
    CHECK(has(listed, "* ACL Sent ann@a.test lrswipkxteacd -bob@a.test s anyone kc bob@a.test lr"));
    ANSWERS("SETACL Sent eve@a.test l", "NO [CANNOT]");
    ANSWERS("SETACL Sent ann@a.test l", "NO [CANNOT]");
    ANSWERS("SETACL Sent bob@a.test lz", "BAD");
    ANSWERS("SETACL Nowhere bob@a.test l", "NO [NONEXISTENT]");
    ANSWERS("DELETEACL Sent -bob@a.test", "OK");
    ANSWERS("DELETEACL Sent eve@a.test", "OK");
    // As an identifier is UTF-8, and not empty (RFC 4314 section 3).
    ANSWERS("DELETEACL Sent {2+}\r\n\xff\xfe", "BAD");
    ANSWERS("LISTRIGHTS Sent {2+}\r\n\xff\xfe", "BAD");
    ANSWERS("DELETEACL Sent \"\"", "BAD");
    const auto less = co_await client.say("GETACL Sent");
    CHECK(has(less, "* ACL Sent ann@a.test lrswipkxteacd anyone kc bob@a.test lr"));
    const auto could = co_await client.say("LISTRIGHTS Sent bob@a.test");
    CHECK(has(could, "* LISTRIGHTS Sent bob@a.test \"\" l r s w i p k x t e a c d"));
    const auto owner = co_await client.say("LISTRIGHTS Sent ann@a.test");
    CHECK(has(owner, "* LISTRIGHTS Sent ann@a.test lrswipkxteacd"));
    // With a on the mailbox of another.
    co_await site(server).fill();
    co_await site(server).grant("la");
    ANSWERS("SETACL " + kTheirs + " anyone lr", "OK");
    const auto theirs = co_await client.say("GETACL " + kTheirs);
    CHECK(has(theirs, "* ACL " + kTheirs + " bob@a.test lrswipkxteacd ann@a.test la anyone lr"));
  });
}

TEST_CASE("a right that is taken away ends the reading of a mailbox", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    co_await site(server).grant("lrs");
    co_await client.say("SELECT " + kTheirs);
    co_await site(server).grant("l");
    ANSWERS("FETCH 1 (FLAGS)", "NO [NOPERM]");
    const auto bye = co_await client.line();
    CHECK(bye == "* BYE The selected mailbox may not be read any more");
  });
}

TEST_CASE("it does so in IDLE", "[imapd]") {
  Site server;
  server.run_in([](Client& client, Server& server) -> async::Task<void> {
    co_await site(server).fill();
    co_await site(server).grant("lrs");
    co_await client.say("SELECT " + kTheirs);
    co_await client.send("i IDLE\r\n");
    auto line = co_await client.line();
    CHECK(line == "+ Idling");
    co_await site(server).grant("l");
    while (line != "(closed)" && !line.starts_with("* BYE")) line = co_await client.line();
    CHECK(line == "* BYE The selected mailbox may not be read any more");
  });
}
