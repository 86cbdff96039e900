#include "common/service/settings.h"

#include <catch2/catch.hpp>

#include "common/service/site_policies.h"
#include "common/service/status_server.h"
#include "quartet/config/v1/directory.pb.h"
#include "quartet/config/v1/mta.pb.h"

using namespace quartet;
using namespace quartet::service;

namespace {

struct Parsed {
  explicit Parsed(const std::string& text) {
    auto result = config::parse_into(text, "f", mta);
    REQUIRE(result.has_value());
    loaded = *std::move(result);
    checker.emplace(*loaded.positions);
  }
  std::vector<std::string> faults() {
    std::vector<std::string> out;
    for (const auto& error : checker->take()) out.push_back(config::to_string(error));
    return out;
  }
  config::v1::Mta mta;
  config::Loaded loaded;
  std::optional<Checker> checker;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("faults of an agent are all found, each at its place", "[settings]") {
  Parsed parsed(
      "agent {\n"
      "  hostname: \"not a name\"\n"
      "  metrics: \"nowhere\"\n"
      "  threads: 300\n"
      "  control { socket_mode: \"9\" address: \"127.0.0.1:7001\" }\n"
      "}\n");
  check_agent(*parsed.checker, parsed.mta.agent());
  const auto faults = parsed.faults();
  REQUIRE(faults.size() == 6);
  CHECK(faults[0] == "f:2:3: hostname: \"not a name\" is no domain name");
  CHECK(faults[1].starts_with("f:3:3: "));
  CHECK(faults[2] == "f:4:3: threads: at most 256");
  CHECK(faults[3].starts_with("f:5:13: socket_mode: expected permissions in octal"));
  CHECK(faults[4].find("is required with an address") != std::string::npos);
}

TEST_CASE("authorities of peers that cannot be read are a fault", "[settings]") {
  const auto faults = [](const std::string& control) {
    Parsed parsed("agent { hostname: \"a.test\" control { " + control + " } }");
    check_agent(*parsed.checker, parsed.mta.agent());
    return parsed.faults();
  };
  const std::string tls = "tls { certificate: \"/none/cert.pem\" key: \"/none/key.pem\" } ";
  const std::string ca = "peer_ca: \"/none/ca.pem\" ";
  const auto found = faults("peer { name: \"mta@b.test\" address: \"127.0.0.1:7001\" } " + tls + ca);
  REQUIRE(found.size() == 1);
  CHECK(found[0].find("peer_ca: /none/ca.pem") != std::string::npos);
  // Over a UNIX socket they are of no use.
  CHECK(faults("peer { name: \"mta@b.test\" address: \"unix:/x\" } " + tls + ca).empty());
}

TEST_CASE("listeners, at least one", "[settings]") {
  Parsed good("listener { address: \"127.0.0.1:25\" }\nlistener { address: \"unix:/x\" implicit_tls: true }\n");
  const auto specs = listeners(*good.checker, good.mta, good.mta.listener());
  CHECK(good.checker->ok());
  REQUIRE(specs.size() == 2);
  CHECK(specs[0].address.port() == 25);
  CHECK(specs[1].implicit_tls);

  Parsed bad("spool: \"s\"\nlistener { address: \"localhost:25\" }\n");
  listeners(*bad.checker, bad.mta, bad.mta.listener());
  const auto faults = bad.faults();
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].starts_with("f:2:12: "));

  Parsed none("spool: \"s\"\n");
  listeners(*none.checker, none.mta, none.mta.listener());
  CHECK(none.faults().size() == 1);
}

TEST_CASE("next hops: TLS by what else is said", "[settings]") {
  const auto read = [](const std::string& hop) {
    Parsed parsed("smart_host { " + hop + " }");
    auto out = next_hop(*parsed.checker, parsed.mta.smart_host());
    return std::pair(out, parsed.faults());
  };
  CHECK(read("host: \"mx.test\"").first.tls == relay::TlsPolicy::kMay);
  CHECK(read("host: \"unix:/x\" protocol: LMTP").first.tls == relay::TlsPolicy::kNone);
  CHECK(read("host: \"mx.test\" login: \"u\" password: \"p\"").first.tls == relay::TlsPolicy::kVerify);
  CHECK(read("host: \"mx.test\" tls: ENCRYPT").first.tls == relay::TlsPolicy::kEncrypt);
  CHECK(read("host: \"mx.test\" protocol: LMTP").first.hosts.at(0).port == 24);
  CHECK(read("host: \"mx.test\" tls: MAY login: \"u\"").second ==
        Texts{"f:1:30: tls: a login needs ENCRYPT, VERIFY or DANE_ONLY: the password must not go in clear"});
  CHECK(read("tls: MAY").second.size() == 1);
}

TEST_CASE("networks and limits", "[settings]") {
  Parsed parsed(
      "trusted: \"192.0.2.0/24\"\ntrusted: \"10.0.0.0/99\"\ntrusted: \"unix\"\n"
      "limits { message_size: 1000 memory: 999 }\n");
  const auto trusted = networks(*parsed.checker, parsed.mta, "trusted", parsed.mta.trusted());
  CHECK(trusted.size() == 2);
  CHECK(contains(trusted, *net::Address::parse("192.0.2.200:1")));
  CHECK(contains(trusted, *net::Address::parse("unix:/x")));
  CHECK_FALSE(contains(trusted, *net::Address::parse("192.0.3.1:1")));
  memory(*parsed.checker, parsed.mta.limits());
  const auto faults = parsed.faults();
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].starts_with("f:2:"));
  CHECK(faults[1] == "f:4:29: memory: at least one message: 1000");
}

TEST_CASE("options of the relay", "[settings]") {
  Parsed parsed(
      "sending {\n  dns { server: \"127.0.0.1:5353\" families: IPV4_ONLY }\n"
      "  retry { delay_seconds: 5 delay_seconds: 9 lifetime_seconds: 100 }\n  connections_per_site: 1\n}\n");
  const std::vector<ListenerSpec> listening = {{*net::Address::parse("192.0.2.1:25"), false}};
  const auto options = relay_options(*parsed.checker, parsed.mta.sending(), "MX.a.test", listening);
  CHECK(parsed.faults().empty());
  CHECK(options.lookup.self.names == Texts{"mx.a.test"});
  CHECK(options.lookup.self.addresses == Texts{"192.0.2.1"});
  CHECK(options.lookup.families == dns::Families::kIpv4Only);
  CHECK(options.retry.delays == std::vector{std::chrono::seconds(5), std::chrono::seconds(9)});
  CHECK(options.retry.lifetime == std::chrono::seconds(100));
  CHECK(options.site.concurrency.maximum == 1);
  CHECK(options.site.concurrency.initial == 1);
  CHECK(options.tls.any != nullptr);
  CHECK(options.tls.verified != nullptr);

  Parsed bad("sending { dns { server: \"x\" } ca: \"/nonexistent/ca.pem\" retry { delay_seconds: 0 } }\n");
  relay_options(*bad.checker, bad.mta.sending(), "a", {});
  CHECK(bad.faults().size() == 3);
}

TEST_CASE("policies of sites have what all have where they say nothing", "[settings]") {
  Parsed parsed(
      "sending {\n  retry { delay_seconds: 7 lifetime_seconds: 100 }\n  source_address: \"192.0.2.1\"\n"
      "  connections: 50 ready_recipients: 500 dns { server: \"192.0.2.53\" }\n"
      "  site_policy { match: \"Big.test\" message_rate: \"100/min\" connections: 1 retry { lifetime_seconds: 60 } }\n"
      "  site_policy { match: \".big.test\" connection_rate: \"2/s\" recipients_per_transaction: 5\n"
      "    messages_per_connection: 9 source_address: \"2001:db8::1\" families: IPV6_ONLY }\n}\n");
  const auto options = relay_options(*parsed.checker, parsed.mta.sending(), "a", {});
  const auto policies = site_policies(*parsed.checker, parsed.mta.sending(), options);
  CHECK(parsed.faults().empty());
  CHECK(options.connections == 50);
  CHECK(options.ready_recipients == 500);
  REQUIRE(policies.size() == 2);
  const auto& big = *policies.at("big.test");
  CHECK(big.match == "big.test");
  CHECK(big.message_rate == relay::Rate{100, std::chrono::minutes(1)});
  CHECK(big.limits.concurrency.maximum == 1);
  CHECK(big.limits.concurrency.initial == 1);
  CHECK(big.retry.delays == std::vector{std::chrono::seconds(7)});
  CHECK(big.retry.lifetime == std::chrono::seconds(60));
  CHECK(big.source_addresses == options.source_addresses);
  CHECK(big.families == dns::Families::kPreferIpv6);
  const auto& below = *policies.at(".big.test");
  CHECK_FALSE(below.message_rate);
  CHECK(below.connection_rate == relay::Rate{2, std::chrono::seconds(1)});
  CHECK(below.limits.recipients_per_transaction == 5);
  CHECK(below.messages_per_connection == 9);
  CHECK(below.retry.lifetime == std::chrono::seconds(100));
  CHECK(below.source_addresses == std::vector{*net::Address::from_ip("2001:db8::1", 0)});
  CHECK(below.families == dns::Families::kIpv6Only);
}

TEST_CASE("faults in policies of sites, each at its place", "[settings]") {
  Parsed bad(
      "sending {\n dns { server: \"192.0.2.53\" }\n source_address: \"mx.test\"\n site_policy { match: \"a b\" }\n"
      " site_policy { match: \"x.test\" message_rate: \"100\" connection_rate: \"0/s\" }\n"
      " site_policy { match: \"x.test\" connections: 2 initial_connections: 3 }\n"
      " site_policy { match: \"y.test\" source_address: \"192.0.2.1:25\" retry { delay_notice_seconds: 5 } }\n}\n");
  const auto options = relay_options(*bad.checker, bad.mta.sending(), "a", {});
  site_policies(*bad.checker, bad.mta.sending(), options);
  const auto faults = bad.faults();
  REQUIRE(faults.size() == 8);
  CHECK(faults[0].starts_with("f:3:2: source_address: "));
  CHECK(faults[1] == "f:4:16: match: expected \"domain\" or \".domain\"");
  CHECK(faults[2].starts_with("f:5:32: message_rate: expected a number and a time"));
  CHECK(faults[3].starts_with("f:5:"));
  CHECK(faults[4] == "f:6:47: initial_connections: more than connections");
  CHECK(faults[5] == "f:6:16: match: has a policy already");
  CHECK(faults[6].starts_with("f:7:"));
  CHECK(faults[7].starts_with("f:7:"));
}

TEST_CASE("policies of TLS", "[settings]") {
  Parsed parsed(
      "sending {\n tls_policy { match: \"X.test\" policy: DANE_ONLY }\n"
      " tls_policy { match: \".x.test\" policy: DANE }\n dns { server: \"192.0.2.53\" trusted: true }\n}\n");
  const auto policies = tls_policies(*parsed.checker, parsed.mta.sending());
  CHECK(relay_options(*parsed.checker, parsed.mta.sending(), "a", {}).resolver.trust_servers);
  CHECK(parsed.faults().empty());
  CHECK(policies.size() == 2);
  CHECK(policies.at("x.test") == relay::TlsPolicy::kDaneOnly);
  CHECK(policies.at(".x.test") == relay::TlsPolicy::kDane);

  Parsed bad(
      "sending {\n tls_policy { match: \"a b\" policy: MAY }\n tls_policy { match: \"x.test\" }\n"
      " tls_policy { match: \"x.test\" policy: MAY }\n client_certificate { certificate: \"/nonexistent\" }\n}\n");
  tls_policies(*bad.checker, bad.mta.sending());
  relay_options(*bad.checker, bad.mta.sending(), "a", {});
  const auto faults = bad.faults();
  REQUIRE(faults.size() == 4);
  CHECK(faults[1] == "f:3:2: policy: is required");
  CHECK(faults[3].starts_with("f:5:"));
}

TEST_CASE("MTA-STS", "[settings]") {
  Parsed parsed("sending { mta_sts: true mta_sts_port: 8443 }\n");
  const auto options = sts_options(*parsed.checker, parsed.mta.sending(), "/spool");
  REQUIRE(options.has_value());
  CHECK(options->directory == "/spool/mta-sts");
  CHECK(options->fetch.port == 8443);
  CHECK(parsed.faults().empty());
  Parsed bad("sending { mta_sts_port: 70000 }\n");
  CHECK_FALSE(sts_options(*bad.checker, bad.mta.sending(), "/spool").has_value());
  CHECK(bad.faults() == Texts{"f:1:11: mta_sts_port: at most 65535"});
}

TEST_CASE("a domain without a postmaster is found", "[settings]") {
  config::v1::Directory source;
  for (const auto* name : {"a.test", "b.test", "c.test"}) source.add_domain()->set_name(name);
  source.add_account()->set_login("postmaster@a.test");
  auto* alias = source.add_alias();
  alias->set_address("postmaster@b.test");
  alias->add_target("postmaster@a.test");
  CHECK(without_postmaster(directory::Directory(source)) == Texts{"c.test"});
  source.set_postmaster("postmaster@a.test");
  CHECK(without_postmaster(directory::Directory(source)).empty());
}

TEST_CASE("the path of an HTTP request", "[status]") {
  CHECK(request_path("GET /metrics HTTP/1.1") == "/metrics");
  CHECK(request_path("HEAD /readyz?x=1 HTTP/1.0") == "/readyz");
  CHECK(request_path("POST /metrics HTTP/1.1").empty());
  CHECK(request_path("GET metrics HTTP/1.1").empty());
  CHECK(request_path("GET /metrics").empty());
}
