// An mda with a store, a spool and scripts, and LMTP clients that say everything at once.
#pragma once
#include <catch2/catch.hpp>
#include <filesystem>

#include "common/async/loop.h"
#include "common/async/task_group.h"
#include "common/config/config.h"
#include "mda/filter.h"
#include "mda/session.h"
#include "quartet/config/v1/directory.pb.h"
#include "tests/support/postgres.h"
#include "tests/unit/mda/helpers.h"

namespace quartet::mda::test {

inline constexpr const char* kPeople = R"(
domain { name: "a.test" }
account { login: "ann@a.test" }
account { login: "bob@a.test" quota_bytes: 3000 }
account { login: "box@a.test" }
account { login: "dir@a.test" }
alias { address: "both@a.test" target: "ann@a.test" target: "bob@a.test" }
alias { address: "files@a.test" target: "box@a.test" target: "dir@a.test" target: "ann@a.test" }
alias { address: "out@a.test" target: "someone@far.test" }
alias { address: "over@a.test" target: "j\303\266rg@far.test" }
alias { address: "broken@a.test" target: "ann@a.test" target: "nowhere@a.test" }
account { login: "nowhere@a.test" }
)";

inline async::Deadline soon() { return async::Deadline::after(std::chrono::seconds(30)); }

struct Mda {
  Directory directory;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<spool::Spool> spool;
  async::ThreadPool files{"files", 4};
  service::ByteBudget budget{1 << 20};
  Reservations reservations;
  Tables tables;
  std::unique_ptr<Filters> filters;
  std::unique_ptr<SessionServices> services;
  smtp::ServerOptions options;
  async::Loop loop;

  explicit Mda(bool with_spool = true) {
    config::v1::Directory source;
    REQUIRE(config::parse_into(kPeople, "people", source));
    tables.directory = std::make_shared<const directory::Directory>(source);
    tables.deliveries = std::make_shared<const DeliveryTable>(
        std::vector<Delivery>{{"box@a.test", Delivery::Kind::kMbox, directory.file("{user}.mbox")},
                              {"dir@a.test", Delivery::Kind::kMaildir, directory.file("{user}")},
                              {"nowhere@a.test", Delivery::Kind::kMbox, directory.file("no/such/box")}});
    store::Options stored;
    stored.directory = directory.file("store");
    stored.postgres = quartet::test::postgres_for(stored.directory);
    stored.shards = 2;
    stored.gc_interval = std::chrono::seconds(0);
    stored.quota = [this](std::string_view login) {
      const auto* account = tables.directory->find_account(login);
      return store::QuotaLimit{account != nullptr ? account->quota_bytes : 0, 0};
    };
    auto opened = store::open_store(stored);
    if (!opened) FAIL(opened.error().detail);
    store = *std::move(opened);
    if (with_spool) open_spool();
    services = std::unique_ptr<SessionServices>(new SessionServices{
        .delivery = {.store = *store, .files = files, .hostname = "mda.test", .notices = {}, .mbox = {}},
        .tables = [this] { return tables; },
        .budget = budget,
        .reservations = reservations});
    services->delivery.spool = spool.get();
    services->delivery.redelivers = with_spool;
    services->delivery.notices.hostname = "mda.test";
    options.features.hostname = "mda.test";
    options.features.lmtp = true;
    options.features.trace = true;
    options.features.dsn = with_spool;
  }

  /// The account's script from now on.
  void script(const std::string& login, const std::string& text) {
    filters = std::make_unique<Filters>(
        Filters::Options{.directory = directory.file("sieve"), .global = "", .limits = {}, .accounts = [this] {
                           return tables.directory;
                         }});
    REQUIRE(filters->scripts().put(login, "main", text));
    REQUIRE(filters->scripts().activate(login, "main"));
    services->delivery.filters = filters.get();
  }

  void open_spool() {
    spool::Options queue;
    queue.directory = directory.file("spool");
    auto opened = spool::Spool::open(std::move(queue));
    if (!opened) FAIL(opened.error().detail);
    spool = *std::move(opened);
  }

  /// Says everything at once (pipelining) and gives all that comes back.
  std::string say(std::string text, std::size_t capacity = 65536) {
    return loop.block_on(converse(std::move(text), capacity));
  }

  async::Task<std::string> converse(std::string text, std::size_t capacity) {
    async::TaskGroup group;
    std::string heard;
    {
      auto [far, near] = net::make_pipe(capacity);
      group.spawn(serve(std::move(far)));
      group.spawn(write(*near, "LHLO client.test\r\n" + text + "QUIT\r\n"));
      for (;;) {
        const auto bytes = co_await near->read_some(soon());
        if (!bytes) break;
        heard += *bytes;
      }
      const bool ended = co_await group.join(soon());
      CHECK(ended);
    }
    co_return heard;
  }

  /// How many messages have room reserved for them while the client waits after what it said.
  std::uint64_t held_after(std::string text, const std::string& account) {
    return loop.block_on(hold(std::move(text), account));
  }

  async::Task<std::uint64_t> hold(std::string text, std::string account) {
    async::TaskGroup group;
    auto [far, near] = net::make_pipe();
    group.spawn(serve(std::move(far)));
    // To VRFY nothing else answers so.
    (void)co_await near->write("LHLO client.test\r\n" + text + "VRFY\r\n", soon());
    std::string heard;
    while (!heard.contains("\r\n501 ") && !heard.contains("\r\n502 ")) {
      const auto bytes = co_await near->read_some(soon());
      REQUIRE(bytes.has_value());
      heard += *bytes;
    }
    const auto held = reservations.held(account).messages;
    near.reset();
    co_await group.join(soon());
    co_return held;
  }

  async::Task<void> serve(std::unique_ptr<net::Stream> stream) {
    const auto handler = make_handler(*services);
    co_await smtp::serve(std::move(stream), options, *handler);
  }

  static async::Task<void> write(net::Stream& stream, std::string text) { (void)co_await stream.write(text, soon()); }

  /// The messages in INBOX, whole, oldest first.
  std::vector<std::string> inbox(const std::string& account) { return in_mailbox(account, "INBOX"); }
  std::vector<std::string> in_mailbox(const std::string& account, const std::string& mailbox) {
    return loop.block_on(read_mailbox(account, mailbox));
  }

  async::Task<std::vector<std::string>> read_mailbox(std::string account, std::string mailbox) {
    std::vector<std::string> out;
    const auto found = co_await store->find(account, mailbox);
    REQUIRE(found.has_value());
    const auto snapshot = co_await store->snapshot(found->ref);
    REQUIRE(snapshot.has_value());
    for (std::size_t n = 0; n < (*snapshot)->size(); ++n) {
      const auto bytes = co_await store->read(found->ref, (**snapshot)[n].object);
      REQUIRE(bytes.has_value());
      out.push_back(**bytes);
    }
    co_return out;
  }

  struct Queued {
    std::string to;
    std::uint8_t notify;
    std::string orcpt;
    spool::Envelope envelope;
    std::string body;
  };
  /// Takes what is due out of the spool.
  std::vector<Queued> queued() {
    std::vector<Queued> out;
    for (const auto& claim : spool->claim_due(wall_now() + std::chrono::hours(1), 100)) {
      auto body = loop.block_on(spool->body(claim.message->id));
      REQUIRE(body.has_value());
      out.push_back({claim.address, claim.notify, claim.orcpt, claim.message->envelope, **body});
    }
    return out;
  }
};

inline std::string transaction(const std::string& to, const std::string& text, const std::string& from = "bob@b.test") {
  std::string out = "MAIL FROM:<" + from + ">\r\n";
  std::size_t begin = 0;
  while (begin < to.size()) {
    const auto end = std::min(to.find(' ', begin), to.size());
    out += "RCPT TO:<" + to.substr(begin, end - begin) + ">\r\n";
    begin = end + 1;
  }
  return out + "DATA\r\n" + text + ".\r\n";
}

/// Codes of all replies after that to LHLO, the last line of each.
inline std::string codes(const std::string& heard) {
  std::string out;
  bool hello = false;
  std::size_t begin = 0;
  while (begin < heard.size()) {
    const auto end = heard.find("\r\n", begin);
    const auto line = heard.substr(begin, end - begin);
    begin = end + 2;
    if (line.size() > 3 && line[3] == '-') continue;
    if (hello) out += (out.empty() ? "" : " ") + line.substr(0, 3);
    hello = hello || line.starts_with("250 ");
  }
  return out;
}

inline constexpr const char* kLetter = "Return-Path: <old@x.test>\r\nSubject: hi\r\n\r\nHello\r\n";

}  // namespace quartet::mda::test
