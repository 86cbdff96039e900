// Look-ups against a real name server.
#include "common/dns/resolver.h"

#include <catch2/catch.hpp>

#include "common/async/loop.h"
#include "tests/unit/dns/nsd.h"

using namespace quartet;
using namespace quartet::dns;
using namespace std::chrono_literals;

namespace {

/// One server for all cases of this file: its start costs more than any look-up.
const testing::Nsd& server() {
  static const testing::Nsd nsd({
      {"b.example",
       "@ 120 MX 20 mx2\n@ 120 MX 10 mx1\nmx1 A 192.0.2.1\nmx1 A 192.0.2.2\nmx1 AAAA 2001:db8::1\nmx2 A 192.0.2.3\n"
       "@ TXT \"v=spf1 \" \"-all\"\n_25._tcp.mx1 TLSA 3 1 1 "
       "0102030405060708091011121314151617181920212223242526272829303132\n"
       "alias CNAME mx1\nchain CNAME alias\nfar CNAME www.c.example.\nlost CNAME nowhere.c.example.\n"
       "circle CNAME back.c.example.\n"
       "big TXT " +
           [] {
             std::string strings;
             for (int i = 0; i < 60; ++i) strings += '"' + std::string(100, static_cast<char>('a' + i % 26)) + "\" ";
             return strings;
           }() +
           "\n"},
      {"c.example", "www A 192.0.2.80\nback CNAME circle.b.example.\n"},
      {"2.0.192.in-addr.arpa", "1 PTR mx1.b.example.\n"},
  });
  return nsd;
}

class Fixture {
 public:
  async::Deadline soon() const { return async::Deadline::after(10s); }
  async::Loop loop;
  std::shared_ptr<Cache> cache = std::make_shared<Cache>();
  Resolver resolver{{.servers = {server().address()}}, cache};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "every type of look-up", "[dns]") {
  const auto a = loop.block_on(resolver.a("MX1.b.example.", soon()));
  REQUIRE(a);
  auto addresses = a->values;
  std::ranges::sort(addresses);
  CHECK(addresses == std::vector<std::string>{"192.0.2.1", "192.0.2.2"});
  CHECK(loop.block_on(resolver.aaaa("mx1.b.example", soon()))->values == std::vector<std::string>{"2001:db8::1"});
  auto mx = loop.block_on(resolver.mx("b.example", soon()))->values;
  std::ranges::sort(mx, {}, &Mx::preference);
  CHECK(mx == std::vector<Mx>{{10, "mx1.b.example"}, {20, "mx2.b.example"}});
  CHECK(loop.block_on(resolver.txt("b.example", soon()))->values == std::vector<std::string>{"v=spf1 -all"});
  const auto tlsa = loop.block_on(resolver.tlsa("_25._tcp.mx1.b.example", soon()));
  REQUIRE(tlsa);
  CHECK(tlsa->values.at(0).usage == 3);
  CHECK(tlsa->values.at(0).data.size() == 32);
  CHECK(loop.block_on(resolver.ptr("192.0.2.1", soon()))->values == std::vector<std::string>{"mx1.b.example"});
}

TEST_CASE_METHOD(Fixture, "no such domain, no such record and no domain name are told apart", "[dns]") {
  CHECK(loop.block_on(resolver.a("nowhere.b.example", soon())).error().code == Code::kNoSuchDomain);
  CHECK(loop.block_on(resolver.mx("mx1.b.example", soon())).error().code == Code::kNoData);
  CHECK(loop.block_on(resolver.a("no name", soon())).error().code == Code::kBadName);
  CHECK(loop.block_on(resolver.ptr("192.0.2.300", soon())).error().code == Code::kBadName);
  const auto refused = loop.block_on(resolver.a("elsewhere.test", soon()));
  CHECK(refused.error().code == Code::kServerFailed);
  CHECK_FALSE(refused.error().permanent());
}

TEST_CASE_METHOD(Fixture, "aliases are followed, over zones too, but not in circles", "[dns]") {
  const auto chain = loop.block_on(resolver.aaaa("chain.b.example", soon()));
  REQUIRE(chain);
  CHECK(chain->canonical_name == "mx1.b.example");
  const auto far = loop.block_on(resolver.a("far.b.example", soon()));
  REQUIRE(far);
  CHECK(far->canonical_name == "www.c.example");
  CHECK(far->values == std::vector<std::string>{"192.0.2.80"});
  CHECK(loop.block_on(resolver.a("lost.b.example", soon())).error().code == Code::kNoSuchDomain);
  CHECK(loop.block_on(resolver.a("circle.b.example", soon())).error().code == Code::kCnameLoop);
}

TEST_CASE_METHOD(Fixture, "an answer too large for UDP is fetched over TCP", "[dns]") {
  const auto big = loop.block_on(resolver.txt("big.b.example", soon()));
  REQUIRE(big);
  CHECK(big->values.at(0).size() == 6000);
}

TEST_CASE_METHOD(Fixture, "the cache takes the TTL of the answer", "[dns]") {
  const auto before = std::chrono::steady_clock::now();
  const auto mx = loop.block_on(resolver.mx("b.example", soon()));
  REQUIRE(mx);
  CHECK(mx->expires >= before + 120s);
  CHECK(mx->expires <= std::chrono::steady_clock::now() + 120s);
  (void)loop.block_on(resolver.mx("nowhere.b.example", soon()));
  const auto negative = cache->find({"nowhere.b.example", Type::kMx}, before);
  REQUIRE(negative);  // 30 s is the SOA's minimum
  CHECK(negative->expires >= before + 30s);
  CHECK(negative->expires <= std::chrono::steady_clock::now() + 30s);
}
