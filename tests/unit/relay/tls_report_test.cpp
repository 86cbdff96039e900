// RFC 8460 sections 4.2 and 4.3.
#include "common/relay/tls_report.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::relay;
using State = DaneFinding::State;
using Kind = smtp::ClientError::Kind;

namespace {

Candidate plain() { return {"mx.b.example", *net::Address::parse("192.0.2.1:25"), TlsPolicy::kDane}; }

Candidate with_dane(State state) {
  auto host = plain();
  DaneFinding finding{.state = state, .dane = {}, .detail = "as the test says"};
  if (state == State::kUsable) finding.dane = {"mx.b.example", {}, {{3, 1, 1, "\xab\xcd"}}};
  host.dane = std::make_shared<const DaneFinding>(std::move(finding));
  return host;
}

Candidate with_sts(Sts sts) {
  auto host = plain();
  host.sts = sts;
  host.sts_finding.policy = std::make_shared<const sts::Policy>(
      sts::Policy{sts::Mode::kTesting, {"*.b.example"}, std::chrono::seconds(86400)});
  return host;
}

std::vector<std::string> lines(const google::protobuf::RepeatedPtrField<std::string>& text) {
  return {text.begin(), text.end()};
}

}  // namespace

TEST_CASE("the policy that a host had to follow", "[relay][tlsrpt]") {
  CHECK(reported_policy(plain(), "b.example").type() == "no-policy-found");
  CHECK(reported_policy(with_dane(State::kInsecure), "b.example").type() == "no-policy-found");
  const auto dane = reported_policy(with_dane(State::kUsable), "b.example");
  CHECK(dane.type() == "tlsa");
  CHECK(dane.domain() == "b.example");
  CHECK(lines(dane.text()) == std::vector<std::string>{"3 1 1 abcd"});
  CHECK(lines(dane.mx_host()) == std::vector<std::string>{"mx.b.example"});
  const auto sts = reported_policy(with_sts(Sts::kTesting), "b.example");
  CHECK(sts.type() == "sts");
  CHECK(lines(sts.text()) ==
        std::vector<std::string>{"version: STSv1", "mode: testing", "mx: *.b.example", "max_age: 86400"});
  CHECK(lines(sts.mx_host()) == std::vector<std::string>{"*.b.example"});
  auto both = with_sts(Sts::kTesting);
  both.dane = with_dane(State::kUsable).dane;
  CHECK(reported_policy(both, "b.example").type() == "tlsa");
}

TEST_CASE("how sessions fail", "[relay][tlsrpt]") {
  const auto type = [](std::optional<tls::Fault> fault, Kind kind = Kind::kTls) {
    return reported_failure(plain(), smtp::ClientError{kind, "detail", std::nullopt, fault}).result_type();
  };
  CHECK(type(std::nullopt) == "starttls-not-supported");
  CHECK(type(tls::Fault::kExpired) == "certificate-expired");
  CHECK(type(tls::Fault::kNameMismatch) == "certificate-host-mismatch");
  CHECK(type(tls::Fault::kUntrusted) == "certificate-not-trusted");
  CHECK(type(tls::Fault::kHandshake) == "validation-failure");
  for (const auto kind : {Kind::kNetwork, Kind::kProtocol, Kind::kRefused, Kind::kLogin})
    CHECK(type(std::nullopt, kind).empty());
  smtp::ClientError refused{Kind::kRefused, "STARTTLS: 454 later", std::nullopt};
  refused.starttls = true;
  CHECK(reported_failure(plain(), refused).result_type() == "starttls-not-supported");
  const auto failure = reported_failure(plain(), smtp::ClientError{Kind::kTls, "detail", std::nullopt});
  CHECK(failure.mx_host() == "mx.b.example");
  CHECK(failure.receiving_ip() == "192.0.2.1");
  CHECK(failure.reason() == "detail");
}

TEST_CASE("sessions that came about", "[relay][tlsrpt]") {
  const net::TlsInfo tls;
  CHECK(reported_failure(plain(), &tls).result_type().empty());
  CHECK(reported_failure(plain(), nullptr).result_type() == "starttls-not-supported");
  CHECK(reported_failure(with_dane(State::kUsable), &tls).result_type().empty());
  CHECK(reported_failure(with_dane(State::kUnusable), &tls).result_type() == "tlsa-invalid");
  CHECK(reported_failure(with_sts(Sts::kTesting), &tls).result_type().empty());
  CHECK(reported_failure(with_sts(Sts::kNone), &tls).result_type().empty());
}

TEST_CASE("policies that cannot be had, or do not name their hosts", "[relay][tlsrpt]") {
  using Failed = sts::Failure::Kind;
  CHECK(reported_policy_failure(plain()).result_type().empty());
  CHECK(reported_policy_failure(with_sts(Sts::kTesting)).result_type().empty());
  CHECK(reported_policy_failure(with_sts(Sts::kNone)).result_type() == "validation-failure");
  const auto [kind, type] = GENERATE(std::pair(Failed::kFetch, "sts-policy-fetch-error"),
                                     std::pair(Failed::kCertificate, "sts-webpki-invalid"),
                                     std::pair(Failed::kInvalid, "sts-policy-invalid"));
  auto host = plain();
  host.sts_finding.failure = std::make_shared<const sts::Failure>(sts::Failure{kind, "as the test says"});
  CHECK(reported_policy_failure(host).result_type() == type);
  CHECK(reported_policy_failure(host).reason() == "as the test says");
  CHECK(reported_policy(host, "b.example").type() == "sts");
  CHECK(reported_policy(host, "b.example").text().empty());
  // TLSA records come first.
  host.dane = with_dane(State::kUsable).dane;
  CHECK(reported_policy_failure(host).result_type().empty());
}

TEST_CASE("hosts that were refused", "[relay][tlsrpt]") {
  CHECK(reported_refusal(with_dane(State::kFailed), "x").result_type() == "dnssec-invalid");
  auto required = with_dane(State::kUnusable);
  required.tls = TlsPolicy::kDaneOnly;
  CHECK(reported_refusal(required, "x").result_type() == "dane-required");
  CHECK(reported_refusal(plain(), "the sender requires TLS").result_type().empty());
  CHECK(reported_refusal(with_sts(Sts::kRefused), "x").result_type() == "validation-failure");
}
