#include "common/tlsrpt/tally.h"

#include <catch2/catch.hpp>

#include "common/tlsrpt/ledger.h"
#include "tests/support/temporary_directory.h"

using namespace quartet;
using namespace quartet::tlsrpt;
using Texts = std::vector<std::string>;

namespace {

v1::Policy policy(const std::string& domain, const std::string& type = "no-policy-found") {
  v1::Policy out;
  out.set_domain(domain);
  out.set_type(type);
  return out;
}

v1::FailureDetails failure(const std::string& type, const std::string& host = "mx.b.example") {
  v1::FailureDetails out;
  out.set_result_type(type);
  out.set_mx_host(host);
  return out;
}

v1::Period period(std::int64_t start) {
  v1::Period out;
  out.set_start(start);
  out.set_length(100);
  return out;
}

}  // namespace

TEST_CASE("sessions are counted by policy and kind of failure", "[tlsrpt]") {
  Tally tally(period(0));
  const auto expired = failure("certificate-expired"), other = failure("certificate-expired", "mx2.b.example");
  tally.add(policy("b.example"), nullptr);
  tally.add(policy("b.example"), &expired);
  tally.add(policy("b.example"), &expired);
  tally.add(policy("b.example"), &other);
  tally.add(policy("b.example", "sts"), nullptr);
  tally.add(policy("c.example"), nullptr);
  REQUIRE(tally.period().result_size() == 3);
  const auto& first = tally.period().result(0);
  CHECK(first.summary().successful() == 1);
  CHECK(first.summary().failed() == 3);
  REQUIRE(first.failure_details_size() == 2);
  CHECK(first.failure_details(0).sessions() == 2);
  CHECK(first.failure_details(1).sessions() == 1);
  CHECK(domains(tally.period()) == Texts{"b.example", "c.example"});
  auto rest = tally.period();
  forget(rest, "b.example");
  CHECK(domains(rest) == Texts{"c.example"});
}

TEST_CASE("kinds of failure are bounded, their number is not", "[tlsrpt]") {
  Tally tally(period(0));
  for (int i = 0; i < 150; ++i) {
    const auto kind = failure("validation-failure", "mx" + std::to_string(i));
    tally.add(policy("b.example"), &kind);
  }
  CHECK(tally.period().result(0).failure_details_size() == 100);
  CHECK(tally.period().result(0).summary().failed() == 150);
}

TEST_CASE("counts of two halves of a period are one", "[tlsrpt]") {
  const auto expired = failure("certificate-expired");
  Tally one(period(0)), two(period(0));
  for (auto* tally : {&one, &two}) {
    tally->add(policy("b.example"), nullptr);
    tally->add(policy("b.example"), &expired);
  }
  two.add(policy("c.example"), nullptr);
  Tally merged(one.period());
  merged.merge(two.period());
  REQUIRE(merged.period().result_size() == 2);
  CHECK(merged.period().result(0).summary().successful() == 2);
  CHECK(merged.period().result(0).failure_details(0).sessions() == 2);
}

TEST_CASE("periods on disk", "[tlsrpt]") {
  const test::TemporaryDirectory directory;
  const Ledger ledger(directory.path() / "reports");
  CHECK(ledger.load().empty());
  for (const auto start : {200, 100}) {
    Tally tally(period(start));
    tally.add(policy("b.example"), nullptr);
    REQUIRE(ledger.save(tally.period()));
    tally.add(policy("b.example"), nullptr);
    REQUIRE(ledger.save(tally.period()));
  }
  auto loaded = ledger.load();
  REQUIRE(loaded.size() == 2);
  CHECK(loaded[0].start() == 100);
  CHECK(loaded[1].result(0).summary().successful() == 2);
  std::filesystem::resize_file(directory.path() / "reports" / "200.period", 3);
  ledger.remove(100);
  CHECK(ledger.load().empty());
  CHECK_FALSE(Ledger("/proc/nowhere").save(loaded[0]));
}
