// SCRAM by the examples of RFC 5802 section 5 and RFC 7677 section 3, and what must not be believed.
#include "common/sasl/scram.h"

#include <catch2/catch.hpp>

#include "common/base/encoding.h"
#include "common/sasl/scram_client.h"
#include "common/sasl/server.h"

using namespace quartet;
using namespace quartet::sasl;
using crypto::Digest;

namespace {

Verifiers of(const std::string& password) {
  return [password](Digest digest, std::string_view) {
    return make_scram_verifier(digest, password, "0123456789abcdef", 4096).value();
  };
}

std::string channel(std::string_view type) { return type == "tls-exporter" ? "what both ends know" : ""; }

/// What the server makes of a client; the challenge in between must be answered, and its last one believed.
Step converse(Server& server, ScramClient& client) {
  const auto challenge = server.step(client.first());
  if (!std::holds_alternative<Challenge>(challenge)) return challenge;
  const auto response = client.respond(std::get<Challenge>(challenge).text);
  REQUIRE(response.has_value());
  auto last = server.step(*response);
  // The server shows what it knows once the claim is believed, not before.
  const auto* const claim = std::get_if<Claim>(&last);
  if (claim != nullptr && std::get<Verdict>(claim->evidence) == Verdict::kProven)
    CHECK(client.believes(server.accepted().value().text));
  return last;
}

bool proven(const Step& step) {
  const auto* const claim = std::get_if<Claim>(&step);
  return claim != nullptr && std::get<Verdict>(claim->evidence) == Verdict::kProven;
}
bool disproven(const Step& step) {
  const auto* const claim = std::get_if<Claim>(&step);
  return claim != nullptr && std::get<Verdict>(claim->evidence) == Verdict::kDisproven;
}
bool malformed(const Step& step) { return std::holds_alternative<Malformed>(step); }

struct Example {
  Digest digest;
  std::string nonce, server_first, client_final, server_final;
};

const Example kExamples[] = {
    {Digest::kSha1, "fyko+d2lbbFgONRv9qkxdawL",
     "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {Digest::kSha256, "rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}};

}  // namespace

TEST_CASE("the client's side by the RFCs' examples", "[sasl]") {
  for (const auto& example : kExamples) {
    ScramClient client(example.digest, "user", "pencil", {}, example.nonce);
    CHECK(client.first() == "n,,n=user,r=" + example.nonce);
    CHECK_FALSE(client.believes(example.server_final));
    CHECK(client.respond(example.server_first) == example.client_final);
    CHECK(client.believes(example.server_final));
    CHECK_FALSE(client.believes("v=" + base64_encode("no")));
    CHECK_FALSE(client.believes("e=invalid-proof"));
  }
}

TEST_CASE("a client does not answer what no SCRAM server says", "[sasl]") {
  const std::string good = "r=abcdef,s=QSXCR+Q6sek8bf92,i=4096";
  CHECK(ScramClient(Digest::kSha256, "u", "p", {}, "abc").respond(good).has_value());
  for (const std::string bad :
       {"", "r=abcdef", "r=abc,s=QSXCR+Q6sek8bf92,i=4096", "r=xbcdef,s=QSXCR+Q6sek8bf92,i=4096", "r=abcdef,s=,i=4096",
        "r=abcdef,s=!,i=4096", "r=abcdef,s=QSXCR+Q6sek8bf92,i=0", "r=abcdef,s=QSXCR+Q6sek8bf92,i=4x",
        "r=abcdef,s=QSXCR+Q6sek8bf92,i=4000000000", "m=x,r=abcdef,s=QQ==,i=1"}) {
    INFO(bad);
    CHECK_FALSE(ScramClient(Digest::kSha256, "u", "p", {}, "abc").respond(bad).has_value());
  }
}

TEST_CASE("client and server agree, with and without a channel to bind to", "[sasl]") {
  for (const std::string name : {"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"}) {
    INFO(name);
    const auto digest = name.contains("256") ? Digest::kSha256 : Digest::kSha1;
    const auto bound = needs_tls(name) ? BoundChannel{"tls-exporter", channel("tls-exporter")} : BoundChannel{};
    auto server = make_server(name, {of("pencil"), channel});
    CHECK(std::get<Challenge>(server->step(std::nullopt)).text.empty());
    ScramClient client(digest, "a,b=c", "pencil", bound, "abc");
    const auto end = converse(*server, client);
    CHECK(proven(end));
    CHECK(std::get<Claim>(end).authentication == "a,b=c");
    server = make_server(name, {of("pencil"), channel});
    ScramClient guessing(digest, "a,b=c", "pencils", bound, "abc");
    CHECK(disproven(converse(*server, guessing)));
  }
}

TEST_CASE("a client that could have bound says so (RFC 5802 section 6)", "[sasl]") {
  const BoundChannel missed{.type = {}, .octets = {}, .not_offered = true};
  ScramClient client(Digest::kSha256, "user", "pencil", missed, "abc");
  CHECK(client.first() == "y,,n=user,r=abc");
  // The server did offer it.
  CHECK(std::holds_alternative<Malformed>(make_server("SCRAM-SHA-256", {of("pencil"), channel})->step(client.first())));
  auto server = make_server("SCRAM-SHA-256", {of("pencil")});
  CHECK(std::get<Challenge>(server->step(std::nullopt)).text.empty());
  CHECK(proven(converse(*server, client)));
}

TEST_CASE("passwords are the same on both sides whatever form they are typed in (RFC 4013)", "[sasl]") {
  CHECK(prepare("I\u00ADX") == "IX");
  CHECK(prepare("\u00AA") == "a");
  CHECK(prepare("\u2168") == "IX");
  CHECK(prepare("user") == "user");
  CHECK(prepare("") == "");
  CHECK_FALSE(prepare("\u0007").has_value());
  CHECK_FALSE(prepare("\u0627\u0031").has_value());
  CHECK_FALSE(prepare("\xff").has_value());
  const auto server = make_server("SCRAM-SHA-256", {of("\u2168")});
  ScramClient client(Digest::kSha256, "u", "I\u00ADX", {}, "abc");
  CHECK(proven(converse(*server, client)));
}

TEST_CASE("who stands between client and server is found out", "[sasl]") {
  // Two TLS connections, one on each side of somebody.
  auto server = make_server("SCRAM-SHA-256-PLUS", {of("pencil"), channel});
  ScramClient other(Digest::kSha256, "u", "pencil", {"tls-exporter", "another channel"}, "abc");
  CHECK(disproven(converse(*server, other)));
  // A client that was not told of -PLUS, although it is offered.
  CHECK(malformed(make_server("SCRAM-SHA-256", {of("pencil"), channel})->step("y,,n=u,r=abc")));
  CHECK_FALSE(malformed(make_server("SCRAM-SHA-256", {of("pencil")})->step("y,,n=u,r=abc")));
  CHECK_FALSE(malformed(make_server("SCRAM-SHA-256", {of("pencil"), channel})->step("n,,n=u,r=abc")));
  // A binding that is not there, and one under the name without -PLUS.
  CHECK(malformed(make_server("SCRAM-SHA-256-PLUS", {of("pencil"), channel})->step("p=tls-unique,,n=u,r=abc")));
  CHECK(malformed(make_server("SCRAM-SHA-256-PLUS", {of("pencil"), channel})->step("n,,n=u,r=abc")));
  CHECK(malformed(make_server("SCRAM-SHA-256", {of("pencil"), channel})->step("p=tls-exporter,,n=u,r=abc")));
}

TEST_CASE("what is no SCRAM message is refused", "[sasl]") {
  for (const std::string bad :
       {"", "n", "n,", "n,,", "x,,n=u,r=abc", "n,b=x,n=u,r=abc", "n,x=y,n=u,r=abc", "n,a==41,n=u,r=abc",
        "n,,m=x,n=u,r=abc", "n,,n=,r=abc", "n,,n=u", "n,,n=u,r=", "n,,n=u=2,r=abc", "n,,n=u,r=a\tb", "n,,r=abc,n=u"}) {
    INFO(bad);
    CHECK(malformed(make_server("SCRAM-SHA-256", {of("pencil")})->step(bad)));
  }
  for (const std::string bad : {"", "c=biws", "c=biws,r=x", "r=x,c=biws,p=AA==", "c=biws,p=AA==", "c=biws,r=x,p=AA==",
                                "c=!,r=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="}) {
    INFO(bad);
    const auto server = make_server("SCRAM-SHA-256", {of("pencil")});
    server->step("n,,n=u,r=abc");
    CHECK(malformed(server->step(bad)));
  }
  // A nonce of another exchange.
  const auto server = make_server("SCRAM-SHA-256", {of("pencil")});
  server->step("n,,n=u,r=abc");
  CHECK(disproven(server->step("c=biws,r=abcd,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")));
}

TEST_CASE("the authorization identity comes along", "[sasl]") {
  const auto server = make_server("SCRAM-SHA-256", {of("pencil")});
  server->step("n,a=boss=2C,n=u,r=abc");
  const auto claim = std::get<Claim>(server->step("c=biws,r=abcd,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
  CHECK(claim.authorization == "boss,");
  CHECK(claim.authentication == "u");
}

TEST_CASE("an authorization identity that is there but empty is none", "[sasl]") {
  const auto server = make_server("SCRAM-SHA-256", {of("pencil")});
  CHECK_FALSE(malformed(server->step("n,a=,n=u,r=abc")));
  const auto claim = std::get<Claim>(server->step("c=biws,r=abcd,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
  CHECK(claim.authorization.empty());
}

TEST_CASE("mechanisms without what they need are not there", "[sasl]") {
  CHECK(make_server("SCRAM-SHA-256") == nullptr);
  CHECK(make_server("SCRAM-SHA-256-PLUS", {of("pencil")}) == nullptr);
  CHECK(make_server("SCRAM-SHA-512", {of("pencil"), channel}) == nullptr);
  CHECK(make_server("SCRAM-SHA-256-PLUS-PLUS", {of("pencil"), channel}) == nullptr);
}

TEST_CASE("verifiers in the form of RFC 5803", "[sasl]") {
  const std::string text =
      "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=";
  const auto verifier = parse_scram_verifier(text);
  REQUIRE(verifier.has_value());
  CHECK(to_string(*verifier) == text);
  CHECK(make_scram_verifier(Digest::kSha1, "pencil", *base64_decode("QSXCR+Q6sek8bf92"), 4096) == verifier);
  CHECK(fits(*verifier, "pencil"));
  CHECK_FALSE(fits(*verifier, "pencils"));
  CHECK_FALSE(fits(*verifier, "\xff"));
  CHECK_FALSE(make_scram_verifier(Digest::kSha1, "", "salt", 4096).has_value());
  for (const std::string bad :
       {"", "SCRAM-SHA-1", "SCRAM-SHA-1$0:QQ==$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-1$4096:$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-256$4096:QQ==$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-2$4096:QQ==$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        "SCRAM-SHA-1$99999999:QQ==$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE="}) {
    INFO(bad);
    CHECK_FALSE(parse_scram_verifier(bad).has_value());
  }
}
