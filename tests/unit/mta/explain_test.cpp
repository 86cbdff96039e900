#include "mta/explain.h"

#include <catch2/catch.hpp>

#include "tests/unit/mta/helpers.h"

using namespace quartet;
using namespace quartet::mta;

namespace {

/// "CODE: reason; reason -> place, place"
std::string explain(const std::string& recipient, const std::string& client = "203.0.113.9") {
  static const Site site;
  static const auto settings = *load_settings(site.config(R"(
    trusted: "192.0.2.0/24"
    relay_domain: ".c.test"
    follow_aliases: true
    link { name: "island" domain: "island.test" on_request: true }
    verify_recipients { domain: "ask.c.test" }
  )"));
  const auto found =
      explain_recipient(*settings, {recipient, *net::Address::from_ip(client, 0), "", "x@y.test"}, wall_now());
  auto text = std::to_string(found.rcpt.code) + ":";
  for (const auto& reason : found.reasons) text += " " + reason + ";";
  for (const auto& place : found.leads_to) text += " -> " + place;
  return text;
}

}  // namespace

TEST_CASE("why an mta takes a recipient, or does not", "[explain]") {
  CHECK(explain("x@sub.c.test") ==
        "250: directory: sub.c.test is not local; relay_domain: has sub.c.test; -> x@sub.c.test");
  CHECK(explain("x@island.test") == "250: directory: island.test is not local; link: island; -> x@island.test");
  CHECK(explain("x@else.test", "192.0.2.7") ==
        "250: directory: else.test is not local; trusted: has the client; -> x@else.test");
  CHECK(explain("x@else.test") ==
        "550: directory: else.test is not local; neither trusted, relay_domain nor link has client or domain;");
  CHECK(explain("ann@a.test") == "250: directory: the account ann@a.test; -> ann@a.test");
  CHECK(explain("info@a.test") == "250: directory: an alias; -> ann@a.test");
  CHECK(explain("no@a.test") == "550: directory: a local domain without that user;");
  CHECK(explain("x@ask.c.test") ==
        "250: directory: ask.c.test is not local; relay_domain: has ask.c.test; verify_recipients: its next hop is "
        "asked while the client waits; -> "
        "x@ask.c.test");
}
