#include "common/service/login_guard.h"

#include <catch2/catch.hpp>

#include "common/directory/directory.h"
#include "quartet/config/v1/directory.pb.h"

using namespace quartet;
using namespace quartet::service;

namespace {

const WallTime kNow = from_micros(1'800'000'000'000'000);

net::Address at(const std::string& ip) { return *net::Address::from_ip(ip, 1234); }

std::unique_ptr<LoginGuard> guard(LoginGuard::Spelling spelling = {}) {
  LoginLimits limits;
  limits.client = 3;
  limits.network = 6;
  limits.login = 2;
  auto opened = LoginGuard::open(limits, std::move(spelling));
  if (!opened) FAIL(opened.error());
  return *std::move(opened);
}

bool refused(const LoginGuard& guard, const std::string& ip, const std::string& login = "fresh@a.test",
             WallTime now = kNow) {
  return guard.admission(at(ip), login, now).refused_for != nullptr;
}

}  // namespace

TEST_CASE("a client that guesses is refused, whatever login it tries, until that fades", "[guard]") {
  const auto logins = guard();
  for (int n = 0; n < 3; ++n) {
    CHECK_FALSE(refused(*logins, "192.0.2.1"));
    logins->failed(at("192.0.2.1"), "login" + std::to_string(n), kNow);
  }
  CHECK(std::string(logins->admission(at("192.0.2.1"), "another", kNow).refused_for) == "client");
  CHECK_FALSE(refused(*logins, "192.0.2.2"));
  CHECK_FALSE(refused(*logins, "192.0.2.1", "another", kNow + std::chrono::seconds(900)));
}

TEST_CASE("many clients of one network count together", "[guard]") {
  const auto logins = guard();
  for (int n = 0; n < 6; ++n) logins->failed(at("192.0.2." + std::to_string(n)), "login" + std::to_string(n), kNow);
  CHECK(std::string(logins->admission(at("192.0.2.99"), "another", kNow).refused_for) == "network");
  CHECK_FALSE(refused(*logins, "192.0.3.1"));
  for (int n = 0; n < 6; ++n)
    logins->failed(at("2001:db8:1:" + std::to_string(n) + "::1"), "login" + std::to_string(n), kNow);
  CHECK(refused(*logins, "2001:db8:1:ffff::1"));
  CHECK_FALSE(refused(*logins, "2001:db8:2::1"));
}

TEST_CASE("a client of IPv6 is its whole /64", "[guard]") {
  const auto logins = guard();
  for (int n = 1; n <= 3; ++n) logins->failed(at("2001:db8::" + std::to_string(n)), "login", kNow);
  CHECK(std::string(logins->admission(at("2001:db8::ffff"), "another", kNow).refused_for) == "client");
  CHECK_FALSE(refused(*logins, "2001:db8:0:1::1"));
}

TEST_CASE("a login that is guessed at answers late, from anywhere, but answers", "[guard]") {
  const auto logins = guard();
  const auto delay = [&](const std::string& login) {
    const auto admission = logins->admission(at("203.0.113.1"), login, kNow);
    CHECK(admission.refused_for == nullptr);
    return admission.delay.count();
  };
  CHECK(delay("ann@a.test") == 0);
  const int expected[] = {0, 1'000, 2'000, 4'000, 8'000, 10'000, 10'000};
  for (int n = 0; n < 7; ++n) {
    logins->failed(at("10." + std::to_string(n) + ".0.1"), "Ann@a.test", kNow);
    CHECK(delay("ann@a.test") == expected[n]);
  }
  CHECK(delay("bob@a.test") == 0);
}

TEST_CASE("UNIX sockets have no limit by address", "[guard]") {
  const auto logins = guard();
  const auto socket = *net::Address::parse("unix:/run/x");
  for (int n = 0; n < 50; ++n) logins->failed(socket, "login" + std::to_string(n), kNow);
  CHECK(logins->admission(socket, "another", kNow).refused_for == nullptr);
}

TEST_CASE("a login is the same however it is written", "[guard]") {
  const auto logins = guard();
  int n = 0;
  for (const auto* const written : {"m\u00fcller@a.test", "mu\u0308ller@A.test", "\"m\u00fc\\ller\"@a.test"})
    logins->failed(at("192.0." + std::to_string(++n) + ".1"), written, kNow);
  CHECK(logins->admission(at("198.51.100.1"), "\"m\u00fclle\\r\"@a.test", kNow).delay.count() > 0);
  CHECK(logins->admission(at("198.51.100.1"), "m\u00fcll@a.test", kNow).delay.count() == 0);
  CHECK(logins->admission(at("198.51.100.1"), "nobody", kNow).delay.count() == 0);
}

TEST_CASE("a login is the same by whichever name of its domain", "[guard]") {
  config::v1::Directory source;
  source.add_domain()->set_name("b\u00fccher.example");
  auto* const alias = source.add_alias_domain();
  alias->set_from("alias.example");
  alias->set_to("b\u00fccher.example");
  const directory::Directory directory(source);
  const auto logins = guard([&](std::string_view login) { return directory.canonical_at_home(login); });
  int n = 0;
  for (const auto* const written : {"ann@b\u00fccher.example", "ann@xn--bcher-kva.example", "Ann@ALIAS.example"})
    logins->failed(at("192.0." + std::to_string(++n) + ".1"), written, kNow);
  for (const auto* const written : {"ann@b\u00dcCHER.example", "ann@xn--bcher-kva.example", "ann@alias.example"})
    CHECK(logins->admission(at("198.51.100.1"), written, kNow).delay.count() > 0);
  CHECK(logins->admission(at("198.51.100.1"), "bob@alias.example", kNow).delay.count() == 0);
  CHECK(logins->admission(at("198.51.100.1"), "ann@elsewhere.example", kNow).delay.count() == 0);
}
