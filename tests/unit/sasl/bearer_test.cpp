// OAUTHBEARER (RFC 7628) and XOAUTH2.
#include <catch2/catch.hpp>

#include "common/base/encoding.h"
#include "common/sasl/exchange.h"

using namespace quartet;
using namespace quartet::sasl;

namespace {

const Means kMeans{.token_refusal = R"("schemes":"bearer")"};

Step say(const char* mechanism, const std::string& response) { return make_server(mechanism, kMeans)->step(response); }

/// With "^" for the separator.
std::string with_separators(std::string text) {
  for (char& c : text)
    if (c == '^') c = '\x01';
  return text;
}

}  // namespace

TEST_CASE("OAUTHBEARER takes a token and whom it is to be for (RFC 7628 section 4.1)", "[sasl]") {
  const auto claim =
      std::get<Claim>(say("OAUTHBEARER", with_separators("n,a=user@example.com,^host=server.example.com^port=143^auth="
                                                         "Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==^^")));
  CHECK(claim.user() == "user@example.com");
  CHECK(std::get<BearerToken>(claim.evidence).text == "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
  const auto nameless = std::get<Claim>(say("OAUTHBEARER", with_separators("n,,^auth=bearer a.b-c_d~e+f/g^^")));
  CHECK(nameless.user().empty());
  CHECK(std::get<Claim>(say("OAUTHBEARER", with_separators("y,a=a=2Cb=3Dc,^auth=Bearer x^^"))).user() == "a,b=c");
}

TEST_CASE("XOAUTH2 takes a token", "[sasl]") {
  const auto server = make_server("XOAUTH2", kMeans);
  CHECK(std::get<Challenge>(server->step(std::nullopt)).text.empty());
  const auto claim =
      std::get<Claim>(server->step(with_separators("user=someuser@example.com^auth=Bearer ya29.vF9dft4^^")));
  CHECK(claim.user() == "someuser@example.com");
  CHECK(claim.authentication == "someuser@example.com");
  CHECK(std::get<BearerToken>(claim.evidence).text == "ya29.vF9dft4");
}

TEST_CASE("malformed responses with tokens", "[sasl]") {
  for (const std::string bad : {"",
                                "^",
                                "^^",
                                "n,,",
                                "n,,^",
                                "n,,^^",
                                "n,,^auth=Bearer x",
                                "n,,^auth=Bearer x^",
                                "n,,^auth=Bearer x^^^",
                                "n,,^auth=Bearer x^^more",
                                "n,,auth=Bearer x^^",
                                "n,,^auth=Basic x^^",
                                "n,,^auth=Bearer ^^",
                                "n,,^auth=^auth=Bearer x^^",
                                "n,,^auth=Bearer =^^",
                                "n,,^auth=Bearer a b^^",
                                "n,,^auth=Bearer a^auth=Bearer b^^",
                                "n,,^=x^auth=Bearer x^^",
                                "n,,^key^auth=Bearer x^^",
                                "p=tls-exporter,,^auth=Bearer x^^",
                                "n,user,^auth=Bearer x^^",
                                "n,a=x=y,^auth=Bearer x^^",
                                "user=a^auth=Bearer x^^"})
    CHECK(std::holds_alternative<Malformed>(say("OAUTHBEARER", with_separators(bad))));
  for (const std::string bad : {"auth=Bearer x^^", "user=^auth=Bearer x^^", "user=a^^", "n,a=a,^auth=Bearer x^^",
                                "user=a^user=b^auth=Bearer x^^", "user=^user=b^auth=Bearer x^^"})
    CHECK(std::holds_alternative<Malformed>(say("XOAUTH2", with_separators(bad))));
  const auto long_token =
      "n,,\x01"
      "auth=Bearer " +
      std::string(kMostToken + 1, 'x') + "\x01\x01";
  CHECK(std::holds_alternative<Malformed>(say("OAUTHBEARER", long_token)));
}

TEST_CASE("a client whose token is refused is told why (RFC 7628 section 3.2.2)", "[sasl]") {
  struct Case {
    const char* mechanism;
    std::string response;
    std::string refusal;
  };
  const auto [mechanism, response, refusal] =
      GENERATE(Case{"OAUTHBEARER", "n,,^auth=Bearer x^^", R"({"status":"invalid_token","schemes":"bearer"})"},
               Case{"XOAUTH2", "user=a@b.c^auth=Bearer x^^", R"({"status":"400","schemes":"bearer"})"});
  Exchange exchange(make_server(mechanism, kMeans));
  REQUIRE(std::holds_alternative<Claim>(exchange.begin(base64_encode(with_separators(response)))));
  const auto last = exchange.refused();
  REQUIRE(last.has_value());
  CHECK(base64_decode(last->text) == refusal);
  CHECK_FALSE(Exchange(make_server("PLAIN")).refused().has_value());
}

TEST_CASE("a client may ask what token is wanted by showing none (RFC 7628 section 4.3)", "[sasl]") {
  const auto claim = std::get<Claim>(
      say("OAUTHBEARER", with_separators("n,a=user@example.com,^host=server.example.com^port=143^auth=^^")));
  CHECK(claim.user() == "user@example.com");
  CHECK(std::get<BearerToken>(claim.evidence).text.empty());
  CHECK(
      std::get<BearerToken>(std::get<Claim>(say("XOAUTH2", with_separators("user=a^auth=^^"))).evidence).text.empty());
}

TEST_CASE("tokens are taken where they can be checked, and within TLS", "[sasl]") {
  for (const auto& name : token_mechanisms()) {
    CHECK(make_server(name) == nullptr);
    CHECK(needs_tls(name));
  }
}
