// What the relay says of the way of an address.
#include "common/relay/explain.h"

#include <future>

#include "helpers.h"
#include "tests/unit/dns/packet.h"
#include "tests/unit/dns/scripted_server.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using dns::Type;
using dns::testing::Packet;
using Table = Router::Decision::Table;

namespace {

constexpr unsigned kAuthentic = 0x81a0, kNoSuchDomain = 0x8183;
const std::string kDigest(32, 'd');

std::string mx(unsigned preference, const std::string& host) { return Packet::u16(preference) + Packet::name(host); }

/// b.test, signed: mx1 with a TLSA record, and mx2. All else is unknown.
std::vector<std::string> zone(const dns::testing::Query& query) {
  const auto& [name, type] = query.question;
  if (!name.ends_with("b.test")) return {Packet(query.id, kNoSuchDomain, name, type).bytes()};
  Packet packet(query.id, kAuthentic, name, type);
  if (type == Type::kMx && name == "b.test")
    packet.answer(name, type, 60, mx(20, "mx2.b.test")).answer(name, type, 60, mx(10, "mx1.b.test"));
  if (type == Type::kA && name == "mx1.b.test") packet.answer(name, type, 60, std::string("\x7f\0\0\x02", 4));
  if (type == Type::kA && name == "mx2.b.test") packet.answer(name, type, 60, std::string("\x7f\0\0\x03", 4));
  if (type == Type::kTlsa && name == "_25._tcp.mx1.b.test")
    packet.answer(name, type, 60, std::string("\x03\x01\x01", 3) + kDigest);
  return {packet.bytes()};
}

RoutingTable tables() {
  RoutingTable table;
  table.mx.tls = TlsPolicy::kDane;
  table.local_domains["local.test"] = to_port(2400, Protocol::kLmtp);
  table.transports["held.test"].kind = NextHop::Kind::kHold;
  table.transports[".refused.test"].kind = NextHop::Kind::kError;
  table.transports[".refused.test"].error = "5.7.1 no";
  table.transports["one@local.test"] = to_port(2500);
  table.links.push_back({"branch", {".branch.test"}, to_port(2600), true});
  return table;
}

struct Explaining {
  const dns::testing::ScriptedServer server{zone};
  Running running;
  Explaining() : running(tables(), options()) { running.start(); }
  Options options() const {
    auto options = options_for_tests();
    options.resolver.servers = {server.address()};
    options.lookup.families = dns::Families::kIpv4Only;
    return options;
  }
  Explanation ask(const std::string& address) {
    REQUIRE(before_long([this] { return running.relay().waiting_for({}).has_value(); }));  // it runs
    std::promise<Explanation> answer;
    auto explanation = answer.get_future();
    running.relay().explain(address,
                            [answer = std::move(answer)](auto found) mutable { answer.set_value(std::move(found)); });
    return explanation.get();
  }
};

}  // namespace

TEST_CASE("the table entry that decides is named", "[relay]") {
  const Router router(tables());
  const auto decides = [&router](std::string_view address, Table table, std::string_view entry) {
    const auto decision = router.decide(address);
    CHECK(decision.table == table);
    CHECK(decision.entry == entry);
    CHECK(decision.next_hop == &router.route(address));
  };
  decides("a@sub.branch.test", Table::kLink, "branch");
  decides("a@branch.test", Table::kMx, "");
  decides("ONE@Local.test", Table::kTransport, "one@local.test");
  decides("two@local.test", Table::kLocalDomain, "local.test");
  decides("a@b.refused.test", Table::kTransport, ".refused.test");
  auto with_smart_host = tables();
  with_smart_host.smart_host = to_port(2500);
  CHECK(Router(std::move(with_smart_host)).decide("a@b.test").table == Table::kSmartHost);
}

TEST_CASE("an address is explained from the tables to the TLS of each host", "[relay]") {
  Explaining relay;
  const auto found = relay.ask("a@b.test");
  CHECK(found.table == Table::kMx);
  CHECK(found.next_hop.kind == NextHop::Kind::kMx);
  CHECK(found.mx_authentic);
  CHECK_FALSE(found.mx_implicit);
  REQUIRE(found.names.size() == 2);
  CHECK(found.names[0].name == "mx1.b.test");
  CHECK(found.names[0].preference == 10);
  CHECK(found.names[0].authentic);
  CHECK(found.names[1].addresses == std::vector<std::string>{"127.0.0.3"});
  REQUIRE(found.hosts.size() == 2);
  CHECK(found.hosts[0].candidate.address.to_string() == "127.0.0.2:25");
  CHECK(found.hosts[0].starttls == smtp::StartTls::kRequired);
  CHECK(found.hosts[0].proof == ExplainedHost::Proof::kDane);
  CHECK(found.hosts[0].candidate.dane->state == DaneFinding::State::kUsable);
  CHECK(found.hosts[1].starttls == smtp::StartTls::kIfOffered);
  CHECK(found.hosts[1].proof == ExplainedHost::Proof::kNone);
  CHECK(found.site.contains("mx1.b.test:mx2.b.test"));
  CHECK_FALSE(found.status);
  CHECK_FALSE(found.failure);
}

TEST_CASE("what keeps mail from its way is explained", "[relay]") {
  Explaining relay;
  const auto branch = relay.ask("a@sub.branch.test");
  CHECK(branch.table == Table::kLink);
  REQUIRE(branch.link);
  CHECK(branch.link->on_request);
  CHECK_FALSE(branch.link->running);
  CHECK(relay.ask("a@held.test").next_hop.kind == NextHop::Kind::kHold);
  CHECK(relay.ask("a@x.refused.test").next_hop.error == "5.7.1 no");
  const auto unknown = relay.ask("a@nowhere.test");
  REQUIRE(unknown.failure);
  CHECK(unknown.failure->permanent);
  CHECK(unknown.failure->status == "5.1.2");
  const auto now = wall_now();
  REQUIRE(relay.running.relay().suspend({".b.test", now, now + std::chrono::hours(1), "", ""}));
  REQUIRE(relay.running.relay().suspend({"smtp:127.0.0.1/2500", now, now + std::chrono::hours(1), "", ""}));
  CHECK(relay.ask("a@b.test").suspensions.empty());
  CHECK(relay.ask("a@sub.b.test").suspensions.size() == 1);
  CHECK(relay.ask("one@local.test").suspensions.size() == 1);
  CHECK(relay.ask("two@local.test").suspensions.empty());
}

TEST_CASE("the state of a site that the relay knows belongs to the explanation", "[relay]") {
  Sink sink({});
  auto table = all_to(to_port(sink.port()));
  Running running(std::move(table));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.empty());
  std::promise<Explanation> answer;
  running.relay().explain("c@d.test", [&answer](auto found) { answer.set_value(std::move(found)); });
  const auto found = answer.get_future().get();
  REQUIRE(found.status);
  CHECK(found.status->key == found.site);
  CHECK(found.names.at(0).addresses == std::vector<std::string>{"127.0.0.1"});
}
