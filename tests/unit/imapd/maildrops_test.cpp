// One session of POP3 has a maildrop at a time: RFC 1939 section 4.
#include "imapd/maildrops.h"

#include <fstream>

#include "imapd/pop3_session.h"
#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd::test;
using imapd::Maildrops;
using quartet::test::TemporaryDirectory;

namespace {

const std::string kAnn = "ann@a.test";
const std::string kBob = "bob@a.test";

/// Among those that have this file and store.
async::Task<bool> has_entered(Maildrops& maildrops, std::string account) {
  const auto entered = co_await maildrops.enter(std::move(account));
  REQUIRE(entered.has_value());
  co_return *entered;
}

/// The same for a test of what hosts do that share a store.
struct Host {
  TemporaryDirectory directory;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<Maildrops> maildrops;

  explicit Host(const std::string& database, Maildrops::Times times = {}) {
    store::Options options;
    options.directory = directory.path().string();
    options.postgres = database;
    store = store::open_store(std::move(options)).value();
    restart(times);
  }
  void restart(Maildrops::Times times = {}) {
    maildrops.reset();
    maildrops = Maildrops::open(directory.file("maildrops"), *store, times).value();
  }
};

/// Where tests run without PostgreSQL, no two hosts share a store.
struct Hosts {
  TemporaryDirectory directory;
  const std::string database = quartet::test::postgres_for(directory.path());
  bool are_there() const { return !database.empty(); }
};

async::Task<void> in_turns(Host& one, Host& other) {
  auto entered = co_await has_entered(*one.maildrops, kAnn);
  CHECK(entered);
  entered = co_await has_entered(*other.maildrops, kAnn);
  CHECK_FALSE(entered);
  entered = co_await has_entered(*other.maildrops, kBob);
  CHECK(entered);
  co_await one.maildrops->leave(kAnn);
  entered = co_await has_entered(*other.maildrops, kAnn);
  CHECK(entered);
  entered = co_await has_entered(*one.maildrops, kAnn);
  CHECK_FALSE(entered);
}

/// Whoever was killed and started again.
async::Task<void> again(Host& one, Host& other) {
  auto entered = co_await has_entered(*one.maildrops, kAnn);
  CHECK(entered);
  one.restart();
  entered = co_await has_entered(*other.maildrops, kAnn);
  CHECK_FALSE(entered);
  entered = co_await has_entered(*one.maildrops, kAnn);
  CHECK(entered);
}

async::Task<void> out_of_time(Host& dead, Host& other) {
  auto entered = co_await has_entered(*dead.maildrops, kAnn);
  CHECK(entered);
  const auto end = soon();
  do {
    entered = co_await has_entered(*other.maildrops, kAnn);
  } while (!entered && !end.passed());
  CHECK(entered);
  const auto renewed = co_await dead.maildrops->renew(kAnn);
  CHECK_FALSE(renewed.value());
  co_await dead.maildrops->leave(kAnn);
  entered = co_await has_entered(*dead.maildrops, kAnn);
  CHECK_FALSE(entered);
}

struct LeasingServer : Server {
  LeasingServer() {
    protocol = imapd::serve_pop3;
    services.maildrops = maildrops.get();
  }
  TemporaryDirectory directory;
  std::unique_ptr<Maildrops> maildrops =
      Maildrops::open(directory.file("maildrops"), store(), {std::chrono::seconds(60), std::chrono::milliseconds(20)})
          .value();
};

async::Task<void> log_in(Client& client) {
  co_await client.line();
  co_await client.send("USER ann@a.test\r\nPASS secret\r\n");
  co_await client.line();
  const auto in = co_await client.line();
  CHECK(in.starts_with("+OK "));
}

}  // namespace

TEST_CASE("one has a maildrop at a time, in whichever process", "[pop3]") {
  const TemporaryDirectory directory;
  Host host("");
  const auto file = host.directory.file("maildrops");
  auto& first = host.maildrops;
  auto second = Maildrops::open(file, *host.store).value();  // as of another process
  async::Loop loop;
  const auto enter = [&loop](Maildrops& maildrops, const std::string& account) {
    return loop.block_on(has_entered(maildrops, account));
  };
  CHECK(enter(*first, kAnn));
  CHECK_FALSE(enter(*first, kAnn));
  CHECK_FALSE(enter(*second, kAnn));
  CHECK(enter(*second, kBob));
  CHECK_FALSE(enter(*first, kBob));
  loop.block_on(first->leave(kAnn));
  CHECK(enter(*second, kAnn));
  CHECK_FALSE(enter(*first, kAnn));
  second.reset();
  CHECK(enter(*first, kAnn));
  CHECK(enter(*first, kBob));
  CHECK_FALSE(Maildrops::open(directory.file("none/maildrops"), *host.store));
}

TEST_CASE("one has a maildrop at a time, on whichever host", "[pop3]") {
  const Hosts hosts;
  if (!hosts.are_there()) return;
  Host one(hosts.database), other(hosts.database);
  async::Loop().block_on(in_turns(one, other));
}

TEST_CASE("a host that starts again has its maildrops at once", "[pop3]") {
  const Hosts hosts;
  if (!hosts.are_there()) return;
  Host one(hosts.database), other(hosts.database);
  async::Loop().block_on(again(one, other));
}

TEST_CASE("the maildrops of a dead host are others' after a time", "[pop3]") {
  const Hosts hosts;
  if (!hosts.are_there()) return;
  Host dead(hosts.database, {std::chrono::milliseconds(300), std::chrono::milliseconds(100)}), other(hosts.database);
  async::Loop().block_on(out_of_time(dead, other));
}

TEST_CASE("a session ends when another host has its maildrop, and deletes nothing", "[pop3]") {
  const Hosts hosts;
  if (!hosts.are_there()) return;
  LeasingServer server;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver("Subject: x\r\n\r\nx\r\n");
    co_await log_in(client);
    co_await client.send("DELE 1\r\n");
    const auto deleted = co_await client.line();
    CHECK(deleted.starts_with("+OK"));
    // As after a time in which it could not be renewed.
    std::ifstream file(static_cast<LeasingServer&>(here).directory.file("maildrops"));
    std::string host;
    file >> host;
    for (bool taken = false; !taken;) {  // it may be renewed in between
      const auto left = co_await here.store().leave_maildrop(kAnn, host);
      REQUIRE(left.has_value());
      const auto held = co_await here.store().hold_maildrop(kAnn, "another", std::chrono::seconds(60));
      taken = held.value();
    }
    const auto word = co_await client.line();
    CHECK(word == "-ERR [IN-USE] Another host has the maildrop now");
    const auto end = co_await client.line();
    CHECK(end == "(closed)");
    const auto inbox = co_await here.store().find(kAnn, "INBOX");
    CHECK(inbox->status.messages == 1);
  });
}

TEST_CASE("who has heard the last word of a session may come back at once", "[pop3]") {
  LeasingServer server;
  server.run([](Client& client, Server& here) -> async::Task<void> {
    co_await log_in(client);
    for (int n = 0; n < 20; ++n) {
      co_await client.send("QUIT\r\n");
      const auto bye = co_await client.line();
      CHECK(bye.starts_with("+OK"));
      client = here.second();
      co_await log_in(client);
    }
  });
}
