// What the relay's tests share: a spool in a directory that goes away, and a relay that works on a thread of its own.
#pragma once
#include <catch2/catch.hpp>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/async/task_group.h"
#include "common/mime/header.h"
#include "common/mime/structure.h"
#include "common/net/socket.h"
#include "common/relay/relay.h"
#include "tests/unit/relay/sink.h"
#include "tests/unit/spool/helpers.h"

namespace quartet::relay::test {

using spool::test::before_long;
using spool::test::message_to;

inline Options options_for_tests() {
  Options options;
  options.hostname = "relay.test";
  options.retry.delays = {std::chrono::seconds(1)};
  options.retry.jitter = 0;
  options.notices.hostname = "relay.test";
  options.site.concurrency.first_pause = std::chrono::seconds(1);
  options.site.concurrency.longest_pause = std::chrono::seconds(1);
  options.resolver.servers = {*net::Address::parse("127.0.0.1:9")};
  options.connect_timeout = std::chrono::seconds(5);
  options.connect_timeout_with_others = std::chrono::seconds(5);
  options.idle_timeout = std::chrono::seconds(5);
  return options;
}

inline NextHop to_port(std::uint16_t port, Protocol protocol = Protocol::kSmtp) {
  NextHop next_hop;
  next_hop.kind = NextHop::Kind::kHosts;
  next_hop.protocol = protocol;
  next_hop.tls = TlsPolicy::kNone;
  next_hop.hosts = {{"127.0.0.1", port}};
  return next_hop;
}

/// All mail to one next hop.
inline RoutingTable all_to(NextHop next_hop) {
  RoutingTable table;
  table.smart_host = std::move(next_hop);
  return table;
}

/// A spool and a relay on it that runs until the object ends or stop().
class Running {
 public:
  explicit Running(RoutingTable table, Options options = options_for_tests())
      : spool_(spool::test::open_spool(directory_.path())),
        relay_(std::make_unique<Relay>(std::move(options), std::make_shared<const Router>(std::move(table)), *spool_)) {
  }
  ~Running() { stop(); }

  void start() {
    thread_ = std::thread([this] { loop_.block_on(run()); });
  }
  /// The site at `port` "connects", logs in and turns the connection around. (Who really connected is all one.)
  void turn(std::uint16_t port, Turn turn) {
    loop_.post([this, port, turn = std::move(turn)]() mutable { turned_.spawn(come(port, std::move(turn))); });
  }
  /// Of the connections that were turned around.
  net::Sessions& sessions() { return sessions_; }
  void stop(std::chrono::seconds grace = std::chrono::seconds(20)) {
    relay_->stop(grace);
    if (thread_.joinable()) thread_.join();
  }

  Relay& relay() { return *relay_; }
  spool::Spool& spool() { return *spool_; }
  spool::MessageId enqueue(spool::NewMessage message) { return spool::test::enqueue(*spool_, std::move(message)); }

  /// Nothing is queued any more, before long.
  bool empty() {
    return before_long([this] { return spool_->counts().messages == 0; });
  }
  std::vector<spool::Entry> entries() { return spool_->list({}, 1'000)->entries; }
  /// The only recipient that is queued for an address.
  spool::Entry entry(const std::string& address) {
    spool::Filter filter;
    filter.recipient = address;
    const auto found = spool_->list(filter, 10)->entries;
    REQUIRE(found.size() == 1);
    return found[0];
  }
  bool deferred(const std::string& address, unsigned attempts = 1) {
    return before_long([&] {
      spool::Filter filter;
      filter.recipient = address;
      filter.states = {spool::State::kDeferred};
      filter.attempts_from = static_cast<std::uint16_t>(attempts);
      return spool_->count(filter) == 1;
    });
  }

 private:
  async::Task<void> run() {
    co_await relay_->run();
    co_await turned_.close();
  }
  async::Task<void> come(std::uint16_t port, Turn turn) {
    auto stream = co_await net::connect(*net::Address::from_ip("127.0.0.1", port), {},
                                        async::Deadline::after(std::chrono::seconds(20)));
    if (!stream) co_return;
    const auto place = sessions_.enter("odmr", **stream);
    turn.record = &place.record();
    co_await relay_->deliver_over(*std::move(stream), std::move(turn));
  }

  spool::test::TemporaryDirectory directory_;
  std::unique_ptr<spool::Spool> spool_;
  std::unique_ptr<Relay> relay_;
  async::Loop loop_;
  net::Sessions sessions_;
  async::TaskGroup turned_;
  std::thread thread_;
};

/// The relay's sites, as soon as its loop has come to the question.
inline std::vector<Relay::SiteStatus> sites_of(Relay& relay) {
  std::promise<std::vector<Relay::SiteStatus>> answer;
  auto sites = answer.get_future();
  relay.sites([answer = std::move(answer)](auto found) mutable { answer.set_value(std::move(found)); });
  return sites.get();
}

/// A delivery status notification taken apart by the MIME library.
struct Report {
  std::map<std::string, std::string> message;                  // fields of the whole message
  std::vector<std::map<std::string, std::string>> recipients;  // lower-case names
  std::string returned_type;                                   // of the third part
  std::string returned;
};

inline std::map<std::string, std::string> fields_of(std::string_view block) {
  std::map<std::string, std::string> fields;
  for (const auto& field : mime::Header(block).fields()) fields[ascii::lower(field.name)] = mime::unfold(field.value);
  return fields;
}

inline Report parse_report(const std::string& message) {
  Report report;
  const auto root = mime::parse_structure(message);
  REQUIRE(root.type.is("multipart", "report"));
  CHECK(root.type.parameter("report-type") == "delivery-status");
  REQUIRE(root.children.size() == 3);
  CHECK(root.children[1].type.is("message", "delivery-status"));
  auto rest = root.children[1].body(message);
  for (bool first = true; !rest.empty(); first = false) {
    const auto end = rest.find("\r\n\r\n");
    const auto block = rest.substr(0, end == std::string_view::npos ? end : end + 2);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 4);
    if (block.find(':') == std::string_view::npos) continue;
    if (first) {
      report.message = fields_of(block);
    } else {
      report.recipients.push_back(fields_of(block));
    }
  }
  report.returned_type = root.children[2].type.type + "/" + root.children[2].type.subtype;
  report.returned = root.children[2].body(message);
  return report;
}

}  // namespace quartet::relay::test
