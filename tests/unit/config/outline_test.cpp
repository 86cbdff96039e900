// Where fields stand in a text.
#include "common/config/outline.h"

#include <catch2/catch.hpp>

using namespace quartet::config;

namespace {

std::string_view piece(std::string_view text, const Written& field) {
  return text.substr(field.begin, field.end - field.begin);
}

}  // namespace

TEST_CASE("an outline has each field with its place", "[config]") {
  constexpr std::string_view kText =
      "# account { login: \"no\" }\n"
      "domain { name: \"a.test\" }  # } in a comment\n"
      "include: \"more\"\n"
      "account <\n  login: 'ann\\'s {@a.test'  quota_bytes: 10;\n  address: \"a\" # one\n    \"b\"\n  x: [1, "
      "\"]\"]\n>,\n"
      "postmaster: \"${WHO:-ann}\"\n"
      "number: -${N}.5e3";
  const auto fields = outline(kText);
  REQUIRE(fields);
  REQUIRE(fields->size() == 5);
  CHECK(piece(kText, (*fields)[0]) == "domain { name: \"a.test\" }");
  CHECK(kText[(*fields)[0].close] == '}');
  CHECK((*fields)[1].name == "include");
  CHECK((*fields)[1].close == 0);
  const auto& account = (*fields)[2];
  CHECK(kText.substr(account.end - 2, 2) == ">,");
  REQUIRE(account.fields.size() == 4);
  CHECK(piece(kText, account.fields[0]) == "login: 'ann\\'s {@a.test'");
  CHECK(piece(kText, account.fields[1]) == "quota_bytes: 10;");
  CHECK(piece(kText, account.fields[2]) == "address: \"a\" # one\n    \"b\"");
  CHECK(piece(kText, account.fields[3]) == "x: [1, \"]\"]");
  CHECK(piece(kText, (*fields)[3]) == "postmaster: \"${WHO:-ann}\"");
  CHECK(piece(kText, (*fields)[4]) == "number: -${N}.5e3");
  CHECK(outline("")->empty());
  CHECK(outline("  # nothing")->empty());
}

TEST_CASE("what has no outline", "[config]") {
  for (const auto* text : {"account {", "account }", "login", "login:", "login \"x\"", "login: \"x", "login: \"x\n\"",
                           "a: [1", "a: ${N", "{}", ": 1", "a: <", "a: \"\\"})
    CHECK_FALSE(outline(text));
  std::string deep;
  for (int n = 0; n < 100'000; ++n) deep += "a{";
  CHECK_FALSE(outline(deep));
}
