// A session with a real store behind it, and a client at the other end of a pipe.
#pragma once
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/async/loop.h"
#include "common/async/task_group.h"
#include "common/async/wait.h"
#include "common/store/default_mailboxes.h"
#include "imapd/session.h"
#include "tests/support/postgres.h"
#include "tests/support/temporary_directory.h"

namespace quartet::imapd::test {

/// All waits of the tests end by then.
inline async::Deadline soon() { return async::Deadline::after(std::chrono::seconds(30)); }

class Client {
 public:
  explicit Client(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {}

  async::Task<void> send(std::string text) {
    const auto sent = co_await stream_->write(text, soon());
    INFO(text);
    CHECK(sent.has_value());
  }

  /// The same, so that the server reads each octet alone.
  async::Task<void> trickle(std::string text) {
    for (const char octet : text) {
      const std::string one(1, octet);
      const auto sent = co_await stream_->write(one, soon());
      CHECK(sent.has_value());
      co_await async::yield();
    }
  }

  /// One response line without its CRLF; literals are in it as they came. "(closed)" at the end.
  async::Task<std::string> line() {
    std::size_t from = 0;
    for (;;) {
      const auto end = input_.find("\r\n", from);
      if (end == std::string::npos) {
        const bool more = co_await fill();
        if (!more) co_return "(closed)";
        continue;
      }
      const auto literal = literal_size(std::string_view(input_).substr(0, end));
      if (!literal) {
        auto out = input_.substr(0, end);
        input_.erase(0, end + 2);
        co_return out;
      }
      from = end + 2 + *literal;
      while (input_.size() < from) {
        const bool more = co_await fill();
        if (!more) co_return "(closed)";
      }
    }
  }

  /// All lines until the one that begins with `tag`, included.
  async::Task<std::vector<std::string>> until(std::string tag) {
    std::vector<std::string> lines;
    for (;;) {
      auto next = co_await line();
      lines.push_back(std::move(next));
      if (lines.back().starts_with(tag + " ") || lines.back() == "(closed)") co_return lines;
    }
  }

  /// Sends "x command" and gives the lines of the answer, the last without its tag.
  async::Task<std::vector<std::string>> say(std::string command) {
    co_await send("x " + command + "\r\n");
    auto lines = co_await until("x");
    if (lines.back().starts_with("x ")) lines.back().erase(0, 2);
    co_return lines;
  }

  std::unique_ptr<net::Stream> take_stream() { return std::move(stream_); }
  void put_stream(std::unique_ptr<net::Stream> stream) { stream_ = std::move(stream); }
  void close() { stream_.reset(); }

 private:
  static std::optional<std::size_t> literal_size(std::string_view line) {
    const auto open = line.rfind('{');
    if (!line.ends_with('}') || open == std::string_view::npos) return std::nullopt;
    return ascii_number(line.substr(open + 1, line.size() - open - 2));
  }
  static std::optional<std::size_t> ascii_number(std::string_view text) {
    std::size_t value = 0;
    if (text.empty()) return std::nullopt;
    for (const char c : text) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + static_cast<std::size_t>(c - '0');
    }
    return value;
  }
  async::Task<bool> fill() {
    const auto bytes = co_await stream_->read_some(soon());
    if (!bytes) co_return false;
    input_ += *bytes;
    co_return true;
  }

  std::unique_ptr<net::Stream> stream_;
  std::string input_;
};

class Server {
 public:
  using Script = async::Task<void> (*)(Client&, Server&);

  /// `several`: beside the store there is another, "other".
  explicit Server(bool several = false) : store_(open_store(several)) {
    options.login_in_clear = true;
    options.hostname = "imap.test";
  }

  /// Runs the script against a session; with a capacity of 1, every read and write is of one octet. The script sees the
  /// greeting first.
  void run(Script script, std::size_t capacity = 65536) { loop_.block_on(converse(script, capacity)); }
  /// The same after LOGIN.
  void run_in(Script script, std::size_t capacity = 65536) {
    script_ = script;
    run(
        [](Client& client, Server& server) -> async::Task<void> {
          co_await client.line();
          const auto in = co_await client.say("LOGIN ann@a.test secret");
          CHECK(in.back().starts_with("OK "));
          co_await server.script_(client, server);
        },
        capacity);
  }

  async::Task<void> deliver(std::string message, std::string account = "ann@a.test") {
    std::vector<store::DeliveryTarget> targets(1);
    targets[0].account = std::move(account);
    const auto bytes = std::make_shared<const std::string>(std::move(message));
    const auto results = co_await store_->deliver(std::move(targets), bytes, wall_now());
    if (!results[0]) FAIL(results[0].error().detail);
  }

  /// A second session beside the first.
  Client second() {
    auto [far, near] = net::make_pipe();
    group_->spawn(protocol(std::move(far), options, services));
    return Client(std::move(near));
  }
  /// The same, logged in as the first usually is.
  async::Task<Client> second_logged_in() {
    auto client = second();
    co_await client.line();
    co_await client.say("LOGIN ann@a.test secret");
    co_return client;
  }

  SessionOptions options;
  decltype(&serve) protocol = serve;  // what the sessions speak
  net::Sessions* list = nullptr;      // in which the first session is
  store::QuotaLimit quota;
  std::map<std::string, int> sessions;  // of each account, as on_login and on_logout count
  int most_sessions = 10;
  store::Store& store() { return *store_; }

 private:
  static async::Task<std::expected<std::string, service::LoginFailure>> authenticate(sasl::Claim claim) {
    const auto& user = claim.authentication;
    const auto* const password = std::get_if<sasl::Password>(&claim.evidence);
    const bool good = user == "ann@a.test" && password != nullptr && password->text == "secret";
    if (user == "nobody-can-tell@a.test") co_return std::unexpected(service::LoginFailure::kUnavailable);
    if (!good || claim.user() != user) co_return std::unexpected(service::LoginFailure::kRefused);
    co_return user;
  }

  async::Task<void> converse(Script script, std::size_t capacity) {
    async::TaskGroup group;
    group_ = &group;
    {
      auto [far, near] = net::make_pipe(capacity);
      if (list != nullptr)
        group.spawn(serve_listed(std::move(far)));
      else
        group.spawn(protocol(std::move(far), options, services));
      Client client(std::move(near));
      co_await script(client, *this);
    }
    const bool ended = co_await group.join(soon());
    CHECK(ended);
    if (!ended) co_await group.close();
    for (const auto& [account, count] : sessions) CHECK(count == 0);
  }

  /// As an agent does.
  async::Task<void> serve_listed(std::unique_ptr<net::Stream> stream) {
    const auto place = list->enter("imap", *stream);
    options.record = &place.record();
    co_await protocol(std::move(stream), options, services);
    options.record = nullptr;
  }

  std::unique_ptr<store::Store> open_store(bool several) {
    store::Options stored;
    stored.directory = directory_.path().string();
    stored.postgres = quartet::test::postgres_for(directory_.path());
    if (several) stored.additional.push_back({"other", directory_.file("other"), {}});
    stored.shards = 2;
    stored.reader_threads = 2;
    stored.gc_interval = stored.release_after = std::chrono::seconds(0);  // gc() alone, and at once
    stored.default_mailboxes = store::usual_mailboxes();
    stored.quota = [this](std::string_view) { return quota; };
    auto opened = store::open_store(stored);
    if (!opened) FAIL(opened.error().detail);
    return *std::move(opened);
  }

  bool enter(const std::string& account) {
    auto& count = sessions[account];
    if (count >= most_sessions) return false;
    ++count;
    return true;
  }

  quartet::test::TemporaryDirectory directory_;
  std::unique_ptr<store::Store> store_;
  async::Loop loop_;
  async::TaskGroup* group_ = nullptr;
  Script script_ = nullptr;

 public:
  Services services{
      .store = *store_,
      .authenticate = [](sasl::Claim claim) { return authenticate(std::move(claim)); },
      .on_login = [this](const std::string& account) { return enter(account); },
      .on_logout = [this](const std::string& account) { --sessions[account]; },
  };
};

inline bool has(const std::vector<std::string>& lines, std::string_view line) {
  for (const auto& each : lines) {
    if (each == line) return true;
  }
  UNSCOPED_INFO("missing: " << line);
  for (const auto& each : lines) UNSCOPED_INFO("got: " << each);
  return false;
}

inline std::string letter(const std::string& subject) {
  return "From: Bob <bob@b.test>\r\nTo: ann@a.test\r\nSubject: " + subject + "\r\nMessage-ID: <" + subject +
         "@b.test>\r\nDate: Tue, 24 Nov 2026 13:05:09 +0000\r\n\r\nText of " + subject + ".\r\n";
}

}  // namespace quartet::imapd::test
