#include "common/oauth/token.h"

#include <catch2/catch.hpp>

#include <functional>

#include "tests/unit/oauth/signer.h"

using namespace quartet;
using namespace quartet::oauth;
using namespace quartet::oauth::test;

namespace {

constexpr const char* kClaims = R"({"iss":"https://id.test","email":"ann@a.test","exp":4102444800})";

Signature check(const std::string& token, const std::string& keys) {
  const auto parsed = parse_token(token);
  REQUIRE(parsed.has_value());
  const auto set = parse_key_set(keys);
  REQUIRE(set.has_value());
  return check_signature(*parsed, *set);
}

}  // namespace

TEST_CASE("a token is good by the key that has signed it", "[oauth]") {
  const std::string algorithm = GENERATE("RS256", "ES256", "EdDSA");
  const Signer signer(algorithm);
  const Signer other(algorithm, "two");
  const auto token = signer.token(kClaims);
  CHECK(text_of(parse_token(token)->claims, "email") == "ann@a.test");
  CHECK(check(token, key_set({signer.jwk()})) == Signature::kGood);
  CHECK(check(token, key_set({other.jwk(), signer.jwk()})) == Signature::kGood);
  CHECK(check(token, key_set({other.jwk()})) == Signature::kUnknownKey);
  // Another key under the same name.
  CHECK(check(token, key_set({Signer(algorithm).jwk()})) == Signature::kBad);
  // A token without a name of a key is checked by all of its kind.
  const auto nameless = signer.token(R"({"alg":")" + algorithm + R"("})", kClaims);
  CHECK(check(nameless, key_set({other.jwk(), signer.jwk()})) == Signature::kGood);
  CHECK(check(nameless, key_set({other.jwk()})) == Signature::kUnknownKey);
}

TEST_CASE("any octet that changes makes the signature wrong", "[oauth]") {
  const Signer signer(GENERATE(as<std::string>{}, "RS256", "ES256", "EdDSA"));
  const auto token = signer.token(kClaims);
  const auto parsed = *parse_token(token);
  const auto keys = *parse_key_set(key_set({signer.jwk()}));
  for (std::size_t n = 0; n < parsed.signed_text.size(); n += 7) {
    auto changed = parsed;
    changed.signed_text[n] ^= 1;
    CHECK(check_signature(changed, keys) == Signature::kBad);
  }
  for (std::size_t n = 0; n < parsed.signature.size(); n += 5) {
    auto changed = parsed;
    changed.signature[n] ^= 1;
    CHECK(check_signature(changed, keys) == Signature::kBad);
  }
  for (const std::string& signature : {std::string(), parsed.signature.substr(1), parsed.signature + "x",
                                       std::string(parsed.signature.size(), '\0')}) {
    auto changed = parsed;
    changed.signature = signature;
    CHECK(check_signature(changed, keys) == Signature::kBad);
  }
}

TEST_CASE("a token cannot choose how it is checked (RFC 8725 section 2.1)", "[oauth]") {
  const Signer rsa("RS256");
  const Signer curve("ES256");
  const auto keys = key_set({rsa.jwk(), curve.jwk()});
  const auto header = [](const std::string& algorithm) { return R"({"alg":")" + algorithm + R"(","kid":"one"})"; };
  const auto of = [&](const std::string& algorithm, const std::function<std::string(const std::string&)>& sign) {
    const auto text = base64url(header(algorithm)) + "." + base64url(kClaims);
    return text + "." + base64url(sign(text));
  };
  // Without a signature.
  for (const std::string algorithm : {"none", "None", "", "NONE"})
    CHECK(check(of(algorithm, [](const auto&) { return ""; }), keys) == Signature::kUnknownKey);
  // The public key as if it were a shared secret, in the forms in which it is public.
  for (const auto& secret : {rsa.jwk(), keys, rsa.number(OSSL_PKEY_PARAM_RSA_N)})
    CHECK(check(of("HS256", [&](const auto& text) { return crypto::hmac(crypto::Digest::kSha256, secret, text); }),
                keys) == Signature::kUnknownKey);
  // A good signature under another name.
  for (const std::string algorithm : {"RS512", "PS256", "HS256", "rs256"})
    CHECK(check(of(algorithm, [&](const auto& text) { return rsa.sign(text); }), keys) == Signature::kUnknownKey);
  CHECK(check(of("ES256", [&](const auto& text) { return rsa.sign(text); }), keys) == Signature::kBad);
  CHECK(check(of("RS256", [&](const auto& text) { return curve.sign(text); }), keys) == Signature::kBad);
}

TEST_CASE("the example of RFC 8037 appendix A.4", "[oauth]") {
  const auto keys =
      *parse_key_set(R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
  Token token;
  token.algorithm = "EdDSA";
  token.signed_text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  token.signature =
      *base64url_decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  CHECK(check_signature(token, keys) == Signature::kGood);
}

TEST_CASE("which keys of a set count", "[oauth]") {
  const Signer signer("RS256");
  const auto with = [&signer](const std::string& more) { return key_set({"{" + signer.members() + "," + more + "}"}); };
  CHECK(parse_key_set(with(R"("use":"sig","alg":"RS256")")).has_value());
  CHECK_FALSE(parse_key_set(with(R"("use":"enc")")).has_value());
  CHECK_FALSE(parse_key_set(with(R"("alg":"RS512")")).has_value());
  CHECK_FALSE(parse_key_set(key_set({Signer("RS256", "short", 1024).jwk()})).has_value());
  CHECK_FALSE(parse_key_set(key_set({R"({"kty":"oct","k":"c2VjcmV0"})"})).has_value());
  // A point that is not on the curve.
  const auto octets = base64url(std::string(32, 'x'));
  const auto point = R"({"kty":"EC","crv":"P-256","x":")" + octets + R"(","y":")" + octets + R"("})";
  CHECK_FALSE(parse_key_set(key_set({point})).has_value());
  // What is not understood is left out.
  const auto mixed = parse_key_set(key_set({R"("text")", point, R"({"kty":"EC","crv":"P-384"})", signer.jwk()}));
  REQUIRE(mixed.has_value());
  CHECK(mixed->size() == 1);
  for (const std::string none : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", "<html>"})
    CHECK_FALSE(parse_key_set(none).has_value());
}

TEST_CASE("what is no signed token", "[oauth]") {
  const Signer signer("EdDSA");
  const auto good = signer.token(kClaims);
  REQUIRE(parse_token(good).has_value());
  const auto header = base64url(signer.header());
  for (const auto& bad :
       {std::string(), std::string("."), std::string(".."), std::string("opaque"), good + ".x", good + ".x.y",
        good + "=", "=" + good, header + "." + base64url("[1]") + ".x", header + "." + base64url("text") + ".x",
        base64url("[]") + "." + base64url("{}") + ".eA", header + "+." + base64url("{}") + ".eA"})
    CHECK_FALSE(parse_token(bad).has_value());
  CHECK_FALSE(parse_token(signer.token(R"({"alg":"EdDSA","crit":["x"],"x":1})", kClaims)).has_value());
}
