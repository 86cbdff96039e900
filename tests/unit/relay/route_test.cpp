#include "common/relay/route.h"

#include "common/mime/idna.h"

#include <catch2/catch.hpp>

using namespace quartet::relay;

namespace {

NextHop to_host(const std::string& name, Protocol protocol = Protocol::kSmtp) {
  NextHop next_hop;
  next_hop.kind = NextHop::Kind::kHosts;
  next_hop.protocol = protocol;
  next_hop.hosts = {{name, 25}};
  return next_hop;
}

Router example() {
  RoutingTable table;
  table.links.push_back({"branch", {"branch.test", ".branch.test"}, to_host("branch")});
  table.transports["boss@x.test"] = to_host("boss");
  table.transports["x.test"] = to_host("x");
  table.transports[".x.test"] = to_host("below-x");
  table.transports[".deep.x.test"] = to_host("deep");
  table.local_domains["here.test"] = to_host("mda", Protocol::kLmtp);
  return Router(std::move(table));
}

std::string first_host(const NextHop& next_hop) { return next_hop.hosts.empty() ? "mx" : next_hop.hosts.front().name; }

}  // namespace

TEST_CASE("the most specific table entry wins", "[relay]") {
  const auto router = example();
  CHECK(first_host(router.route("Boss@X.test")) == "boss");
  CHECK(first_host(router.route("other@x.test")) == "x");
  CHECK(first_host(router.route("a@sub.x.test")) == "below-x");
  CHECK(first_host(router.route("a@a.deep.x.test")) == "deep");
  CHECK(first_host(router.route("a@here.test")) == "mda");
  CHECK(first_host(router.route("a@branch.test")) == "branch");
  CHECK(first_host(router.route("a@host.branch.test")) == "branch");
  CHECK(first_host(router.route("a@notbranch.test")) == "mx");
  CHECK(first_host(router.route("a@else.test")) == "mx");
  CHECK(router.link_of("host.branch.test") != nullptr);
  CHECK(router.link_of("x.test") == nullptr);
}

TEST_CASE("internationalized domains are looked up as DNS has them", "[relay][rfc6531]") {
  CHECK(quartet::mime::domain_of("j\u00f6rg@B\u00fccher.test") == "xn--bcher-kva.test");
  RoutingTable table;
  table.transports["xn--bcher-kva.test"] = to_host("books");
  table.transports["ann@xn--bcher-kva.test"] = to_host("ann");
  const Router router(std::move(table));
  CHECK(first_host(router.route("bo@b\u00fccher.test")) == "books");
  CHECK(first_host(router.route("Ann@B\u00dcCHER.test")) == "ann");
}

TEST_CASE("the smart host takes what no table names", "[relay]") {
  RoutingTable table;
  table.smart_host = to_host("smart");
  table.local_domains["here.test"] = to_host("mda", Protocol::kLmtp);
  const Router router(std::move(table));
  CHECK(first_host(router.route("a@else.test")) == "smart");
  CHECK(first_host(router.route("a@here.test")) == "mda");
}

TEST_CASE("hosts are read in all their forms", "[relay]") {
  CHECK(parse_host("mail.x.test", 25) == Host{"mail.x.test", 25});
  CHECK(parse_host("Mail.x.test:2525", 25) == Host{"mail.x.test", 2525});
  CHECK(parse_host("192.0.2.1:24", 25) == Host{"192.0.2.1", 24});
  CHECK(parse_host("[2001:db8::1]:24", 25) == Host{"2001:db8::1", 24});
  CHECK(parse_host("[IPv6:2001:db8::1]", 25) == Host{"2001:db8::1", 25});
  CHECK(parse_host("unix:/run/mda.sock", 24) == Host{"/run/mda.sock", 0});
  CHECK(parse_host("relay_1.x.test.", 25) == Host{"relay_1.x.test.", 25});
  for (const char* bad :
       {"", ":25", "x:", "x:0", "x:99999", "a b", "[::1", "[::1]25", "x:25x", "relay..test", ".test", "..", "a\nb"}) {
    INFO(bad);
    CHECK_FALSE(parse_host(bad, 25).has_value());
  }
  CHECK_FALSE(parse_host(std::string(64, 'h') + ".test", 25).has_value());
  std::string longest = "test";
  for (int i = 0; i < 30; ++i) longest += ".label-" + std::to_string(i);
  CHECK_FALSE(parse_host(longest, 25).has_value());
}

TEST_CASE("site keys differ where connections must not be shared", "[relay]") {
  auto plain = to_host("a");
  auto verified = plain;
  verified.tls = TlsPolicy::kVerify;
  auto lmtp = to_host("a", Protocol::kLmtp);
  auto user = plain;
  user.credentials = Credentials{"u", "p"};
  auto required = plain;
  required.sender_tls = SenderTls::kRequired;
  CHECK(plain.site_key() == to_host("a").site_key());
  CHECK(plain.site_key() != required.site_key());
  CHECK(plain.site_key() != verified.site_key());
  CHECK(plain.site_key() != lmtp.site_key());
  CHECK(plain.site_key() != user.site_key());
}

TEST_CASE("policies of TLS come before what next hops say", "[relay]") {
  RoutingTable table;
  table.tls_policies = {{"x.test", TlsPolicy::kVerify},
                        {".x.test", TlsPolicy::kEncrypt},
                        {"smart.test", TlsPolicy::kDaneOnly},
                        {"weak.test", TlsPolicy::kMay}};
  table.smart_host = to_host("smart.test");
  table.smart_host->hosts.push_back({"other.test", 25});
  table.transports["weak.example"] = to_host("weak.test");
  table.transports["weak.example"].tls = TlsPolicy::kVerify;
  auto login = table.transports["weak.example"];
  login.credentials = Credentials{"u", "p"};
  table.transports["login.example"] = login;
  const Router router(std::move(table));
  const NextHop by_mx;
  CHECK(router.tls_of(by_mx, "x.test") == TlsPolicy::kVerify);
  CHECK(router.tls_of(by_mx, "a.b.x.test") == TlsPolicy::kEncrypt);
  CHECK(router.tls_of(by_mx, "y.test") == by_mx.tls);
  const auto& smart = router.route("a@else.test");
  CHECK(smart.hosts[0].tls == TlsPolicy::kDaneOnly);
  CHECK(smart.hosts[1].tls == std::nullopt);
  CHECK(smart.site_key() != to_host("smart.test").site_key());
  CHECK(router.route("a@weak.example").hosts[0].tls == TlsPolicy::kMay);
  // No table weakens what a password needs.
  CHECK(router.route("a@login.example").hosts[0].tls == std::nullopt);
}

TEST_CASE("who sends decides where no table names the recipient", "[relay]") {
  RoutingTable table;
  table.links.push_back({"field", {"field.test"}, to_host("link.test")});
  table.transports["routed.test"] = to_host("transport.test");
  table.local_domains["a.test"] = to_host("local.test");
  table.logins["ann"] = to_host("login.test");
  table.senders["ann@a.test"] = to_host("address.test");
  table.senders["a.test"] = to_host("domain.test");
  table.senders[".a.test"] = to_host("below.test");
  table.senders["<>"] = to_host("bounces.test");
  table.smart_host = to_host("smart.test");
  const Router router(std::move(table));
  const auto host = [&router](const std::string& recipient, const std::string& sender, const std::string& login = "") {
    return router.route(recipient, {sender, login}).hosts.at(0).name;
  };
  CHECK(host("x@far.test", "Ann@A.test", "Ann") == "login.test");
  CHECK(host("x@far.test", "Ann@A.test", "bob") == "address.test");
  CHECK(host("x@far.test", "bob@a.test") == "domain.test");
  CHECK(host("x@far.test", "bob@very.sub.a.test") == "below.test");
  CHECK(host("x@far.test", "") == "bounces.test");
  CHECK(host("x@far.test", "bob@else.test") == "smart.test");
  for (const auto* sender : {"ann@a.test", ""}) {
    CHECK(host("x@field.test", sender, "ann") == "link.test");
    CHECK(host("x@routed.test", sender, "ann") == "transport.test");
    CHECK(host("x@a.test", sender, "ann") == "local.test");
  }
}
