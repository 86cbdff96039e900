// Routing by MX: order, fail-over, domains that share their hosts, and what each failure of the DNS means.
#include <atomic>

#include "helpers.h"
#include "tests/unit/dns/packet.h"
#include "tests/unit/dns/scripted_server.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using dns::Type;
using dns::testing::Packet;

namespace {

std::string mx(unsigned preference, const std::string& host) { return Packet::u16(preference) + Packet::name(host); }

/// b.test and c.test: mx1 (127.0.0.2), then mx2 (127.0.0.3); other.test the other way round; null.test takes no mail;
/// fails.test never answers well.
std::vector<std::string> zone(const dns::testing::Query& query) {
  const auto& [name, type] = query.question;
  Packet packet(query.id, 0x8180, name, type);
  if (name == "fails.test") return {Packet(query.id, 0x8182, name, type).bytes()};
  if (name == "none.test") return {Packet(query.id, 0x8183, name, type).bytes()};
  if (type == Type::kMx && (name == "b.test" || name == "c.test"))
    packet.answer(name, type, 60, mx(20, "mx2.test")).answer(name, type, 60, mx(10, "mx1.test"));
  if (type == Type::kMx && name == "other.test")
    packet.answer(name, type, 60, mx(10, "mx2.test")).answer(name, type, 60, mx(20, "mx1.test"));
  if (type == Type::kMx && name == "null.test") packet.answer(name, type, 60, mx(0, ""));
  if (type == Type::kA && name == "mx1.test") packet.answer(name, type, 60, std::string("\x7f\0\0\x02", 4));
  if (type == Type::kA && name == "mx2.test") packet.answer(name, type, 60, std::string("\x7f\0\0\x03", 4));
  return {packet.bytes()};
}

Options with_dns(const dns::testing::ScriptedServer& server) {
  auto options = options_for_tests();
  options.resolver.servers = {server.address()};
  options.lookup.families = dns::Families::kIpv4Only;
  return options;
}

RoutingTable by_mx(std::uint16_t port) {
  RoutingTable table;
  table.mx.tls = TlsPolicy::kNone;
  table.mx.mx_port = port;
  return table;
}

}  // namespace

TEST_CASE("mail goes to the first MX, and to the next if that is not there", "[relay]") {
  const dns::testing::ScriptedServer server(zone);
  const bool first_is_there = GENERATE(true, false);
  std::optional<Sink> first;
  if (first_is_there) first.emplace(Script{}, std::uint16_t{0}, "127.0.0.2");
  Sink second({}, first ? first->port() : std::uint16_t{0}, "127.0.0.3");
  Running running(by_mx(second.port()), with_dns(server));
  running.enqueue(message_to({"a@b.test", "b@c.test"}));
  running.start();
  REQUIRE(running.empty());
  auto& used = first ? *first : second;
  // Domains with the same hosts are one site: one transaction for both.
  REQUIRE(used.mails().size() == 1);
  CHECK(used.mails()[0].recipients.size() == 2);
  if (first) CHECK(second.connections() == 0);
}

TEST_CASE("mail for a domain does not follow another one that had the same hosts", "[relay]") {
  std::atomic<int> asked = 0;
  const dns::testing::ScriptedServer server([&](const dns::testing::Query& query) -> std::vector<std::string> {
    const auto& [name, type] = query.question;
    if (type != Type::kMx) return zone(query);
    Packet packet(query.id, 0x8180, name, type);
    // Nothing is kept of the one that moves: the look-up before the connection sees that it has.
    const bool moves = name == "moves.test";
    const bool moved = moves && asked++ > 0;
    packet.answer(name, type, moves ? 0 : 60, mx(10, moved ? "mx2.test" : "mx1.test"));
    return {packet.bytes()};
  });
  Sink first({}, 0, "127.0.0.2");
  Sink second({}, first.port(), "127.0.0.3");
  Running running(by_mx(first.port()), with_dns(server));
  running.enqueue(message_to({"a@moves.test"}));
  running.start();
  REQUIRE(second.wait_for(1));
  running.enqueue(message_to({"a@stays.test"}));
  REQUIRE(first.wait_for(1));
  CHECK(second.mails().size() == 1);
}

TEST_CASE("a host is named in a notification by its name", "[relay]") {
  const dns::testing::ScriptedServer server(zone);
  Script script;
  script.command = [](int, const std::string& line) -> std::string {
    return line.starts_with("RCPT") ? "550 5.1.1 unknown" : "";
  };
  Sink mx1(std::move(script), 0, "127.0.0.2");
  Sink home({});
  auto table = by_mx(mx1.port());
  table.transports["a.test"] = to_port(home.port());
  Running running(std::move(table), with_dns(server));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(home.wait_for(1));
  CHECK(parse_report(home.mails()[0].body).recipients[0].at("remote-mta") == "dns; mx1.test [127.0.0.2]");
}

TEST_CASE("hosts that take no mail at all say so once (RFC 7504)", "[relay]") {
  const dns::testing::ScriptedServer server(zone);
  Script no_mail;
  no_mail.greeting = "521 mx.test takes no mail";
  const bool second_says_so = GENERATE(true, false);
  const Sink mx1(no_mail, 0, "127.0.0.2");
  std::optional<Sink> mx2;
  if (second_says_so) mx2.emplace(no_mail, mx1.port(), "127.0.0.3");
  Sink home({});
  auto table = by_mx(mx1.port());
  table.transports["a.test"] = to_port(home.port());
  Running running(std::move(table), with_dns(server));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  if (!second_says_so) {
    REQUIRE(running.deferred("a@b.test"));
    return;
  }
  REQUIRE(home.wait_for(1));
  const auto recipient = parse_report(home.mails()[0].body).recipients[0];
  CHECK(recipient.at("diagnostic-code") == "smtp; 521 mx.test takes no mail");
  CHECK(recipient.at("status").starts_with("5."));
}

TEST_CASE("domains with the same hosts but another first one do not share connections", "[relay]") {
  const dns::testing::ScriptedServer server(zone);
  Sink first({}, 0, "127.0.0.2");
  Sink second({}, first.port(), "127.0.0.3");
  Running running(by_mx(first.port()), with_dns(server));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(first.wait_for(1));
  running.enqueue(message_to({"a@other.test"}));
  REQUIRE(second.wait_for(1));
  CHECK(first.mails().size() == 1);
}

TEST_CASE("failures of the DNS are final or not", "[relay]") {
  const dns::testing::ScriptedServer server(zone);
  Sink home({});
  auto table = by_mx(1);
  table.transports["a.test"] = to_port(home.port());
  Running running(std::move(table), with_dns(server));
  using Failure = std::pair<std::string, std::string>;
  const auto [domain, status] =
      GENERATE(Failure{"none.test", "5.1.2"}, Failure{"null.test", "5.1.10"}, Failure{"fails.test", "4.4.3"});
  running.enqueue(message_to({"a@" + domain}));
  running.start();
  if (status.starts_with('4')) {
    REQUIRE(running.deferred("a@" + domain));
    CHECK(running.entry("a@" + domain).last.enhanced == status);
    CHECK(home.mails().empty());
    return;
  }
  REQUIRE(home.wait_for(1));
  const auto report = parse_report(home.mails()[0].body);
  CHECK(report.recipients[0].at("status") == status);
}

TEST_CASE("a policy of a domain, or of its host, chooses the kind of addresses", "[relay]") {
  const dns::testing::ScriptedServer server(zone);
  Sink mx1({}, 0, "127.0.0.2");
  Sink home({});
  auto options = with_dns(server);
  options.lookup.families = dns::Families::kPreferIpv4;
  auto table = by_mx(mx1.port());
  table.transports["a.test"] = to_port(home.port());
  for (const auto& [match, families] :
       {std::pair("b.test", dns::Families::kIpv4Only), std::pair("mx1.test", dns::Families::kIpv6Only)}) {
    auto policy = usual_policy(options);
    policy.match = match;
    policy.families = families;
    table.site_policies[match] = std::make_shared<const SitePolicy>(std::move(policy));
  }
  Running running(std::move(table), std::move(options));
  running.enqueue(message_to({"a@b.test", "a@c.test"}));
  running.start();
  REQUIRE(mx1.wait_for(1));
  CHECK(mx1.mails()[0].recipients.size() == 1);
  // The hosts of c.test have no address of the kind that is wanted.
  REQUIRE(home.wait_for(1));
  const auto report = parse_report(home.mails()[0].body);
  CHECK(report.recipients[0].at("final-recipient") == "rfc822; a@c.test");
  CHECK(report.recipients[0].at("status") == "5.4.4");
}
