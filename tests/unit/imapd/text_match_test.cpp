// Texts compared by i;unicode-casemap (RFC 5051), and SEARCH by it (RFC 5255 section 4: I18NLEVEL=1).
#include "imapd/text_match.h"

#include <catch2/catch.hpp>

#include "tests/unit/imapd/harness.h"

using namespace quartet;
using namespace quartet::imapd;
using namespace quartet::imapd::test;

namespace {

bool contains(std::string_view text, std::string_view needle) { return Needle(needle).in(text); }

}  // namespace

TEST_CASE("what a text contains", "[text]") {
  CHECK(contains("Gr\u00fc\u00dfe aus K\u00f6ln", "K\u00d6LN"));
  CHECK(contains("caf\u00e9", "CAFE\u0301"));
  CHECK(contains("caf\u00e9", "cafe"));
  CHECK_FALSE(contains("cafe", "caf\u00e9"));
  CHECK(contains("\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", "\u041c\u0418\u0420"));
  CHECK(contains("\u7b2c\u4e09\u6b21\u4f1a\u8bae", "\u4f1a\u8bae"));
  CHECK_FALSE(contains("\u7b2c\u4e09\u6b21\u4f1a\u8bae", "\u4e09\u4f1a"));
}

TEST_CASE("SEARCH without regard to case and marks", "[imapd]") {
  Server server;
  server.run_in([](Client& client, Server& here) -> async::Task<void> {
    co_await here.deliver(
        "From: =?utf-8?q?J=C3=B6rg?= <j@x>\r\nSubject: =?utf-8?b?0J/RgNC40LLQtdGC?=\r\nContent-Type: text/plain; "
        "charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nEin Caf=E9 in K=F6ln\r\n");
    const auto capability = co_await client.say("CAPABILITY");
    CHECK(capability.front().contains(" I18NLEVEL=1"));
    co_await client.say("SELECT INBOX");
    for (const std::string key :
         {"FROM \"J\u00d6RG\"", "FROM jo", "SUBJECT \"\u041f\u0420\u0418\u0412\u0415\u0422\"", "BODY \"CAF\u00c9\"",
          "BODY cafe", "TEXT \"k\u00f6LN\"", "TEXT \"\u043f\u0440\u0438\""}) {
      INFO(key);
      const auto words = key.find(' ') + 1;
      auto text = key.substr(words);
      if (text.front() == '"') text = text.substr(1, text.size() - 2);
      const auto command = key.substr(0, words) + "{" + std::to_string(text.size()) + "+}\r\n" + text;
      const auto found = co_await client.say("SEARCH CHARSET UTF-8 " + command);
      CHECK(found.front() == "* SEARCH 1");
    }
    const auto none = co_await client.say("SEARCH CHARSET UTF-8 BODY {5+}\r\nk\u00f3ln");
    CHECK(none.front() == "* SEARCH");
  });
}
