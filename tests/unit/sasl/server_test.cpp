#include "common/sasl/server.h"

#include <catch2/catch.hpp>

using namespace quartet::sasl;

TEST_CASE("PLAIN takes its response at once or after an empty challenge (RFC 4616)", "[sasl]") {
  const std::string response("admin\0tim\0tanstaaftanstaaf", 26);
  for (const bool initial : {true, false}) {
    const auto server = make_server("PLAIN");
    if (!initial) CHECK(std::get<Challenge>(server->step(std::nullopt)).text.empty());
    const auto credentials = std::get<Credentials>(server->step(response));
    CHECK(credentials.authorization == "admin");
    CHECK(credentials.authentication == "tim");
    CHECK(credentials.password == "tanstaaftanstaaf");
    CHECK(plain_response(credentials) == response);
  }
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
    const auto credentials = std::get<Credentials>(server->step("secret"));
    CHECK(credentials.authentication == "tim");
    CHECK(credentials.password == "secret");
  }
}

TEST_CASE("other mechanisms are not there", "[sasl]") {
  CHECK(make_server("CRAM-MD5") == nullptr);
  for (const auto& name : server_mechanisms()) CHECK(make_server(name) != nullptr);
}
