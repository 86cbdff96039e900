#include "common/service/grants.h"

#include <google/protobuf/text_format.h>

#include <catch2/catch.hpp>

using namespace quartet;
using control::Role;

namespace {

struct Read {
  std::vector<control::Grant> grants;
  std::vector<std::string> faults;  // "field[index]"

  explicit Read(const std::string& text) {
    config::v1::Control control;
    REQUIRE(google::protobuf::TextFormat::ParseFromString(text, &control));
    grants = service::grants(control, [this](const auto&, std::string_view field, const std::string&, int index) {
      faults.push_back(std::string(field) + (index < 0 ? "" : "[" + std::to_string(index) + "]"));
    });
  }
};

}  // namespace

TEST_CASE("roles are given to certificates, users and groups, by name or number", "[service]") {
  const Read read(R"(role { role: OPERATOR certificate: "ops.test" user: "root" user: "1234" group: "root" }
                     role { role: CONTENT_READER group: "77" })");
  CHECK(read.faults.empty());
  REQUIRE(read.grants.size() == 2);
  CHECK(read.grants[0].role == Role::kOperator);
  CHECK(read.grants[0].certificates == std::vector<std::string>{"ops.test"});
  CHECK(read.grants[0].users == std::vector<uid_t>{0, 1234});
  CHECK(read.grants[0].groups == std::vector<gid_t>{0});
  CHECK(read.grants[1].role == Role::kContentReader);
  CHECK(read.grants[1].groups == std::vector<gid_t>{77});
  CHECK(Read("").grants.empty());
}

TEST_CASE("a role that nobody has, none at all, and people who are not there", "[service]") {
  CHECK(Read("role { role: ADMIN }").faults == std::vector<std::string>{"role"});
  CHECK(Read(R"(role { user: "root" })").faults == std::vector<std::string>{"role"});
  CHECK(Read(R"(role { role: ADMIN user: "root" user: "no-such-user" group: "no-such-group" })").faults ==
        std::vector<std::string>{"user[1]", "group[0]"});
}
