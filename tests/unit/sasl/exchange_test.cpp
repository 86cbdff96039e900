#include "common/sasl/exchange.h"

#include <catch2/catch.hpp>

#include "common/base/encoding.h"

using namespace quartet;
using namespace quartet::sasl;

TEST_CASE("an exchange is lines of base64", "[sasl]") {
  Exchange exchange(make_server("LOGIN"));
  CHECK(std::get<Challenge>(exchange.begin(std::nullopt)).text == base64_encode("Username:"));
  CHECK(std::get<Challenge>(exchange.on_line(base64_encode("tim"))).text == base64_encode("Password:"));
  CHECK(std::get<Claim>(exchange.on_line(base64_encode("secret"))).authentication == "tim");
}

TEST_CASE("an initial response comes with the command, and may be empty (RFC 4954 section 4)", "[sasl]") {
  const auto response = base64_encode(plain_response("tim", "secret"));
  CHECK(std::get<Claim>(Exchange(make_server("PLAIN")).begin(response)).authentication == "tim");
  // LOGIN with "=" has given an empty name; without a response it asks for one.
  CHECK(std::holds_alternative<Malformed>(Exchange(make_server("LOGIN")).begin("=")));
  CHECK(std::holds_alternative<Malformed>(Exchange(make_server("LOGIN")).begin("")));
  CHECK(std::holds_alternative<Malformed>(Exchange(make_server("PLAIN")).begin("!")));
}

TEST_CASE("a client may cancel, and must not send what is not base64", "[sasl]") {
  for (const std::string bad : {"!", "AAA", "A A="}) {
    Exchange exchange(make_server("PLAIN"));
    exchange.begin(std::nullopt);
    CHECK(std::holds_alternative<Malformed>(exchange.on_line(bad)));
  }
  Exchange exchange(make_server("PLAIN"));
  exchange.begin(std::nullopt);
  CHECK(std::holds_alternative<Exchange::Cancelled>(exchange.on_line("*")));
}
