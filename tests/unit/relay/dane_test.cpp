// Which TLSA records count: RFC 7672 section 2.2, over a name server that does what the test says.
#include "common/relay/dane.h"

#include <catch2/catch.hpp>

#include "common/async/loop.h"
#include "common/relay/candidates.h"
#include "tests/unit/dns/packet.h"
#include "tests/unit/dns/scripted_server.h"
#include "tests/unit/relay/helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using dns::Type;
using dns::testing::Packet;
using State = DaneFinding::State;

namespace {

constexpr unsigned kPlain = 0x8180;
constexpr unsigned kAuthentic = 0x81a0;  // AD
constexpr unsigned kFailed = 0x8182;     // SERVFAIL
constexpr unsigned kUnknown = 0x8003;    // NXDOMAIN, beside the flags

std::string mx(unsigned preference, const std::string& host) { return Packet::u16(preference) + Packet::name(host); }
std::string tlsa(int usage, int selector, int matching, const std::string& data) {
  return std::string{static_cast<char>(usage), static_cast<char>(selector), static_cast<char>(matching)} + data;
}
const std::string kDigest(32, 'd');

/// signed.test and other.test: mx.signed.test with DANE-EE; ta.test: mx.ta.test with DANE-TA; plain.test: insecure MX
/// to mx.signed.test; mx.leaving.test: an alias for mx.insecure.test, as are mx.astray.test, which is not signed, and
/// mx.lame.test, of which the alias alone cannot be had; the other hosts as they are called.
std::vector<std::string> zone(const dns::testing::Query& query) {
  const auto& [asked, type] = query.question;
  // Tests deliver to any port.
  const auto tcp = asked.find("._tcp.");
  const auto name = tcp == std::string::npos ? asked : "_25" + asked.substr(tcp);
  const bool alias = name == "mx.leaving.test" || name == "mx.astray.test" || name == "mx.lame.test";
  const bool plain = name == "plain.test" || name.starts_with("mx.insecure") || name == "mx.astray.test" ||
                     (alias && type == Type::kA);
  const auto flags = plain || name.contains("unsigned") ? kPlain : kAuthentic;
  Packet packet(query.id, flags, asked, type);
  if (name == "_25._tcp.mx.bogus.test") return {Packet(query.id, kFailed, asked, type).bytes()};
  if (name == "mx.lame.test" && type == Type::kCname) return {Packet(query.id, kFailed, asked, type).bytes()};
  if (name == "_25._tcp.mx.none.test") return {Packet(query.id, flags | kUnknown, asked, type).bytes()};
  const auto answer = [&](const std::string& data) { packet.answer(asked, type, 60, data); };
  if (type == Type::kMx) {
    if (name == "other.test" || name == "plain.test") answer(mx(10, "mx.signed.test"));
    if (name == "alias.test") {
      packet.answer(name, Type::kCname, 60, Packet::name("signed.test"));
      packet.answer("signed.test", type, 60, mx(10, "mx.signed.test"));
    } else if (name.find('.') == name.rfind('.') && name != "other.test" && name != "plain.test") {
      answer(mx(10, "mx." + name));
    }
  }
  if (type == Type::kCname && alias) answer(Packet::name("mx.insecure.test"));
  if (type == Type::kA && alias) {
    packet.answer(name, Type::kCname, 60, Packet::name("mx.insecure.test"));
    packet.answer("mx.insecure.test", type, 60, std::string("\x7f\0\0\x02", 4));
  } else if (type == Type::kA && name == "mx.cname.test") {
    packet.answer(name, Type::kCname, 60, Packet::name("real.cname.test"));
    packet.answer("real.cname.test", type, 60, std::string("\x7f\0\0\x02", 4));
  } else if (type == Type::kA && name.starts_with("mx.")) {
    answer(std::string("\x7f\0\0\x02", 4));
  }
  if (type == Type::kTlsa && (name == "_25._tcp.mx.signed.test" || name == "_25._tcp.mx.cname.test" ||
                              name == "_25._tcp.mx.leaving.test" || name == "_25._tcp.mx.astray.test"))
    answer(tlsa(3, 1, 1, kDigest));
  if (type == Type::kTlsa && name == "_25._tcp.mx.ta.test") answer(tlsa(2, 0, 1, kDigest));
  if (type == Type::kTlsa && name == "_25._tcp.mx.unsigned.test") answer(tlsa(3, 1, 1, kDigest));
  if (type == Type::kTlsa && name == "_25._tcp.mx.pkix.test") answer(tlsa(1, 0, 1, kDigest));
  return {packet.bytes()};
}

Candidates find(const std::string& domain, TlsPolicy policy = TlsPolicy::kDane) {
  const dns::testing::ScriptedServer server(zone);
  async::Loop loop;
  dns::Resolver resolver({.servers = {server.address()}}, std::make_shared<dns::Cache>());
  NextHop next_hop;
  next_hop.tls = policy;
  LookupOptions options;
  options.families = dns::Families::kIpv4Only;
  auto found = loop.block_on(find_candidates(resolver, next_hop, domain, options));
  REQUIRE(found.has_value());
  REQUIRE(found->hosts.size() == 1);
  return *std::move(found);
}

Options with_tls(const dns::testing::ScriptedServer& server) {
  auto options = options_for_tests();
  options.resolver.servers = {server.address()};
  options.lookup.families = dns::Families::kIpv4Only;
  options.tls.any = *tls::ClientContext::make({.verify = false, .ca = {}, .certificate = {}, .key = {}});
  return options;
}

RoutingTable by_dane_to(std::uint16_t port) {
  RoutingTable table;
  table.mx.tls = TlsPolicy::kDane;
  table.mx.mx_port = port;
  return table;
}

State state_of(const std::string& domain) { return find(domain).hosts[0].dane->state; }

}  // namespace

TEST_CASE("TLSA records count when all that leads to them is validated", "[relay][dane]") {
  const auto found = find("signed.test");
  const auto& finding = *found.hosts[0].dane;
  CHECK(finding.state == State::kUsable);
  CHECK(finding.dane.base_domain == "mx.signed.test");
  CHECK(finding.dane.names == std::vector<std::string>{"signed.test"});
  CHECK(finding.dane.records == std::vector{tls::TlsaRecord{3, 1, 1, kDigest}});
  CHECK(state_of("plain.test") == State::kInsecure);     // the MX set is not
  CHECK(state_of("insecure.test") == State::kInsecure);  // the addresses are not
  CHECK(state_of("unsigned.test") == State::kInsecure);
  CHECK(state_of("pkix.test") == State::kUnusable);
  CHECK(state_of("none.test") == State::kNone);
  CHECK(state_of("bare.test") == State::kNone);     // no data
  CHECK(state_of("bogus.test") == State::kFailed);  // no downgrade
}

TEST_CASE("a host that is an alias has its records at either end", "[relay][dane]") {
  const auto found = find("cname.test");
  CHECK(found.hosts[0].dane->state == State::kUsable);
  CHECK(found.hosts[0].dane->dane.base_domain == "mx.cname.test");
}

TEST_CASE("an alias out of a signed zone has its records in that zone", "[relay][dane]") {
  const auto found = find("leaving.test");
  CHECK(found.hosts[0].dane->state == State::kUsable);
  CHECK(found.hosts[0].dane->dane.base_domain == "mx.leaving.test");
  CHECK(found.hosts[0].dane->dane.names == std::vector<std::string>{"leaving.test"});
  CHECK(state_of("astray.test") == State::kInsecure);  // the alias is not signed
  CHECK(state_of("lame.test") == State::kFailed);      // nobody knows
}

TEST_CASE("an alias of a domain is a name of its certificate, too", "[relay][dane]") {
  const auto found = find("alias.test");
  CHECK(found.hosts[0].dane->dane.names == std::vector<std::string>{"alias.test", "signed.test"});
}

TEST_CASE("domains share a site only if its hosts prove the same to both", "[relay][dane]") {
  CHECK(find("signed.test").site == find("other.test").site);
  CHECK(find("signed.test").site != find("plain.test").site);
  CHECK(find("ta.test").site.ends_with("|ta.test"));
  CHECK(find("signed.test", TlsPolicy::kMay).site == find("plain.test", TlsPolicy::kMay).site);
}

TEST_CASE("without a policy by DANE nobody asks for TLSA records", "[relay][dane]") {
  CHECK(find("signed.test", TlsPolicy::kMay).hosts[0].dane == nullptr);
  CHECK(find("bogus.test", TlsPolicy::kVerify).hosts[0].dane == nullptr);
}

TEST_CASE("a host that promises TLS and does not offer it gets nothing", "[relay][dane]") {
  const auto domain = GENERATE(as<std::string>{}, "signed.test", "pkix.test");
  const dns::testing::ScriptedServer server(zone);
  Sink sink({}, 0, "127.0.0.2");  // it knows no STARTTLS, or somebody on the way took it out
  Running running(by_dane_to(sink.port()), with_tls(server));
  running.enqueue(message_to({"a@" + domain}));
  running.start();
  REQUIRE(running.deferred("a@" + domain));
  CHECK(running.entry("a@" + domain).last.enhanced == "4.7.5");
  CHECK(sink.mails().empty());
}

TEST_CASE("a host whose records cannot be had gets nothing, one without gets mail", "[relay][dane]") {
  const dns::testing::ScriptedServer server(zone);
  Sink sink({}, 0, "127.0.0.2");
  Running running(by_dane_to(sink.port()), with_tls(server));
  running.enqueue(message_to({"a@bogus.test", "a@none.test"}));
  running.start();
  REQUIRE(running.deferred("a@bogus.test"));
  REQUIRE(sink.wait_for(1));
  REQUIRE(sink.mails().size() == 1);
  CHECK(sink.mails()[0].recipients == std::vector<std::string>{"RCPT TO:<a@none.test>"});
}

TEST_CASE("when a domain is no longer signed, its mail leaves the site of those that are", "[relay][dane]") {
  std::atomic<int> mx_queries = 0;
  const dns::testing::ScriptedServer server([&](const dns::testing::Query& query) -> std::vector<std::string> {
    const auto& [name, type] = query.question;
    // Nothing is kept: the look-up before the connection sees what became of the zone.
    const bool still_signed = type == Type::kMx ? mx_queries++ == 0 : true;
    Packet packet(query.id, still_signed ? kAuthentic : kPlain, name, type);
    if (type == Type::kMx) packet.answer(name, type, 0, mx(10, "mx.test"));
    if (type == Type::kA) packet.answer(name, type, 0, std::string("\x7f\0\0\x02", 4));
    return {packet.bytes()};
  });
  Sink sink({}, 0, "127.0.0.2");
  Running running(by_dane_to(sink.port()), with_tls(server));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.empty());
  CHECK(sink.mails().size() == 1);
  const auto sites = sites_of(running.relay());
  const auto has = [&sites](bool with_signature) {
    return std::ranges::any_of(sites,
                               [&](const auto& site) { return site.key.ends_with("+signed") == with_signature; });
  };
  CHECK(has(true));
  CHECK(has(false));
}
