// What TLS a session must have: policies, and RFC 7672 section 2.
#include "common/relay/tls_choice.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::relay;

namespace {

using State = DaneFinding::State;

const TlsContexts& contexts() {
  static const TlsContexts made{*tls::ClientContext::make({.verify = false, .ca = {}, .certificate = {}, .key = {}}),
                                *tls::ClientContext::make({.verify = true, .ca = {}, .certificate = {}, .key = {}})};
  return made;
}

struct Chosen {
  std::string refused;  // status
  smtp::ClientOptions options;
};

Chosen choose(TlsPolicy policy, std::optional<State> state = std::nullopt, const std::string& name = "mx.test",
              Sts sts = Sts::kNone) {
  Candidate host{name, *net::Address::parse("192.0.2.1:25"), policy, nullptr, sts};
  if (state) {
    DaneFinding finding;
    finding.state = *state;
    finding.detail = "as the test says";
    if (*state == State::kUsable) finding.dane = {name, {}, {{3, 1, 1, std::string(32, 'x')}}};
    host.dane = std::make_shared<const DaneFinding>(std::move(finding));
  }
  Chosen out;
  const auto chosen = choose_tls(host, contexts(), out.options);
  if (!chosen) out.refused = chosen.error().enhanced;
  return out;
}

}  // namespace

TEST_CASE("policies without DANE", "[relay][tls]") {
  using smtp::StartTls;
  CHECK(choose(TlsPolicy::kNone).options.starttls == StartTls::kNever);
  CHECK(choose(TlsPolicy::kMay).options.starttls == StartTls::kIfOffered);
  CHECK(choose(TlsPolicy::kEncrypt).options.starttls == StartTls::kRequired);
  CHECK(choose(TlsPolicy::kEncrypt).options.tls == contexts().any);
  CHECK(choose(TlsPolicy::kVerify).options.starttls == StartTls::kRequired);
  CHECK(choose(TlsPolicy::kVerify).options.tls == contexts().verified);
  for (const auto policy : {TlsPolicy::kNone, TlsPolicy::kMay, TlsPolicy::kEncrypt, TlsPolicy::kVerify}) {
    CHECK(choose(policy, State::kUsable).options.dane == nullptr);
    CHECK(choose(policy, State::kFailed).refused.empty());
    CHECK(choose(policy).options.server_name == "mx.test");
  }
  CHECK(choose(TlsPolicy::kMay, std::nullopt, "[192.0.2.1]").options.server_name == "192.0.2.1");
}

TEST_CASE("opportunistic DANE falls back only where nothing is promised", "[relay][tls]") {
  using smtp::StartTls;
  for (const auto state : {State::kInsecure, State::kNone}) {
    const auto chosen = choose(TlsPolicy::kDane, state);
    CHECK(chosen.options.starttls == StartTls::kIfOffered);
    CHECK(chosen.options.tls == contexts().any);
    CHECK(chosen.options.dane == nullptr);
  }
  CHECK(choose(TlsPolicy::kDane).options.starttls == StartTls::kIfOffered);
  const auto unusable = choose(TlsPolicy::kDane, State::kUnusable);
  CHECK(unusable.options.starttls == StartTls::kRequired);
  CHECK(unusable.options.dane == nullptr);
  const auto usable = choose(TlsPolicy::kDane, State::kUsable);
  CHECK(usable.options.starttls == StartTls::kRequired);
  REQUIRE(usable.options.dane != nullptr);
  CHECK(usable.options.dane->base_domain == "mx.test");
  CHECK(choose(TlsPolicy::kDane, State::kFailed).refused == "4.7.5");
}

TEST_CASE("mandatory DANE never falls back", "[relay][tls]") {
  for (const auto state : {State::kInsecure, State::kNone, State::kUnusable, State::kFailed})
    CHECK(choose(TlsPolicy::kDaneOnly, state).refused == "4.7.5");
  CHECK(choose(TlsPolicy::kDaneOnly).refused == "4.7.5");
  const auto usable = choose(TlsPolicy::kDaneOnly, State::kUsable);
  CHECK(usable.refused.empty());
  CHECK(usable.options.starttls == smtp::StartTls::kRequired);
  CHECK(usable.options.dane != nullptr);
}

TEST_CASE("MTA-STS has a say where DANE has none", "[relay][tls]") {
  const auto policy = GENERATE(TlsPolicy::kMay, TlsPolicy::kDane);
  for (const auto sts : {Sts::kEnforce, Sts::kTesting}) {
    const auto chosen = choose(policy, State::kNone, "mx.test", sts);
    CHECK(chosen.options.starttls == smtp::StartTls::kRequired);
    CHECK(chosen.options.tls == contexts().verified);
  }
  CHECK(choose(policy, State::kNone, "mx.test", Sts::kRefused).refused == "4.7.5");
  CHECK(choose(TlsPolicy::kDane, State::kUnusable, "mx.test", Sts::kEnforce).options.tls == contexts().verified);
  // RFC 8461 section 2: it does not override DANE.
  CHECK(choose(TlsPolicy::kDane, State::kFailed, "mx.test", Sts::kEnforce).refused == "4.7.5");
  CHECK(choose(TlsPolicy::kDane, State::kUsable, "mx.test", Sts::kTesting).options.dane != nullptr);
  CHECK(choose(TlsPolicy::kEncrypt, std::nullopt, "mx.test", Sts::kRefused).refused.empty());
}

TEST_CASE("REQUIRETLS: a name that nobody forged, and a certificate for it (RFC 8689 section 4.2.1)", "[relay][tls]") {
  Candidate host{"mx.test", *net::Address::parse("192.0.2.1:25"), TlsPolicy::kDane};
  host.sender_tls = SenderTls::kRequired;
  smtp::ClientOptions options;
  const auto refused = [&] {
    options = {};
    const auto chosen = choose_tls(host, contexts(), options);
    return chosen ? std::string() : chosen.error().enhanced;
  };
  const auto finding = [&](State state) {
    DaneFinding found;
    found.state = state;
    if (state == State::kUsable) found.dane = {"mx.test", {}, {{3, 1, 1, std::string(32, 'x')}}};
    host.dane = std::make_shared<const DaneFinding>(std::move(found));
  };
  for (const auto state : {State::kInsecure, State::kNone, State::kUnusable}) {
    finding(state);
    CHECK(refused().empty());
    CHECK(options.starttls == smtp::StartTls::kRequired);
    CHECK(options.tls == contexts().verified);
    CHECK(options.dane == nullptr);
  }
  finding(State::kUsable);
  CHECK(refused().empty());
  CHECK(options.dane != nullptr);
  finding(State::kFailed);
  CHECK(refused() == "4.7.5");
  host.dane = nullptr;
  host.tls = TlsPolicy::kDaneOnly;
  CHECK(refused() == "5.7.10");
  host.tls = TlsPolicy::kVerify;
  CHECK(refused().empty());
  CHECK(options.tls == contexts().verified);
  host.proved_name = false;
  CHECK(refused() == "5.7.10");
  host.proved_name = true;
  host.sts = Sts::kRefused;
  CHECK(refused() == "5.7.10");
  host = {"/run/relay", *net::Address::parse("unix:/run/relay"), TlsPolicy::kNone};
  host.sender_tls = SenderTls::kRequired;
  CHECK(refused().empty());
  CHECK(options.starttls == smtp::StartTls::kNever);
}

TEST_CASE("what the sender wants of TLS changes a policy, but not what the operator demands", "[relay][tls]") {
  for (const auto policy : {TlsPolicy::kNone, TlsPolicy::kMay, TlsPolicy::kEncrypt, TlsPolicy::kDane})
    CHECK(adjusted(policy, SenderTls::kRequired) == TlsPolicy::kDane);
  CHECK(adjusted(TlsPolicy::kVerify, SenderTls::kRequired) == TlsPolicy::kVerify);
  CHECK(adjusted(TlsPolicy::kDaneOnly, SenderTls::kRequired) == TlsPolicy::kDaneOnly);
  CHECK(adjusted(TlsPolicy::kDane, SenderTls::kOptional) == TlsPolicy::kMay);
  for (const auto policy :
       {TlsPolicy::kNone, TlsPolicy::kMay, TlsPolicy::kEncrypt, TlsPolicy::kVerify, TlsPolicy::kDaneOnly})
    CHECK(adjusted(policy, SenderTls::kOptional) == policy);
  CHECK(adjusted(TlsPolicy::kDane, SenderTls::kUsual) == TlsPolicy::kDane);
}

TEST_CASE("a session's TLS in words", "[relay][tls]") {
  net::TlsInfo info;
  CHECK(describe_tls(nullptr) == "none");
  info.version = "TLSv1.2";
  CHECK(describe_tls(&info) == "TLSv1.2 unverified");
  info.version = "TLSv1.3";
  info.trust = net::Trust::kDaneEe;
  CHECK(describe_tls(&info) == "TLSv1.3 dane-ee");
}
