// Named searches: RFC 5466.
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;

namespace {

/// With mailboxes of nobody, which ann administers or does not.
class Site : public Server {
 public:
  explicit Site(bool administers) {
    auto namespaces = std::make_shared<store::Namespaces>();
    namespaces->shared = "Shared";
    namespaces->shared_account = "shared";
    if (administers) namespaces->administrators = {"ann@a.test"};
    namespaces->login_of = [](std::string_view name) { return std::string(name); };
    services.namespaces = [namespaces] { return namespaces; };
  }
};

async::Task<void> set_for_all(Server& here, std::string name, std::string value) {
  const auto inbox = co_await here.store().find("shared", "INBOX");
  std::vector<store::AnnotationChange> changes{{"", "/filters/values/" + name, value}};
  const auto done = co_await here.store().annotate({inbox->ref.shard, inbox->ref.account, 0}, std::move(changes));
  CHECK(done.has_value());
}

}  // namespace

TEST_CASE("a filter stands for its criteria in SEARCH, SORT and THREAD", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    for (const auto* subject : {"one", "two", "three"}) co_await here.deliver(letter(subject));
    co_await client.say("SELECT INBOX");
    const auto set =
        co_await client.say(R"(SETMETADATA "" (/private/filters/values/Mine "OR SUBJECT \"one\" SUBJECT two"))");
    CHECK(set.back().starts_with("OK "));
    const auto found = co_await client.say("SEARCH FILTER mine 2:*");
    CHECK(has(found, "* SEARCH 2"));
    const auto negated = co_await client.say("SEARCH CHARSET UTF-8 NOT FILTER MINE");
    CHECK(has(negated, "* SEARCH 3"));
    const auto sorted = co_await client.say("SORT (REVERSE SUBJECT) UTF-8 FILTER mine");
    CHECK(has(sorted, "* SORT 2 1"));
    const auto threads = co_await client.say("THREAD ORDEREDSUBJECT US-ASCII FILTER mine");
    CHECK(has(threads, "* THREAD (1)(2)"));
    const auto charset = co_await client.say("SEARCH CHARSET ISO-8859-1 FILTER mine");
    CHECK(charset.back().starts_with("BAD [BADCHARSET "));
    const auto none = co_await client.say("SEARCH FILTER other");
    CHECK(none.back().starts_with("NO [UNDEFINED-FILTER other] "));
  });
}

TEST_CASE("filters may name each other, but not in a circle", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await client.say("SELECT INBOX");
    co_await client.say(
        R"(SETMETADATA "" (/private/filters/values/a "FILTER b" /private/filters/values/b "FILTER c"))");
    co_await client.say(R"(SETMETADATA "" (/private/filters/values/c "FILTER d" /private/filters/values/d "UNSEEN"))");
    const auto found = co_await client.say("SEARCH FILTER a");
    CHECK(has(found, "* SEARCH 1"));
    co_await client.say(R"(SETMETADATA "" (/private/filters/values/d "FILTER a"))");
    const auto circle = co_await client.say("SEARCH FILTER a");
    CHECK(circle.back().starts_with("NO [UNDEFINED-FILTER "));
    const auto many = [](const std::string& key) {
      std::string keys;
      for (int n = 0; n < 500; ++n) keys += key + " ";
      return keys + "SEEN";
    };
    const auto set = co_await client.say("SETMETADATA \"\" (/private/filters/values/x \"" + many("FILTER y") +
                                         "\" /private/filters/values/y \"" + many("FILTER z") +
                                         "\" /private/filters/values/z \"SEEN\")");
    CHECK(set.back().starts_with("OK "));
    co_await client.say("SEARCH RETURN (SAVE) ALL");
    const auto explosion = co_await client.say("SEARCH RETURN (SAVE) FILTER x");
    CHECK(explosion.back().starts_with("NO [LIMIT] "));
    const auto saved = co_await client.say("SEARCH $");
    CHECK(has(saved, "* SEARCH"));
  });
}

TEST_CASE("what is no search criterion cannot be a filter", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server&) -> async::Task<void> {
    const auto half = co_await client.say(R"(SETMETADATA "" (/private/filters/values/a "OR SMALLER"))");
    CHECK(half.back().starts_with("NO "));
    const auto described = co_await client.say(R"(SETMETADATA "" (/private/filters/descriptions/a "OR SMALLER"))");
    CHECK(described.back().starts_with("OK "));
    const auto gone = co_await client.say(R"(SETMETADATA "" (/private/filters/values/a NIL))");
    CHECK(gone.back().starts_with("OK "));
  });
}

TEST_CASE("a filter of all is used where the user has none of that name", "[imapd]") {
  Site server(false);
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    co_await client.say("SELECT INBOX");
    co_await set_for_all(here, "new", "UNSEEN");
    co_await set_for_all(here, "broken", "OR SMALLER");
    const auto of_all = co_await client.say("SEARCH FILTER new");
    CHECK(has(of_all, "* SEARCH 1"));
    const auto told = co_await client.say(R"(GETMETADATA "" (/shared/filters/values/new /private/filters/values/new))");
    CHECK(has(told, R"(* METADATA "" (/shared/filters/values/new "UNSEEN" /private/filters/values/new NIL))"));
    co_await client.say(R"(SETMETADATA "" (/private/filters/values/new "SEEN"))");
    const auto own = co_await client.say("SEARCH FILTER new");
    CHECK(has(own, "* SEARCH"));
    const auto broken = co_await client.say("SEARCH FILTER broken");
    CHECK(broken.back().starts_with("NO [UNDEFINED-FILTER broken]"));
    const auto refused = co_await client.say(R"(SETMETADATA "" (/shared/filters/values/new "SEEN"))");
    CHECK(refused.back().starts_with("NO [NOPERM]"));
  });
}

TEST_CASE("who administers the mailboxes of nobody sets filters of all", "[imapd]") {
  Site server(true);
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(letter("one"));
    const auto set = co_await client.say(
        R"(SETMETADATA "" (/shared/filters/values/new "UNSEEN" /private/filters/descriptions/new "mine"))");
    CHECK(set.back().starts_with("OK "));
    const auto told = co_await client.say(R"(GETMETADATA "" (DEPTH infinity) (/shared/filters /private/filters))");
    CHECK(has(told,
              "* METADATA \"\" (/shared/filters/values/new \"UNSEEN\" /private/filters/descriptions/new \"mine\")"));
    co_await client.say("SELECT INBOX");
    const auto found = co_await client.say("SEARCH FILTER new");
    CHECK(has(found, "* SEARCH 1"));
    co_await client.say(R"(SETMETADATA "" (/shared/filters/values/new NIL))");
    const auto gone = co_await client.say("SEARCH FILTER new");
    CHECK(gone.back().starts_with("NO [UNDEFINED-FILTER new]"));
  });
}
