#include "common/smtp/srs.h"

#include <catch2/catch.hpp>
#include <random>

using namespace quartet;
using namespace quartet::smtp;
using Error = Srs::Error;

namespace {

constexpr WallTime at(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }
constexpr auto kNow = at(1'795'707'215);
constexpr auto kDay = std::chrono::hours(24);

SrsOptions options(std::vector<std::string> secrets = {"tops3cretword", "older-secret"}) {
  return {.domain = "a.example", .secrets = std::move(secrets)};
}

}  // namespace

TEST_CASE("addresses are those that postsrsd makes", "[srs]") {
  // As postsrsd 1.10 made them at that time, with the same secrets.
  const Srs srs(options());
  CHECK(srs.forward("Ann.Lee@B.example", kNow) == "SRS0=8pdl=JP=B.example=Ann.Lee@a.example");
  CHECK(srs.forward("SRS0=abcd=XY=orig.test=bob@fwd.test", kNow) ==
        "SRS1=lqhL=fwd.test==abcd=XY=orig.test=bob@a.example");
  CHECK(srs.forward("SRS1=zzzz=fwd.test==abcd=XY=orig.test=bob@second.test", kNow) ==
        "SRS1=lqhL=fwd.test==abcd=XY=orig.test=bob@a.example");
  CHECK(srs.reverse("SRS0=8pdl=JP=B.example=Ann.Lee@a.example", kNow) == "Ann.Lee@B.example");
  CHECK(srs.reverse("SRS1=lqhL=fwd.test==abcd=XY=orig.test=bob@a.example", kNow) ==
        "SRS0=abcd=XY=orig.test=bob@fwd.test");
}

TEST_CASE("which senders are rewritten", "[srs]") {
  const Srs srs(options());
  for (const auto* as_it_is : {"", "x@a.example", "x@A.EXAMPLE", "\"a b\"@b.test", "nobody"})
    CHECK(srs.forward(as_it_is, kNow) == std::nullopt);
  CHECK(srs.forward(std::string(225, 'x') + "@b.test", kNow) == std::nullopt);
  CHECK(srs.forward(std::string(220, 'x') + "@b.test", kNow).value().size() <= 254);
}

TEST_CASE("what comes back", "[srs]") {
  const Srs srs(options());
  const auto address = *srs.forward("ann=x@b.test", kNow);
  CHECK(srs.is_ours(address));
  CHECK(srs.reverse(address, kNow) == "ann=x@b.test");
  // Hosts on the way may have changed the case.
  CHECK(srs.reverse("srs0" + address.substr(4), kNow) == "ann=x@b.test");
  CHECK(srs.reverse(address, kNow + 21 * kDay) == "ann=x@b.test");
  CHECK(srs.reverse(address, kNow + 22 * kDay) == std::unexpected(Error::kExpired));
  CHECK(srs.reverse(address, kNow - 2 * kDay) == std::unexpected(Error::kExpired));
  CHECK(srs.reverse("SRS0=AAAA=" + address.substr(10), kNow) == std::unexpected(Error::kForged));
  CHECK(srs.reverse("SRS0=JP=b.test=x@a.example", kNow) == std::unexpected(Error::kMalformed));
  for (const auto* broken : {"SRS0=@a.example", "SRS0==@a.example", "SRS0=a=JP=b@a.example", "SRS0=a=JP==x@a.example",
                             "SRS0=a=JPX=b=c@a.example", "SRS0=a=1!=b=c@a.example", "SRS1=a=b@a.example"})
    CHECK(srs.reverse(broken, kNow) == std::unexpected(Error::kMalformed));
  for (const auto* other : {"SRS0@a.example", "SRS0x=y@a.example", "SRS2=x=y@a.example", "ann@a.example", "SRS0=a",
                            "SRS0=a=JP=b=c@b.example"})
    CHECK_FALSE(srs.is_ours(other));
}

TEST_CASE("secrets change in turn", "[srs]") {
  const auto before = *Srs(options({"first-secret"})).forward("x@b.test", kNow);
  CHECK(Srs(options({"second-secret", "first-secret"})).reverse(before, kNow) == "x@b.test");
  CHECK(Srs(options({"second-secret"})).reverse(before, kNow) == std::unexpected(Error::kForged));
  auto longer = options();
  longer.hash_length = 12;
  const auto address = *Srs(longer).forward("x@b.test", kNow);
  CHECK(Srs(longer).reverse(address, kNow) == "x@b.test");
  CHECK(address.find('=', 5) == 17);
}

TEST_CASE("what is forwarded comes back, over any number of forwarders, at any time", "[srs]") {
  std::mt19937_64 random(7);
  constexpr std::string_view kChars = "abcXYZ019.+-=_/!#%&'*?^`{|}~";
  for (int round = 0; round < 500; ++round) {
    std::string user = "u";
    for (auto left = random() % 20; left > 0; --left) user += kChars[random() % kChars.size()];
    user += "z";
    const auto now = at(static_cast<std::int64_t>(random() % 4'000'000'000));
    const std::string sender = user + "@orig.test";
    const Srs first(options());
    const Srs second({.domain = "second.test", .secrets = {"another one"}});
    const Srs third({.domain = "third.test", .secrets = {"the third"}});
    const auto once = *first.forward(sender, now);
    const auto thrice = *third.forward(*second.forward(once, now), now);
    const auto later = now + std::chrono::hours(random() % (21 * 24));
    // The third host sends the bounce to the first one, and this to the sender.
    const auto back = third.reverse(thrice, later);
    REQUIRE(back == once);
    CHECK(first.reverse(*back, later) == sender);
  }
}
