#include "mta/settings.h"

#include <catch2/catch.hpp>

#include "tests/unit/mta/helpers.h"

using namespace quartet;
using namespace quartet::mta;
using relay::NextHop;

namespace {

std::vector<std::string> faults(const Site& site, const std::string& more) {
  std::vector<std::string> out;
  const auto settings = load_settings(site.config(more));
  if (settings) return out;
  for (const auto& error : settings.error())
    out.push_back(std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.text);
  return out;
}

}  // namespace

TEST_CASE("routes: links, transports, local domains, smart host, MX", "[mta]") {
  const Site site;
  const auto settings = load_settings(site.config(R"(
    mx_port: 2525
    link { name: "field" domain: "Field.test" on_request: true }
    transport { match: "Boss@a.test" hold: true }
    transport { match: ".deep.test" next_hop { host: "gate.test" } }
    transport { match: "no.test" error: "5.7.1 not there" }
    transport { match: "void.test" discard: true }
    transport { match: "direct.test" mx: true }
    smart_host { host: "smart.test:587" tls: VERIFY }
  )"));
  REQUIRE(settings.has_value());
  const auto& router = *(*settings)->router;
  CHECK(router.route("x@field.test").mx_port == 2525);
  CHECK(router.link_of("field.test")->on_request);
  CHECK(router.route("boss@A.test").kind == NextHop::Kind::kHold);
  CHECK(router.route("ann@a.test").protocol == relay::Protocol::kLmtp);
  CHECK(router.route("x@very.deep.test").hosts.at(0).name == "gate.test");
  CHECK(router.route("x@no.test").error == "5.7.1 not there");
  CHECK(router.route("x@void.test").kind == NextHop::Kind::kDiscard);
  CHECK(router.route("x@direct.test").kind == NextHop::Kind::kMx);
  CHECK(router.route("x@else.test").hosts.at(0).port == 587);
  CHECK((*settings)->server.features.etrn);
}

TEST_CASE("a route that says not to do something is a fault", "[mta]") {
  const Site site;
  const auto found = faults(site,
                            "transport { match: \"a.test\" discard: false }\n"
                            "transport { match: \"b.test\" hold: false }\n"
                            "sender_route { sender: \"c.test\" mx: false }\n");
  REQUIRE(found.size() == 3);
  CHECK(found[0].starts_with("2:29: discard: can only be true"));
  CHECK(found[1].starts_with("3:29: hold: can only be true"));
  CHECK(found[2].starts_with("4:33: mx: can only be true"));
}

TEST_CASE("faults are all found, each at its place", "[mta]") {
  const Site site;
  CHECK(faults(site, "").empty());
  const auto found = faults(site,
                            "link { name: \"a\" domain: \"x y\" allowed: \"no\" }\n"
                            "link { name: \"A\" domain: \"ok.test\" }\n"
                            "transport { match: \"t.test\" }\n"
                            "transport { match: \"@\" mx: true }\n"
                            "relay_domain: \"bad domain\"\n"
                            "own_address: \"mx.a.test\"\n"
                            "mx_port: 70000\n");
  const auto has = [&found](const std::string& start) {
    return std::ranges::any_of(found, [&start](const std::string& fault) { return fault.starts_with(start); });
  };
  CHECK(found.size() == 8);
  CHECK(has("2:18: "));
  CHECK(has("2:32: "));
  CHECK(has("3:8: "));
  CHECK(has("4:13: match: needs an action"));
  CHECK(has("5:13: "));
  CHECK(has("6:1: "));
  CHECK(has("7:1: "));
  CHECK(has("8:1: "));
}

TEST_CASE("whose recipients are verified", "[mta]") {
  const Site site;
  const auto settings = load_settings(site.config(R"(
    relay_domain: "b.test" relay_domain: ".c.test"
    verify_recipients { probes: 2 when_unknown: ACCEPT refused_seconds: 60 }
  )"));
  REQUIRE(settings.has_value());
  const auto& verification = (*settings)->verification;
  CHECK(verification.domains == std::vector<std::string>{"b.test", ".c.test"});
  CHECK(verification.accept_unknown);
  CHECK(verification.options.probes_per_hop == 1);
  CHECK(verification.options.refused_for == std::chrono::minutes(1));
  CHECK(verification.options.accepted_for == std::chrono::hours(24));

  CHECK(faults(site, R"(relay_domain: ".c.test" link { name: "f" domain: "f.test" }
                        verify_recipients { domain: "a.test" domain: "x.c.test" domain: "f.test" })")
            .empty());
  CHECK(faults(site, R"(verify_recipients {})").size() == 1);
  CHECK(faults(site, R"(verify_recipients { domain: "else.test" domain: "no domain" })").size() == 2);
}

TEST_CASE("routes by who sends", "[mta]") {
  const Site site;
  const auto settings = load_settings(site.config(R"(
    sender_route { sender: "News.test" next_hop { host: "bulk.test" login: "news" password: "x" } }
    sender_route { sender: "<>" mx: true }
    sender_route { login: "Ann@a.test" error: "5.7.1 not today" }
    smart_host { host: "smart.test" }
  )"));
  REQUIRE(settings.has_value());
  const auto& router = *(*settings)->router;
  CHECK(router.route("x@far.test", {"letter@news.test"}).credentials->user == "news");
  CHECK(router.route("x@far.test").kind == NextHop::Kind::kMx);
  CHECK(router.route("x@far.test", {"x@y.test"}).hosts.at(0).name == "smart.test");
  CHECK(router.route("x@far.test", {"x@y.test", "ann@a.test"}).error == "5.7.1 not today");

  CHECK(faults(site, R"(sender_route { sender: "a b" mx: true })").size() == 1);
  CHECK(faults(site, R"(sender_route { mx: true } sender_route { sender: "x.test" login: "x" mx: true })").size() == 2);
  CHECK(faults(site, R"(sender_route { sender: "x.test" })").size() == 1);
  CHECK(
      faults(site, R"(sender_route { sender: "x.test" mx: true } sender_route { sender: "X.test" mx: true })").size() ==
      1);
}
