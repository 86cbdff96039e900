// Sessions of ManageSieve (RFC 5804) with clients that say little. What commands do is tried by tests/system.
#include "mda/managesieve_session.h"

#include <catch2/catch.hpp>

#include "common/async/loop.h"
#include "common/async/task_group.h"
#include "common/tls/client_context.h"
#include "common/tls/stream.h"
#include "tests/support/certificates.h"
#include "tests/unit/mda/helpers.h"

using namespace quartet;
using namespace quartet::mda;
using namespace quartet::mda::test;
using quartet::test::certificates;

namespace {

constexpr const char* kLogin = "AUTHENTICATE \"PLAIN\" \"AGFubkBhLnRlc3QAc2VjcmV0\"\r\n";
constexpr const char* kNotHungUp = "the server has not hung up";

async::Deadline soon() { return async::Deadline::after(std::chrono::seconds(30)); }

async::Task<std::expected<std::string, service::LoginFailure>> let_in(sasl::Claim claim) {
  co_return claim.authentication;
}

/// Everything up to the end, or to `end`.
async::Task<std::string> read(net::Stream& stream, std::string end = {}) {
  std::string heard;
  while (end.empty() || !heard.ends_with(end)) {
    const auto bytes = co_await stream.read_some(soon());
    if (!bytes) break;
    heard += *bytes;
  }
  co_return heard;
}

struct Site {
  Directory directory;
  Scripts scripts{directory.file("sieve"), ""};
  async::ThreadPool files{"files", 1};
  std::unique_ptr<service::LoginGuard> guard = service::LoginGuard::open({}).value();
  ManageSieveServices services{.scripts = scripts,
                               .files = files,
                               .authenticate = let_in,
                               .mechanisms = sasl::password_mechanisms,
                               .verifiers = [] { return sasl::Verifiers(); },
                               .token_refusal = [] { return std::string(); },
                               .guard = *guard};
  ManageSieveOptions options;
  net::Sessions sessions;
  async::Event drain_begun;
  async::Loop loop;

  Site() {
    const auto& made = certificates();
    options.tls = tls::ServerContext::load({made.certificate("server"), made.key("server"), {}, false}).value();
    options.implicit_tls = true;
    options.drain_begun = &drain_begun;
  }

  /// Runs `script(client)` against a session, and gives what it gives.
  template <typename Script>
  std::string run(Script script) {
    return loop.block_on(converse(std::move(script)));
  }

 private:
  template <typename Script>
  async::Task<std::string> converse(Script script) {
    async::TaskGroup group;
    auto [far, near] = net::make_pipe();
    const auto listed = sessions.enter("managesieve", *far);
    options.record = &listed.record();
    group.spawn(serve_managesieve(std::move(far), options, services));
    const auto context = tls::ClientContext::make({false, {}, {}, {}}).value();
    auto client = co_await tls::connect(std::move(near), context, "mx.test", soon());
    REQUIRE(client.has_value());
    auto result = co_await script(**client);
    client->reset();
    co_await group.join(soon());
    co_return result;
  }
};

/// Says `begin` at once and `again` each tenth of a second until the server has hung up, for ten seconds at most: the
/// last line that the server said.
async::Task<std::string> drip(net::Stream& client, std::string begin, std::string again) {
  (void)co_await client.write(begin, soon());
  for (int i = 0; i < 100; ++i) {
    const auto sent = co_await client.write(again, soon());
    if (!sent) {
      auto heard = co_await read(client);
      heard.resize(heard.find_last_not_of("\r\n") + 1);
      co_return heard.substr(heard.rfind('\n') + 1);
    }
    co_await async::sleep_for(std::chrono::milliseconds(100));
  }
  co_return kNotHungUp;
}

}  // namespace

TEST_CASE("a login to ManageSieve has one time for all that is said", "[mda][sieve]") {
  const std::string begin = GENERATE("", "NOOP \"", "AUTHENTICATE \"PLAIN\"\r\n\"", "NOOP {4000+}\r\n");
  Site site;
  site.options.login_timeout = std::chrono::seconds(1);
  const auto script = [&begin](net::Stream& client) { return drip(client, begin, begin.empty() ? "NOOP\r\n" : "A"); };
  CHECK(site.run(script) == "BYE \"The login takes too long\"");
}

TEST_CASE("a command of ManageSieve must come on", "[mda][sieve]") {
  const std::string begin = GENERATE("NOOP \"", "CHECKSCRIPT {4000+}\r\n");
  Site site;
  site.options.transfer_timeout = std::chrono::seconds(1);
  const auto script = [&begin](net::Stream& client) { return drip(client, kLogin + begin, "A"); };
  CHECK(site.run(script) == "BYE \"The command comes too slowly\"");
}

TEST_CASE("who is logged in to ManageSieve has other times, until it has logged out of its account", "[mda][sieve]") {
  Site site;
  site.options.login_timeout = std::chrono::seconds(1);
  const auto script = [](net::Stream& client) -> async::Task<std::string> {
    (void)co_await client.write(kLogin, soon());
    co_await async::sleep_for(std::chrono::milliseconds(1'500));
    (void)co_await client.write("NOOP\r\nUNAUTHENTICATE\r\n", soon());
    co_return co_await read(client);
  };
  CHECK(site.run(script).ends_with("OK \"Done\"\r\nOK \"Logged out\"\r\nBYE \"The login takes too long\"\r\n"));
}

TEST_CASE("what is no string within AUTHENTICATE ends the session, and nothing after it is kept", "[mda][sieve]") {
  const bool within = GENERATE(false, true);
  Site site;
  const auto script = [within](net::Stream& client) -> async::Task<std::string> {
    const std::string begin = within ? "AUTHENTICATE \"PLAIN\"\r\n" : "AUTHENTICATE \"PLAIN\" ";
    (void)co_await client.write(begin + "{20000+}\r\n", soon());
    co_return co_await read(client);
  };
  CHECK(site.run(script).ends_with("BYE \"This is not understood\"\r\n"));
}

TEST_CASE("who has logged out of its account is nobody in the list of sessions", "[mda][sieve]") {
  Site site;
  const auto script = [&site](net::Stream& client) -> async::Task<std::string> {
    (void)co_await client.write(kLogin, soon());
    (void)co_await read(client, "OK \"Logged in\"\r\n");
    const auto in = site.sessions.list().at(0).login;
    (void)co_await client.write("UNAUTHENTICATE\r\n", soon());
    (void)co_await read(client, "OK \"Logged out\"\r\n");
    co_return in + "," + site.sessions.list().at(0).login;
  };
  CHECK(site.run(script) == "ann@a.test,");
}

TEST_CASE("a session of ManageSieve hears at once that it is to end", "[mda][sieve]") {
  const bool by_operator = GENERATE(false, true);
  const bool in_command = GENERATE(false, true);
  Site site;
  const auto script = [&](net::Stream& client) -> async::Task<std::string> {
    (void)co_await client.write(std::string(kLogin) + (in_command ? "CHECKSCRIPT {40+}\r\nA" : ""), soon());
    (void)co_await read(client, "OK \"Logged in\"\r\n");
    if (by_operator)
      CHECK(site.sessions.end(1));
    else
      site.drain_begun.set();
    co_return co_await read(client);
  };
  CHECK(site.run(script) == "BYE (TRYLATER) \"The server is closing\"\r\n");
}
