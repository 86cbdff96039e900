#include "mta/rewrite.h"

#include <catch2/catch.hpp>

#include "tests/unit/mta/helpers.h"

using namespace quartet;
using namespace quartet::mta;

namespace {

SettingsPtr with_both(const Site& site) {
  site.write("people", R"(domain { name: "a.test" } account { login: "ann@a.test" }
                          alias_domain { from: "a.net" to: "a.test" })");
  auto settings = load_settings(site.config(R"(srs { domain: "a.test" secret: "a long secret" })"));
  REQUIRE(settings.has_value());
  return *settings;
}

}  // namespace

TEST_CASE("an address that stands for another one", "[mta]") {
  const Site site;
  const auto settings = with_both(site);
  const auto now = wall_now();
  const auto forwarded = *settings->srs->forward("Zoe@far.test", now);
  CHECK(rewritten(*settings, "Ann+x@A.net", now) == "Ann+x@a.test");
  CHECK(rewritten(*settings, forwarded, now) == "Zoe@far.test");
  for (const auto* same : {"ann@a.test", "x@far.test", "postmaster", "SRS0=AAAA=AA=far.test=zoe@a.test"})
    CHECK(rewritten(*settings, same, now) == same);

  smtp::Transaction transaction;
  transaction.recipients = {
      {"ann@a.net", smtp::kNotifyFailure, ""}, {"ann@a.net", 0, "rfc822;list@x.test"}, {"ann@a.test", 0, ""}};
  const auto followed = follow(*settings, transaction, now);
  CHECK_FALSE(followed.expanded);
  CHECK(followed.branches.empty());
  const auto& recipients = followed.transaction.recipients;
  REQUIRE(recipients.size() == 3);
  for (const auto& recipient : recipients) CHECK(recipient.forward_path == "ann@a.test");
  CHECK(recipients[0].orcpt == "rfc822;ann@a.net");
  CHECK(recipients[0].notify == smtp::kNotifyFailure);
  CHECK(recipients[1].orcpt == "rfc822;list@x.test");
  CHECK(recipients[2].orcpt.empty());
}

TEST_CASE("what recipients in the queue lead to now takes their place", "[mta]") {
  const Site site;
  const auto settings = with_both(site);
  spool::Message message;
  message.envelope.reverse_path = "sender@far.test";
  message.envelope.trace_id = "trace";
  message.envelope.received = from_micros(7);
  std::vector<spool::Claim> claims(3);
  for (std::uint32_t i = 0; i < claims.size(); ++i) claims[i].ordinal = i + 4;
  claims[0].address = "ann@a.test";
  claims[1].address = "Ann@a.net";
  claims[1].notify = spool::kNotifyFailure;
  claims[2].address = "zoe@far.test";
  const auto found = replacement_of(*settings, message, claims, wall_now());
  CHECK(found.replaced == std::vector<std::uint32_t>{5});
  REQUIRE(found.messages.size() == 1);
  const auto& made = found.messages[0];
  CHECK(made.envelope.reverse_path == "sender@far.test");
  CHECK(made.envelope.trace_id == "trace");
  CHECK(made.envelope.received == from_micros(7));
  REQUIRE(made.recipients.size() == 1);
  CHECK(made.recipients[0].address == "Ann@a.test");
  CHECK(made.recipients[0].notify == spool::kNotifyFailure);
  CHECK(made.recipients[0].orcpt == "rfc822;Ann@a.net");
  claims.erase(claims.begin() + 1);
  CHECK(replacement_of(*settings, message, claims, wall_now()).messages.empty());
}

TEST_CASE("who is taken by another name", "[mta]") {
  const Site site;
  const auto settings = with_both(site);
  CHECK(answer(*settings, "ann@a.net") == "250 2.1.5");
  CHECK(answer(*settings, "nobody@a.net") == "550 5.1.1");
  CHECK(answer(*settings, *settings->srs->forward("zoe@far.test", wall_now())) == "250 2.1.5");
  CHECK(answer(*settings, "SRS0=AAAA=AA=far.test=zoe@a.test") == "550 5.1.1");
  CHECK(answer(*settings, "SRS0=AAAA=AA=far.test=zoe@else.test") == "550 5.7.1");
}

TEST_CASE("what a configuration may say of SRS", "[mta]") {
  const Site site;
  const auto faults = [&site](const std::string& srs) {
    const auto settings = load_settings(site.config("srs { " + srs + " }"));
    return settings ? 0 : settings.error().size();
  };
  CHECK(faults(R"(domain: "A.test" secret: "12345678" secret: "older one" max_age_days: 7 hash_length: 8)") == 0);
  CHECK(faults(R"(domain: "b.test" secret: "12345678")") == 1);
  CHECK(faults(R"(domain: "a.test")") == 1);
  CHECK(faults(R"(domain: "a.test" secret: "1234567" max_age_days: 1024 hash_length: 3)") == 3);
}
