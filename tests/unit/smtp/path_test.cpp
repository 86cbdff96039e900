#include "common/smtp/path.h"

#include <catch2/catch.hpp>

using namespace quartet::smtp;

namespace {

const Offered kAll{.auth = true, .trace = true};

/// The reply's code, 250 if the parser agrees.
int mail_code(std::string_view argument, const Offered& offered = kAll) {
  const auto parsed = parse_mail(argument, offered);
  return parsed ? 250 : parsed.error().code;
}
int rcpt_code(std::string_view argument, const Offered& offered = kAll) {
  const auto parsed = parse_rcpt(argument, offered);
  return parsed ? 250 : parsed.error().code;
}
std::string reverse_path(std::string_view argument) {
  const auto parsed = parse_mail(argument, kAll);
  return parsed ? parsed->reverse_path : "refused";
}
std::string forward_path(std::string_view argument) {
  const auto parsed = parse_rcpt(argument, kAll);
  return parsed ? parsed->forward_path : "refused";
}

}  // namespace

TEST_CASE("paths (RFC 5321 section 4.1.2)", "[smtp]") {
  CHECK(reverse_path("FROM:<a@b.test>") == "a@b.test");
  CHECK(reverse_path("from:<>") == "");
  CHECK(reverse_path("FROM: <a@b.test>") == "a@b.test");
  CHECK(forward_path("TO:<\"a b\"@b.test>") == "\"a b\"@b.test");
  CHECK(forward_path("TO:<\"a>\\\"b@c\"@b.test> NOTIFY=NEVER") == "\"a>\\\"b@c\"@b.test");
  CHECK(forward_path("TO:<Postmaster>") == "Postmaster");
  CHECK(reverse_path("FROM:<postmaster>") == "refused");
  for (const char* bad : {"",
                          "FROM",
                          "FROM:",
                          "FROM:a@b.test",
                          "FROM:<a@b.test",
                          "FROM:a@b.test>",
                          "FROM:<a@b.test>x",
                          "FROM:<a@b.test>SIZE=1",
                          "FROM:<a>",
                          "FROM:<@b.test>",
                          "FROM:<a@>",
                          "FROM:<a b@c.test>",
                          "FROM:<a@b@c.test>",
                          "FROM:<.a@b.test>",
                          "FROM:<a.@b.test>",
                          "FROM:<a..b@c.test>",
                          "FROM:<\"a@b.test>",
                          "FROM:<\"a\"b@c.test>",
                          "FROM:<a@b..test>",
                          "FROM:<a@-b.test>",
                          "FROM:<a@b-.test>",
                          "FROM:<a@b.test.>",
                          "FROM:<<a@b.test>>",
                          "TO:<a@b.test>",
                          "FROM:<a\x01@b.test>",
                          "FROM:<a@b\x7f.test>"}) {
    INFO(bad);
    CHECK(mail_code(bad) >= 500);
  }
  CHECK(rcpt_code("TO:<>") == 501);
}

TEST_CASE("sizes of local part, domain and label (RFC 5321 section 4.5.3.1)", "[smtp]") {
  const std::string label(63, 'd');
  CHECK(is_mailbox(std::string(64, 'a') + "@b.test", false));
  CHECK(is_mailbox(std::string(247, 'a') + "@b.test", false));
  CHECK_FALSE(is_mailbox(std::string(248, 'a') + "@b.test", false));
  CHECK(is_domain(label + ".test", false));
  CHECK_FALSE(is_domain(label + "d.test", false));
  const std::string longest = label + '.' + label + '.' + label + '.' + label;
  CHECK(is_domain(longest, false));
  CHECK_FALSE(is_domain("x" + longest, false));
}

TEST_CASE("source routes are accepted and ignored (RFC 5321 appendix C)", "[smtp]") {
  CHECK(forward_path("TO:<@a.test,@b.test:c@d.test>") == "c@d.test");
  CHECK(reverse_path("FROM:<@a.test:c@d.test>") == "c@d.test");
  CHECK(reverse_path("FROM:<@a.test:>") == "refused");  // not the null reverse-path
  CHECK(reverse_path("FROM:<@a.test>") == "refused");
  CHECK(reverse_path("FROM:<@a.test:x>") == "refused");
}

TEST_CASE("address literals (RFC 5321 section 4.1.3)", "[smtp]") {
  for (const char* good : {"[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:::1]", "[x-tag:any!thing]"}) {
    INFO(good);
    CHECK(is_domain(good, false));
    CHECK(is_mailbox(std::string("a@") + good, false));
  }
  for (const char* bad : {"[]", "[", "[192.0.2]", "[192.0.2.256]", "[::1]", "[IPv6:192.0.2.1]", "[IPv6:]", "[192.0.2.1",
                          "[a]", "[a:]", "[:a]", "[-:]", "[tag:a[b]", "[tag:a b]"}) {
    INFO(bad);
    CHECK_FALSE(is_domain(bad, false));
  }
}

TEST_CASE("SMTPUTF8 addresses need the parameter and well-formed UTF-8 (RFC 6531 section 3.5)", "[smtp]") {
  CHECK(mail_code("FROM:<j\xc3\xb6rg@b.test> SMTPUTF8") == 250);
  CHECK(mail_code("FROM:<a@b\xc3\xbc.test> SMTPUTF8") == 250);
  CHECK(mail_code("FROM:<\"j\xc3\xb6 rg\"@b.test> SMTPUTF8") == 250);
  const auto without = parse_mail("FROM:<j\xc3\xb6rg@b.test>", kAll);
  REQUIRE_FALSE(without.has_value());
  CHECK(without.error().enhanced == "5.6.7");
  const auto recipient = parse_rcpt("TO:<j\xc3\xb6rg@b.test>", {.smtputf8 = false});
  REQUIRE_FALSE(recipient.has_value());
  CHECK(recipient.error().enhanced == "5.6.7");
  for (const char* bad : {"j\xc3@b.test", "\xff@b.test", "\xc0\xaf@b.test", "\xed\xa0\x80@b.test",
                          "\xf4\x90\x80\x80@b.test", "\xe0\x80\xaf@b.test", "\xf0\x80\x80\xaf@b.test", "\xb6@b.test"}) {
    INFO(bad);
    CHECK_FALSE(is_mailbox(bad, true));
  }
  CHECK(is_mailbox("\xf0\x9f\x93\xa7@b.test", true));
  CHECK_FALSE(is_mailbox("\xf0\x9f\x93\xa7@b.test", false));
}

TEST_CASE("parameters of MAIL", "[smtp]") {
  const auto all = parse_mail(
      "FROM:<a@b.test> SIZE=12 body=8bitmime SMTPUTF8 RET=HDRS ENVID=x+2By AUTH=me+40b.test XTRACE=t1", kAll);
  REQUIRE(all.has_value());
  CHECK(all->size == 12);
  CHECK(all->body == Body::k8BitMime);
  CHECK(all->smtputf8);
  CHECK(all->ret == Ret::kHeaders);
  CHECK(all->envid == "x+y");
  CHECK(all->auth == "me@b.test");
  CHECK(all->trace == "t1");
  CHECK(parse_mail("FROM:<a@b.test> AUTH=<>", kAll)->auth == "");
  CHECK(parse_mail("FROM:<a@b.test>  BODY=BINARYMIME ", kAll)->body == Body::kBinaryMime);
  CHECK(parse_mail("FROM:<a@b.test> RET=FULL", kAll)->ret == Ret::kFull);
  CHECK_FALSE(parse_mail("FROM:<a@b.test>", kAll)->auth.has_value());
  for (const char* bad : {"SIZE", "SIZE=", "SIZE=x", "SIZE=-1", "SIZE=99999999999999999999", "BODY=9BIT", "BODY",
                          "SMTPUTF8=1", "RET=ALL", "RET", "ENVID=", "ENVID=a=b", "ENVID=a+0Db", "ENVID=+0A", "ENVID=+4",
                          "AUTH=+0D+0A", "XTRACE=+00", "SIZE=1 SIZE=1", "RET=FULL ret=full"}) {
    INFO(bad);
    CHECK(mail_code(std::string("FROM:<a@b.test> ") + bad) == 501);
  }
  CHECK(mail_code("FROM:<a@b.test> ENVID=" + std::string(101, 'x')) == 501);
  CHECK(mail_code("FROM:<a@b.test> ENVID=" + std::string(100, 'x')) == 250);
}

TEST_CASE("parameters that were not offered are 555 (RFC 5321 section 4.1.1.11)", "[smtp]") {
  const Offered none{false, false, false, false, false, false, false};
  for (const char* parameter :
       {"SIZE=1", "BODY=7BIT", "SMTPUTF8", "RET=FULL", "ENVID=x", "AUTH=<>", "XTRACE=x", "FOO=1"})
    CHECK(mail_code(std::string("FROM:<a@b.test> ") + parameter, none) == 555);
  CHECK(rcpt_code("TO:<a@b.test> NOTIFY=NEVER", none) == 555);
  CHECK(rcpt_code("TO:<a@b.test> ORCPT=rfc822;a", none) == 555);
  CHECK(rcpt_code("TO:<a@b.test> RRVS=2014-04-03T23:01:00Z") == 555);
  CHECK(mail_code("FROM:<a@b.test> BODY=BINARYMIME", {.binary = false}) == 501);
}

TEST_CASE("parameters of RCPT (RFC 3461 section 4)", "[smtp]") {
  const auto all = parse_rcpt("TO:<a@b.test> NOTIFY=SUCCESS,delay ORCPT=rfc822;a+2Bx@b.test", kAll);
  REQUIRE(all.has_value());
  CHECK(all->notify == (kNotifySuccess | kNotifyDelay));
  CHECK(all->orcpt == "rfc822;a+x@b.test");
  CHECK(parse_rcpt("TO:<a@b.test> NOTIFY=FAILURE", kAll)->notify == kNotifyFailure);
  CHECK(parse_rcpt("TO:<a@b.test> NOTIFY=never", kAll)->notify == kNotifyNever);
  CHECK(parse_rcpt("TO:<a@b.test>", kAll)->notify == 0);
  for (const char* bad :
       {"NOTIFY", "NOTIFY=", "NOTIFY=NEVER,SUCCESS", "NOTIFY=SUCCESS,", "NOTIFY=X", "ORCPT=a@b.test", "ORCPT=;a",
        "ORCPT=rfc822;", "ORCPT=rfc822;a+0D+0Ab", "ORCPT=rf\tc822;a", "ORCPT=rfc822;a ORCPT=rfc822;b"}) {
    INFO(bad);
    CHECK(rcpt_code(std::string("TO:<a@b.test> ") + bad) == 501);
  }
  // RFC 6533 section 3.
  for (const auto* international : {"utf-8;j\u00f6rg@b.test", "UTF-8;j\\x{F6}rg\\x{2B}x@b.test", "utf-8;a@b.test"}) {
    const auto read = parse_rcpt("TO:<a@b.test> ORCPT=" + std::string(international), kAll);
    REQUIRE(read.has_value());
    CHECK(read->orcpt == international);
  }
  for (const auto* bad : {"ORCPT=rfc822;j\u00f6rg@b.test", "ORCPT=utf-8;\xFF", "ORCPT=utf-8;"})
    CHECK(rcpt_code("TO:<a@b.test> " + std::string(bad)) == 501);
  CHECK(rcpt_code("TO:<a@b.test> ORCPT=utf-8;j\u00f6rg@b.test", {.smtputf8 = false}) == 501);
  CHECK(rcpt_code("TO:<a@b.test> ORCPT=rfc822;" + std::string(494, 'x')) == 501);
}

TEST_CASE("a bad address of a sender is told from one of a recipient (RFC 3463 section 3.2)", "[smtp]") {
  CHECK(parse_mail("FROM:<a..b@c.test>", kAll).error().enhanced == "5.1.7");
  CHECK(parse_rcpt("TO:<a..b@c.test>", kAll).error().enhanced == "5.1.3");
}

TEST_CASE("xtext (RFC 3461 section 4)", "[smtp]") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  CHECK(xtext_decode(xtext_encode(all)) == all);
  CHECK(xtext_encode("a+b=c d\x7f") == "a+2Bb+3Dc+20d+7F");
  CHECK(xtext_decode("") == "");
  for (const char* bad : {"+", "+4", "a+", "+4G", "+-1", "=", "a b", "\x80"})
    CHECK_FALSE(xtext_decode(bad).has_value());
}
