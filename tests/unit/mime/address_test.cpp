#include "common/mime/address.h"

#include <catch2/catch.hpp>

using namespace quartet::mime;

namespace {
/// "name|route|local|domain" of each, groups as "{name" and "}".
std::vector<std::string> shown(std::string_view value) {
  std::vector<std::string> out;
  for (const Address& a : parse_addresses(value)) {
    if (a.kind == Address::Kind::kGroupStart) {
      out.push_back("{" + a.name);
    } else if (a.kind == Address::Kind::kGroupEnd) {
      out.emplace_back("}");
    } else {
      out.push_back(a.name + "|" + a.route + "|" + a.local + "|" + a.domain);
    }
  }
  return out;
}
using List = std::vector<std::string>;
}  // namespace

TEST_CASE("the address examples of RFC 5322 appendix A", "[mime]") {
  CHECK(shown("John Doe <jdoe@machine.example>") == List{"John Doe||jdoe|machine.example"});
  CHECK(shown(R"("Joe Q. Public" <john.q.public@example.com>)") == List{"Joe Q. Public||john.q.public|example.com"});
  CHECK(shown(R"(Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>)") ==
        List{"Mary Smith||mary|x.test", "||jdoe|example.org", "Who?||one|y.test"});
  CHECK(shown(R"(<boss@nil.test>, "Giant; \"Big\" Box" <sysservices@example.net>)") ==
        List{"||boss|nil.test", R"(Giant; "Big" Box||sysservices|example.net)"});
  CHECK(shown("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;") ==
        List{"{A Group", "Ed Jones||c|a.test", "||joe|where.test", "John||jdoe|one.test", "}"});
  CHECK(shown("Undisclosed recipients:;") == List{"{Undisclosed recipients", "}"});
  CHECK(shown("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>") == List{"Pete||pete|silly.test"});
  CHECK(shown("A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
              "         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)") ==
        List{"{A Group", "Chris Jones||c|public.example", "||joe|example.org", "John||jdoe|one.test", "}"});
  CHECK(shown("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;") == List{"{Hidden recipients", "}"});
  CHECK(shown("Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example") ==
        List{"Mary Smith|@node.test|mary|example.net", "||jdoe|test.example"});
}

TEST_CASE("addresses as the world writes them", "[mime]") {
  CHECK(shown("ann@a.test (Ann Doe)") == List{"Ann Doe||ann|a.test"});
  CHECK(shown("<>") == List{"|||"});
  CHECK(shown("MAILER-DAEMON") == List{"||MAILER-DAEMON|"});
  CHECK(shown("=?utf-8?q?Doe,_Ann?= <ann@a.test>") == List{"=?utf-8?q?Doe,_Ann?=||ann|a.test"});
  CHECK(shown("J\xC3\xBCrgen <j\xC3\xBCrgen@b\xC3\xBC"
              "cher.test>") == List{"J\xC3\xBCrgen||j\xC3\xBCrgen|b\xC3\xBC"
                                    "cher.test"});
  CHECK(shown("a@[192.0.2.1], b@[IPv6:2001:db8::1]") == List{"||a|[192.0.2.1]", "||b|[IPv6:2001:db8::1]"});
  CHECK(shown(R"("a b"@x.test)") == List{"||a b|x.test"});
  CHECK(shown("Ann <ann@a.test") == List{"Ann||ann|a.test"});
  CHECK(shown(" , ,").empty());
  CHECK(shown("a@x.test; b@x.test") == List{"||a|x.test", "||b|x.test"});  // as some programs separate
  CHECK(shown("open: a@x.test") == List{"{open", "||a|x.test", "}"});
}

TEST_CASE("hostile addresses cost linear time", "[mime]") {
  for (const std::string_view piece : {"=?x?q? ", "=?x?q?,", "=?x?q?", "<,", "<@", "(<"}) {
    std::string value = "a ";
    while (value.size() < 500'000) value += piece;
    INFO(piece);
    CHECK_FALSE(parse_addresses(value).empty());
    CHECK_FALSE(parse_addresses(value + ">").empty());
  }
}

TEST_CASE("at most so many addresses are taken", "[mime]") {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "a@x.test, ";
  CHECK(parse_addresses(many, 7).size() == 7);
  CHECK(parse_addresses(many).size() == 100);
}

TEST_CASE("addresses are written so that they read back", "[mime]") {
  CHECK(parse_addresses("\"a b\\\"c\"@x.test").front().address() == "\"a b\\\"c\"@x.test");
  CHECK(parse_addresses("a.b@x.test").front().address() == "a.b@x.test");
  CHECK(parse_addresses("\"a..b\"@x.test").front().address() == "\"a..b\"@x.test");
  CHECK(format_mailbox("", "a@x.test") == "a@x.test");
  CHECK(format_mailbox("Ann Doe", "a@x.test") == "Ann Doe <a@x.test>");
  CHECK(format_mailbox("Doe, Ann \"A\"", "a@x.test") == R"("Doe, Ann \"A\"" <a@x.test>)");
  CHECK(format_mailbox("J\xC3\xBCrgen", "a@x.test") == "=?utf-8?q?J=C3=BCrgen?= <a@x.test>");
}
