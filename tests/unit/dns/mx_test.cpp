// RFC 5321 section 5.1 and RFC 7505 against a real name server.
#include "common/dns/mx.h"

#include <catch2/catch.hpp>
#include <set>

#include "common/async/loop.h"
#include "tests/unit/dns/nsd.h"

using namespace quartet;
using namespace quartet::dns;
using namespace std::chrono_literals;

namespace {

const testing::Nsd& server() {
  static const testing::Nsd nsd({{"example",
                                  "two MX 20 mx2\ntwo MX 10 mx1\n"
                                  "equal MX 10 mx1\nequal MX 10 mx2\nequal MX 20 mx3\n"
                                  "implicit A 192.0.2.9\nempty TXT \"nothing to deliver to\"\n"
                                  "null MX 0 .\nmixed MX 0 .\nmixed MX 10 mx1\n"
                                  "nobody MX 10 zero\ntrap MX 10 zero\ntrap MX 20 mx2\nzero A 0.0.0.0\n"
                                  "here MX 10 inside\ninside A 127.9.9.9\n"
                                  "alias CNAME two\nvia MX 10 aliased\naliased CNAME mx1\n"
                                  "gone MX 10 nowhere\nhalf MX 10 nowhere\nhalf MX 20 mx2\n"
                                  "lame MX 10 host.elsewhere.test.\nlame2 MX 10 host.elsewhere.test.\nlame2 MX 20 mx2\n"
                                  "mx1 A 192.0.2.1\nmx1 AAAA 2001:db8::1\nmx2 A 192.0.2.2\nmx3 A 192.0.2.3\n"
                                  "six MX 10 mx6\nmx6 AAAA 2001:db8::6\n"
                                  "moves 3600 MX 10 short\nshort 30 A 192.0.2.8\nalone 30 A 192.0.2.8\n"
                                  "doubt 3600 MX 10 host.elsewhere.test.\ndoubt 3600 MX 20 long\n"
                                  "long 3600 A 192.0.2.8\n"}});
  return nsd;
}

class Fixture {
 public:
  std::expected<MxPlan, Error> plan(std::string domain, Self self = {}, MxOptions options = {}) {
    return loop.block_on(resolve_mx(resolver, std::move(domain), self, options, async::Deadline::after(10s)));
  }
  std::vector<std::string> hosts(std::string domain, Self self = {}, MxOptions options = {}) {
    const auto result = plan(std::move(domain), std::move(self), options);
    if (!result) return {to_string(result.error().code)};
    std::vector<std::string> names;
    for (const auto& host : result->hosts) names.push_back(host.name);
    return names;
  }
  Code code(std::string domain, Self self = {}) { return plan(std::move(domain), std::move(self)).error().code; }

  async::Loop loop;
  Resolver resolver{{.servers = {server().address()}}, std::make_shared<Cache>()};
};
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(Fixture, "hosts in the order of preference", "[dns]") {
  CHECK(hosts("Two.example") == Names{"mx1.example", "mx2.example"});
  const auto two = plan("two.example");
  CHECK_FALSE(two->implicit);
  CHECK(two->hosts[0].preference == 10);
  CHECK(two->hosts[0].addresses == Names{"2001:db8::1", "192.0.2.1"});
  CHECK(plan("two.example", {}, {.families = Families::kPreferIpv4})->hosts[0].addresses ==
        Names{"192.0.2.1", "2001:db8::1"});
  CHECK(plan("two.example", {}, {.families = Families::kIpv4Only})->hosts[0].addresses == Names{"192.0.2.1"});
}

TEST_CASE_METHOD(Fixture, "hosts of equal preference are shuffled, and only they", "[dns]") {
  std::set<Names> orders;
  for (int i = 0; i < 200; ++i) orders.insert(hosts("equal.example"));
  CHECK(orders ==
        std::set<Names>{{"mx1.example", "mx2.example", "mx3.example"}, {"mx2.example", "mx1.example", "mx3.example"}});
}

TEST_CASE_METHOD(Fixture, "without MX the domain is its own host", "[dns]") {
  CHECK(hosts("implicit.example") == Names{"implicit.example"});
  CHECK(plan("implicit.example")->implicit);
  CHECK(code("empty.example") == Code::kNoData);
  CHECK(code("nowhere.example") == Code::kNoSuchDomain);
  CHECK(code("elsewhere.test") == Code::kServerFailed);  // never implicit after a failure
}

TEST_CASE_METHOD(Fixture, "a null MX takes no mail", "[dns]") {
  CHECK(code("null.example") == Code::kNullMx);
  CHECK(plan("null.example").error().permanent());
  CHECK(hosts("mixed.example") == Names{"mx1.example"});
}

TEST_CASE_METHOD(Fixture, "aliases of the domain and of a host", "[dns]") {
  CHECK(hosts("alias.example") == Names{"mx1.example", "mx2.example"});
  CHECK(plan("via.example")->hosts.at(0).addresses == Names{"2001:db8::1", "192.0.2.1"});
}

TEST_CASE_METHOD(Fixture, "this host and all that are no better are cut", "[dns]") {
  CHECK(hosts("two.example", {{"MX2.example"}, {}}) == Names{"mx1.example"});
  CHECK(hosts("two.example", {{}, {"192.0.2.2"}}) == Names{"mx1.example"});
  CHECK(code("two.example", {{"mx1.example"}, {}}) == Code::kLoopsBack);
  CHECK(code("two.example", {{}, {"2001:DB8:0::1"}}) == Code::kLoopsBack);
  CHECK(code("equal.example", {{"mx2.example"}, {}}) == Code::kLoopsBack);
  CHECK(hosts("equal.example", {{"mx3.example"}, {}}).size() == 2);
  CHECK(code("implicit.example", {{}, {"192.0.2.9"}}) == Code::kLoopsBack);
  CHECK(hosts("here.example") == Names{"inside.example"});
  CHECK(code("here.example", {.names = {}, .addresses = {}, .loopback = true}) == Code::kLoopsBack);
}

TEST_CASE_METHOD(Fixture, "our own name counts without a usable address", "[dns]") {
  const auto result = plan("six.example", {{"mx6.example"}, {}}, {.families = Families::kIpv4Only});
  CHECK(result.error().code == Code::kLoopsBack);
}

TEST_CASE_METHOD(Fixture, "hosts without address are left out", "[dns]") {
  CHECK(code("gone.example") == Code::kNoAddress);
  CHECK(hosts("half.example") == Names{"mx2.example"});
  CHECK(code("nobody.example") == Code::kNoAddress);
  CHECK(hosts("trap.example") == Names{"mx2.example"});
  CHECK(plan("zero.example").error().permanent());
  CHECK(code("[0.0.0.0]") == Code::kNoAddress);
  CHECK(code("lame.example") == Code::kServerFailed);
  CHECK(hosts("lame2.example") == Names{"mx2.example"});
  // The better host may well exist: for now this is not a loop.
  CHECK(code("lame2.example", {{"mx2.example"}, {}}) == Code::kServerFailed);
}

TEST_CASE_METHOD(Fixture, "a plan holds no longer than the addresses in it", "[dns]") {
  const auto holds = [this](const char* domain) {
    const auto result = plan(domain);
    REQUIRE(result);
    return result->expires - std::chrono::steady_clock::now();
  };
  CHECK(holds("moves.example") <= 30s);
  CHECK(holds("alone.example") <= 30s);
  // The better host may be there again soon.
  CHECK(holds("doubt.example") <= 60s);
  CHECK(plan("[192.0.2.7]")->expires == SteadyTime::max());
}

TEST_CASE_METHOD(Fixture, "address-literals", "[dns]") {
  CHECK(plan("[192.0.2.7]")->hosts.at(0).addresses == Names{"192.0.2.7"});
  CHECK(plan("[IPv6:2001:db8::7]")->hosts.at(0).addresses == Names{"2001:db8::7"});
  CHECK(code("[192.0.2.7]", {{}, {"192.0.2.7"}}) == Code::kLoopsBack);
  CHECK(code("[IPv6:::ffff:192.0.2.7]", {{}, {"192.0.2.7"}}) == Code::kLoopsBack);
  for (const auto* bad : {"[]", "[", "[192.0.2.7", "[2001:db8::7]", "[IPv6:192.0.2.7]", "[x]"})
    CHECK(code(bad) == Code::kBadName);
}

TEST_CASE_METHOD(Fixture, "one host's addresses", "[dns]") {
  const auto look_up = [this](const char* name) {
    return loop.block_on(resolve_host(resolver, name, Families::kPreferIpv4, async::Deadline::after(10s)));
  };
  CHECK(look_up("mx1.example")->addresses == Names{"192.0.2.1", "2001:db8::1"});
  CHECK(look_up("192.0.2.4")->addresses == Names{"192.0.2.4"});
  CHECK(look_up("two.example").error().code == Code::kNoData);
  CHECK(look_up("host.elsewhere.test").error().code == Code::kServerFailed);
}
