#include "common/sasl/server.h"

#include <catch2/catch.hpp>

#include "common/base/encoding.h"

using namespace quartet::sasl;

TEST_CASE("PLAIN takes its response at once or after an empty challenge (RFC 4616)", "[sasl]") {
  const std::string response("admin\0tim\0tanstaaftanstaaf", 26);
  for (const bool initial : {true, false}) {
    const auto server = make_server("PLAIN");
    if (!initial) CHECK(std::get<Challenge>(server->step(std::nullopt)).text.empty());
    const auto claim = std::get<Claim>(server->step(response));
    CHECK(claim.authorization == "admin");
    CHECK(claim.user() == "admin");
    CHECK(claim.authentication == "tim");
    CHECK(std::get<Password>(claim.evidence).text == "tanstaaftanstaaf");
  }
}

TEST_CASE("PLAIN from the client's side", "[sasl]") {
  const auto claim = std::get<Claim>(make_server("PLAIN")->step(plain_response("tim", "tanstaaftanstaaf")));
  CHECK(claim.authorization.empty());
  CHECK(claim.user() == "tim");
  CHECK(std::get<Password>(claim.evidence).text == "tanstaaftanstaaf");
}

TEST_CASE("PLAIN refuses what is not three parts", "[sasl]") {
  for (const std::string& bad :
       {std::string(), std::string("tim"), std::string("\0tim", 4), std::string("\0\0x", 3), std::string("\0tim\0", 5),
        std::string("\0tim\0x\0", 7), std::string("\0", 1) + std::string(1000, 'a') + std::string("\0x", 2)}) {
    CHECK(std::holds_alternative<Malformed>(make_server("PLAIN")->step(bad)));
  }
}

TEST_CASE("LOGIN asks for name and password", "[sasl]") {
  for (const bool initial : {true, false}) {
    const auto server = make_server("LOGIN");
    if (!initial) CHECK(std::get<Challenge>(server->step(std::nullopt)).text == "Username:");
    CHECK(std::get<Challenge>(server->step("tim")).text == "Password:");
    const auto claim = std::get<Claim>(server->step("secret"));
    CHECK(claim.authentication == "tim");
    CHECK(std::get<Password>(claim.evidence).text == "secret");
  }
}

TEST_CASE("CRAM-MD5 proves a password without showing it (RFC 2195)", "[sasl]") {
  // The RFC's own example.
  CramMd5Proof proof{"<1896.697170952@postoffice.reston.mci.net>",
                     *quartet::hex_decode("b913a602c7eda7a495b4e6e7334d3890")};
  CHECK(proves(proof, "tanstaaftanstaaf"));
  CHECK_FALSE(proves(proof, "tanstaaftanstaag"));
  proof.digest.pop_back();
  CHECK_FALSE(proves(proof, "tanstaaftanstaaf"));

  const auto server = make_server("CRAM-MD5");
  const auto challenge = std::get<Challenge>(server->step(std::nullopt)).text;
  CHECK(challenge.starts_with("<"));
  CHECK(challenge != std::get<Challenge>(make_server("CRAM-MD5")->step(std::nullopt)).text);
  const auto taken = std::get<Claim>(server->step("a name b913a602c7eda7a495b4e6e7334d3890"));
  CHECK(taken.authentication == "a name");
  CHECK(std::get<CramMd5Proof>(taken.evidence).challenge == challenge);
  CHECK(std::holds_alternative<Malformed>(make_server("CRAM-MD5")->step("initial")));
  for (const std::string bad : {"", "tim", "tim xyz", "tim b913", " b913a602c7eda7a495b4e6e7334d3890"}) {
    const auto other = make_server("CRAM-MD5");
    other->step(std::nullopt);
    CHECK(std::holds_alternative<Malformed>(other->step(bad)));
  }
}

TEST_CASE("EXTERNAL is for whom the certificate names (RFC 4422 appendix A)", "[sasl]") {
  const Means means{.certificate = {"ann@a.test", "sales@a.test"}};
  for (const bool initial : {true, false}) {
    const auto server = make_server("EXTERNAL", means);
    if (!initial) CHECK(std::get<Challenge>(server->step(std::nullopt)).text.empty());
    const auto claim = std::get<Claim>(server->step(""));
    CHECK(claim.user() == "ann@a.test");
    CHECK(std::get<Verdict>(claim.evidence) == Verdict::kProven);
  }
  const auto chosen = std::get<Claim>(make_server("EXTERNAL", means)->step("Sales@a.test"));
  CHECK(chosen.authorization == "Sales@a.test");
  CHECK(chosen.authentication == "sales@a.test");
  // Whether the two are one account, the agent finds out.
  const auto other = std::get<Claim>(make_server("EXTERNAL", means)->step("tom@a.test"));
  CHECK(other.authorization == "tom@a.test");
  CHECK(other.authentication == "ann@a.test");
  for (const auto& bad : {std::string("ann\0", 4), std::string(kMostOctets + 1, 'a')})
    CHECK(std::holds_alternative<Malformed>(make_server("EXTERNAL", means)->step(bad)));
  CHECK(make_server("EXTERNAL") == nullptr);
}

TEST_CASE("other mechanisms are not there", "[sasl]") {
  CHECK(make_server("DIGEST-MD5") == nullptr);
  for (const auto& name : password_mechanisms()) CHECK(make_server(name) != nullptr);
}
