// RFC 8460 sections 4.4 and 5.
#include "common/tlsrpt/report.h"

#include <catch2/catch.hpp>

#include "common/mime/header.h"
#include "common/tlsrpt/tally.h"

using namespace quartet;
using namespace quartet::tlsrpt;

namespace {

const Author kAuthor{"mta.a.example", "A", "postmaster@a.example", "reports@a.example"};

v1::Period day() {
  v1::Period period;
  period.set_start(1'700'006'400);  // 2023-11-15T00:00:00Z
  period.set_length(86'400);
  Tally tally(period);
  v1::Policy policy;
  policy.set_type("sts");
  policy.set_domain("b.example");
  policy.add_text("version: STSv1");
  policy.add_mx_host("*.b.example");
  v1::FailureDetails failure;
  failure.set_result_type("certificate-expired");
  failure.set_mx_host("mx.b.example");
  tally.add(policy, &failure);
  policy.set_domain("c.example");
  tally.add(policy, nullptr);
  return tally.period();
}

}  // namespace

TEST_CASE("a report is about one domain, in the words of the RFC", "[tlsrpt]") {
  const auto report = make_report(kAuthor, day(), "b.example");
  CHECK(
      to_json(report) ==
      R"({"organization-name":"A","date-range":{"start-datetime":"2023-11-15T00:00:00Z","end-datetime":"2023-11-15T23:59:59Z"},)"
      R"("contact-info":"postmaster@a.example","report-id":"1700006400_b.example@mta.a.example",)"
      R"("policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1"],"policy-domain":"b.example",)"
      R"("mx-host":["*.b.example"]},"summary":{"total-successful-session-count":0,"total-failure-session-count":1},)"
      R"("failure-details":[{"result-type":"certificate-expired","receiving-mx-hostname":"mx.b.example",)"
      R"("failed-session-count":1}]}]})");
  CHECK(compressed(report).starts_with("\x1f\x8b"));
}

TEST_CASE("the letter that brings it", "[tlsrpt]") {
  const auto period = day();
  const auto report = make_report(kAuthor, period, "b.example");
  const auto letter = make_letter(kAuthor, period, report, "bytes", "tls@b.example", from_micros(0));
  REQUIRE(letter.has_value());
  const mime::Header header(*letter);
  CHECK(header.text("TLS-Report-Domain") == "b.example");
  CHECK(header.text("TLS-Report-Submitter") == "a.example");
  CHECK(header.text("TLS-Required") == "No");
  CHECK(header.text("To") == "tls@b.example");
  CHECK(header.text("Subject") ==
        "Report Domain: b.example Submitter: a.example Report-ID: <1700006400_b.example@mta.a.example>");
  CHECK(header.text("Content-Type").starts_with("multipart/report; report-type=tlsrpt; boundary="));
  CHECK(letter->contains("Content-Type: application/tlsrpt+gzip\r\n"));
  CHECK(letter->contains("a.example!b.example!1700006400!1700092799.json.gz"));
}
