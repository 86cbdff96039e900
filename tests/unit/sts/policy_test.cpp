// RFC 8461 sections 3.1, 3.2 and 4.1.
#include "common/sts/policy.h"

#include <catch2/catch.hpp>

using namespace quartet::sts;
using Texts = std::vector<std::string>;

namespace {

const std::string kGood =
    "version: STSv1\r\nmode: enforce\r\nmx: mail.a.example\r\nmx: *.b.example\r\nmax_age: 604800\r\n";

}  // namespace

TEST_CASE("a policy", "[sts]") {
  const auto policy = parse_policy(kGood);
  REQUIRE(policy.has_value());
  CHECK(policy->mode == Mode::kEnforce);
  CHECK(policy->mx == Texts{"mail.a.example", "*.b.example"});
  CHECK(policy->max_age == std::chrono::seconds(604800));
  // Line ends, blanks and unknown fields are the writer's choice; of fields that come twice the first counts.
  CHECK(parse_policy("version:STSv1\nmode:  testing \nmx: MAIL.a.example\nmax_age: 1\nmode: enforce\nmax_age: 2\n"
                     "extension: x:y\n\n") == Policy{Mode::kTesting, {"mail.a.example"}, std::chrono::seconds(1)});
  CHECK(parse_policy("version: STSv1\nmode: none\nmax_age: 86400") ==
        Policy{Mode::kNone, {}, std::chrono::seconds(86400)});
}

TEST_CASE("what is no policy", "[sts]") {
  const auto bad = GENERATE(
      as<std::string>{}, "", "<html>", "mode: enforce\nmx: a.example\nmax_age: 1\n",
      "version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1\n", "version: STSv1\nmx: a.example\nmax_age: 1\n",
      "version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 1\n", "version: STSv1\nmode: enforce\nmax_age: 1\n",
      "version: STSv1\nmode: enforce\nmx: a.example\n", "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1\n",
      "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 31557601\n",
      "version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1\n",
      "version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", "version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1\n",
      "version: STSv1\nmode: enforce\nmx:\nmax_age: 1\n", "version: STSv1\nmode enforce\nmx: a.example\nmax_age: 1\n");
  INFO(bad);
  const auto policy = parse_policy(bad);
  REQUIRE_FALSE(policy.has_value());
  CHECK_FALSE(policy.error().empty());
}

TEST_CASE("the id is that of the only record", "[sts]") {
  CHECK(policy_id({"v=STSv1; id=20160831085700Z;"}) == "20160831085700Z");
  CHECK(policy_id({"v=spf1 -all", "v=STSv1;id=a"}) == "a");
  CHECK(policy_id({"v=STSv1 ; ext=1=2;  id=a ;"}) == "a");
  const Texts bad = {"",
                     "v=STSv1",
                     "v=STSv1;",
                     "v=STSv1; id=",
                     "v=STSv1; id=a b",
                     "v=STSv1; id=a-b",
                     "v=STSv1;; id=a",
                     "v=STSv1; id",
                     "v=STSv1; =a; id=a",
                     "v=STSv10; id=a",
                     "v=stsv1; id=a",
                     " v=STSv1; id=a",
                     "v=STSv1; id=" + std::string(33, 'a')};
  for (const auto& record : bad) {
    INFO(record);
    CHECK_FALSE(policy_id({record}).has_value());
  }
  CHECK_FALSE(policy_id({"v=STSv1; id=a", "v=STSv1; id=b"}).has_value());
  CHECK_FALSE(policy_id({}).has_value());
}

TEST_CASE("hosts of a policy", "[sts]") {
  const auto policy = *parse_policy(kGood);
  CHECK(allows(policy, "mail.a.example"));
  CHECK(allows(policy, "mx1.b.example"));
  CHECK_FALSE(allows(policy, "b.example"));
  CHECK_FALSE(allows(policy, "x.mx1.b.example"));
  CHECK_FALSE(allows(policy, ".b.example"));
  CHECK_FALSE(allows(policy, "mail.a.example.evil"));
  CHECK_FALSE(allows(policy, "other.a.example"));
  CHECK_FALSE(allows(policy, ""));
}
