#include "common/oauth/claims.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::oauth;

namespace {

constexpr auto kNow = WallTime(std::chrono::seconds(1'000'000));

Rules rules() {
  Rules out;
  out.issuer = "https://id.test";
  out.audiences = {"mail", "imap"};
  out.account_claim = "email";
  return out;
}

bool good(const std::string& claims, const Rules& by = rules()) {
  const auto object = parse_object(claims);
  REQUIRE(object.has_value());
  const auto account = account_of(*object, by, kNow);
  if (account) CHECK(*account == "ann@a.test");
  return account.has_value();
}

/// Good claims with `more` of them.
std::string with(const std::string& more) {
  return R"({"iss":"https://id.test","aud":"mail","email":"ann@a.test")" + more + "}";
}

}  // namespace

TEST_CASE("times of a token (RFC 7519 sections 4.1.4 and 4.1.5)", "[oauth]") {
  CHECK(good(with(R"(,"exp":1000010)")));
  CHECK(good(with(R"(,"exp":1000000.5,"nbf":999999.5)")));
  CHECK(good(with(R"(,"exp":999941)")));  // clocks differ
  CHECK_FALSE(good(with(R"(,"exp":999940)")));
  CHECK_FALSE(good(with(R"(,"exp":0)")));
  CHECK_FALSE(good(with(R"(,"exp":-1)")));
  CHECK_FALSE(good(with(R"(,"exp":"1000010")")));
  CHECK_FALSE(good(with(R"(,"exp":null)")));
  CHECK_FALSE(good(with("")));
  CHECK(good(with(R"(,"exp":1e99,"nbf":1000060)")));
  CHECK_FALSE(good(with(R"(,"exp":1000100,"nbf":1000061)")));
  CHECK_FALSE(good(with(R"(,"exp":1000100,"nbf":"now")")));
  auto endless = rules();
  endless.needs_end = false;
  CHECK(good(with(""), endless));
  CHECK_FALSE(good(with(R"(,"exp":1)"), endless));
}

TEST_CASE("issuer and audience of a token (RFC 7519 sections 4.1.1 and 4.1.3)", "[oauth]") {
  const auto of = [](const std::string& issuer, const std::string& audience) {
    return R"({"exp":1000010,"email":"ann@a.test","iss":)" + issuer + R"(,"aud":)" + audience + "}";
  };
  CHECK(good(of(R"("https://id.test")", R"("imap")")));
  CHECK(good(of(R"("https://id.test")", R"(["web","imap"])")));
  CHECK_FALSE(good(of(R"("https://id.test/")", R"("imap")")));
  CHECK_FALSE(good(of(R"(["https://id.test"])", R"("imap")")));
  for (const std::string audience : {R"("web")", "[]", R"(["web"])", "1", "null", R"({"imap":1})", R"("imap mail")"})
    CHECK_FALSE(good(of(R"("https://id.test")", audience)));
  CHECK_FALSE(good(R"({"exp":1000010,"email":"ann@a.test","aud":"mail"})"));
  CHECK_FALSE(good(R"({"exp":1000010,"email":"ann@a.test","iss":"https://id.test"})"));
}

TEST_CASE("the scope that a token needs", "[oauth]") {
  auto by = rules();
  by.scope = "mail offline";
  CHECK(good(with(R"(,"exp":1000010,"scope":"offline openid mail")"), by));
  CHECK_FALSE(good(with(R"(,"exp":1000010,"scope":"offline mailbox")"), by));
  CHECK_FALSE(good(with(R"(,"exp":1000010)"), by));
}

TEST_CASE("whose a token is", "[oauth]") {
  CHECK_FALSE(good(R"({"iss":"https://id.test","aud":"mail","exp":1000010})"));
  CHECK_FALSE(good(R"({"iss":"https://id.test","aud":"mail","exp":1000010,"email":["ann@a.test"]})"));
  CHECK(good(with(R"(,"exp":1000010,"email_verified":true)")));
  CHECK(good(with(R"(,"exp":1000010,"email_verified":"true")")));
  CHECK_FALSE(good(with(R"(,"exp":1000010,"email_verified":false)")));
  CHECK_FALSE(good(with(R"(,"exp":1000010,"email_verified":"false")")));
  auto by = rules();
  by.account_claim = "upn";
  CHECK(good(with(R"(,"exp":1000010,"upn":"ann@a.test","email_verified":false)"), by));
  CHECK_FALSE(good(with(R"(,"exp":1000010)"), by));
}
