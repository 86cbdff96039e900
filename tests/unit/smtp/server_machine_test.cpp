#include "common/smtp/server_machine.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace quartet::smtp;

namespace {

ServerMachine::Action line(ServerMachine& machine, const std::string& text) {
  CommandParser parser;
  parser.feed(text + "\r\n");
  return machine.on_command(**parser.next());
}

/// What the machine says itself, or for an action of the agent the reply that `machine` is then told.
int code(ServerMachine& machine, const std::string& text, int answer = 250) {
  auto action = line(machine, text);
  const Reply reply(answer, "", "answer");
  if (const auto* said = std::get_if<ServerMachine::Say>(&action)) return said->reply.code;
  if (auto* hello = std::get_if<ServerMachine::Hello>(&action)) machine.hello_answered(*hello, hello->reply);
  if (auto* mail = std::get_if<ServerMachine::Mail>(&action)) machine.mail_answered(mail->parameters, reply);
  if (auto* rcpt = std::get_if<ServerMachine::Rcpt>(&action)) machine.rcpt_answered(rcpt->parameters, reply);
  if (std::holds_alternative<ServerMachine::Auth>(action)) machine.auth_answered(reply);
  if (const auto* chunk = std::get_if<ServerMachine::Bdat>(&action); chunk != nullptr && chunk->refusal)
    return chunk->refusal->code;
  if (std::holds_alternative<ServerMachine::Data>(action)) return 354;
  if (std::holds_alternative<ServerMachine::StartTls>(action)) return 220;
  return answer;
}

std::vector<std::string> offers(ServerMachine& machine) {
  auto action = line(machine, machine.features().lmtp ? "LHLO c.test" : "EHLO c.test");
  return std::get<ServerMachine::Hello>(action).reply.lines;
}

bool has(const std::vector<std::string>& lines, std::string_view wanted) {
  return std::ranges::find(lines, wanted) != lines.end();
}

ServerFeatures features() {
  ServerFeatures made;
  made.hostname = "mx.test";
  return made;
}

}  // namespace

TEST_CASE("the order of commands (RFC 5321 section 4.1.4)", "[smtp]") {
  ServerMachine machine(features());
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 503);
  CHECK(code(machine, "NOOP") == 250);
  CHECK(code(machine, "VRFY x") == 252);
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "RCPT TO:<a@b.test>") == 503);
  CHECK(code(machine, "DATA") == 503);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 250);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 503);
  CHECK(code(machine, "DATA") == 554);
  CHECK(code(machine, "RCPT TO:<c@d.test>", 550) == 550);
  CHECK(code(machine, "DATA") == 554);
  CHECK(code(machine, "RCPT TO:<c@d.test>") == 250);
  CHECK(code(machine, "DATA x") == 501);
  CHECK(code(machine, "DATA") == 354);
  CHECK(machine.transaction().recipients.size() == 1);
  machine.message_ended();
  CHECK_FALSE(machine.in_transaction());
  CHECK(code(machine, "RCPT TO:<c@d.test>") == 503);
}

TEST_CASE("RSET and EHLO end a transaction (RFC 5321 section 4.1.4)", "[smtp]") {
  const std::string how = GENERATE("RSET", "EHLO c.test", "HELO c.test");
  ServerMachine machine(features());
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 250);
  CHECK(code(machine, "RCPT TO:<c@d.test>") == 250);
  CHECK(code(machine, how) == 250);
  CHECK_FALSE(machine.in_transaction());
  CHECK(code(machine, "RCPT TO:<c@d.test>") == 503);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 250);
  CHECK(machine.transaction().recipients.empty());
}

TEST_CASE("a refused EHLO changes nothing", "[smtp]") {
  ServerMachine machine(features());
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 250);
  CHECK(code(machine, "EHLO") == 501);
  CHECK(code(machine, "EHLO <x>") == 501);
  CHECK(machine.in_transaction());
  CHECK(machine.hello_domain() == "c.test");
}

TEST_CASE("after HELO no parameters are taken", "[smtp]") {
  ServerMachine machine(features());
  CHECK(code(machine, "HELO c.test") == 250);
  CHECK_FALSE(machine.esmtp());
  CHECK(code(machine, "MAIL FROM:<a@b.test> SIZE=1") == 555);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 250);
}

TEST_CASE("EHLO tells what is offered", "[smtp]") {
  auto wanted = features();
  wanted.limits.message_size = 1000;
  ServerMachine plain(wanted);
  const auto lines = offers(plain);
  CHECK(lines.front() == "mx.test");
  for (const char* each : {"PIPELINING", "SIZE 1000", "8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN",
                           "ENHANCEDSTATUSCODES", "LIMITS MAILMAX=1000 RCPTMAX=1000"})
    CHECK(has(lines, each));
  for (const char* each : {"STARTTLS", "ETRN", "XTRACE", "AUTH PLAIN"}) CHECK_FALSE(has(lines, each));

  wanted.starttls = wanted.etrn = wanted.trace = true;
  wanted.mechanisms = {"PLAIN", "LOGIN"};
  ServerMachine full(wanted);
  CHECK(has(offers(full), "STARTTLS"));
  CHECK(has(offers(full), "ETRN"));
  CHECK(has(offers(full), "XTRACE"));
  CHECK_FALSE(has(offers(full), "AUTH PLAIN LOGIN"));  // only under TLS
  full.tls_started();
  CHECK_FALSE(has(offers(full), "STARTTLS"));
  CHECK(has(offers(full), "AUTH PLAIN LOGIN"));
}

TEST_CASE("STARTTLS forgets what was said in clear text (RFC 3207 section 4.2)", "[smtp]") {
  auto wanted = features();
  CHECK(code(*std::make_unique<ServerMachine>(wanted), "STARTTLS") == 502);
  wanted.starttls = true;
  wanted.auth_in_clear = true;
  wanted.mechanisms = {"PLAIN"};
  ServerMachine machine(wanted);
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "AUTH PLAIN", 235) == 235);
  CHECK(machine.authenticated());
  CHECK(code(machine, "STARTTLS x") == 501);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 250);
  CHECK(code(machine, "STARTTLS") == 503);
  CHECK(code(machine, "RSET") == 250);
  CHECK(code(machine, "STARTTLS") == 220);
  machine.tls_started();
  CHECK(machine.secure());
  CHECK_FALSE(machine.authenticated());
  CHECK(machine.hello_domain().empty());
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 503);
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "STARTTLS") == 503);
}

TEST_CASE("TLS and authentication may be required (RFC 3207 section 4, RFC 4954 section 6)", "[smtp]") {
  auto wanted = features();
  wanted.starttls = wanted.tls_required = wanted.auth_required = true;
  wanted.mechanisms = {"PLAIN"};
  ServerMachine machine(wanted);
  CHECK(code(machine, "AUTH PLAIN") == 503);
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 530);
  CHECK(code(machine, "AUTH PLAIN") == 538);
  machine.tls_started();
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 530);
  CHECK(code(machine, "AUTH GSSAPI") == 504);
  CHECK(code(machine, "AUTH") == 501);
  CHECK(code(machine, "AUTH PLAIN a b") == 501);
  CHECK(code(machine, "AUTH PLAIN", 535) == 535);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 530);
  CHECK(code(machine, "AUTH plain", 235) == 235);
  CHECK(code(machine, "AUTH PLAIN") == 503);
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 250);
  CHECK(code(machine, "AUTH PLAIN") == 503);
}

TEST_CASE("EXTERNAL is for a client with a certificate, until it is another", "[smtp]") {
  auto wanted = features();
  wanted.xclient = true;
  wanted.mechanisms = {"PLAIN"};
  ServerMachine machine(wanted);
  machine.tls_started();
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "AUTH EXTERNAL =") == 504);
  machine.set_certified();
  CHECK(has(offers(machine), "AUTH EXTERNAL PLAIN"));
  CHECK(std::get<ServerMachine::Auth>(line(machine, "AUTH EXTERNAL =")).mechanism == "EXTERNAL");
  machine.client_changed(false);
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "AUTH EXTERNAL =") == 504);
}

TEST_CASE("the initial response of AUTH (RFC 4954 section 4)", "[smtp]") {
  auto wanted = features();
  wanted.auth_in_clear = true;
  wanted.mechanisms = {"PLAIN"};
  ServerMachine machine(wanted);
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK_FALSE(std::get<ServerMachine::Auth>(line(machine, "AUTH PLAIN")).initial.has_value());
  CHECK(std::get<ServerMachine::Auth>(line(machine, "AUTH PLAIN =")).initial == "");
  CHECK(std::get<ServerMachine::Auth>(line(machine, "AUTH PLAIN AGE=")).initial == "AGE=");
}

TEST_CASE("what AUTH is refused for has a code of its own (RFC 4954 sections 4 and 6)", "[smtp]") {
  auto wanted = features();
  wanted.auth_in_clear = true;
  wanted.mechanisms = {"CRAM-MD5"};
  ServerMachine machine(wanted);
  CHECK(code(machine, "EHLO c.test") == 250);
  const auto enhanced = [](ServerMachine::Action action) {
    return std::get<ServerMachine::Say>(action).reply.enhanced;
  };
  CHECK(enhanced(line(machine, "AUTH CRAM-MD5 AGE=")) == "5.7.0");
  CHECK(enhanced(line(machine, "AUTH")) == "5.5.4");
  CHECK(enhanced(machine.on_line_error(LineError::kAuthTooLong)) == "5.5.6");
  CHECK_FALSE(std::get<ServerMachine::Auth>(line(machine, "AUTH CRAM-MD5")).initial.has_value());
}

TEST_CASE("LMTP has LHLO only, and 503 for DATA without recipients (RFC 2033 section 4)", "[smtp]") {
  auto wanted = features();
  CHECK(code(*std::make_unique<ServerMachine>(wanted), "LHLO c.test") == 500);
  wanted.lmtp = true;
  ServerMachine machine(wanted);
  CHECK(machine.greeting().lines.front() == "mx.test LMTP Quartet");
  CHECK(code(machine, "EHLO c.test") == 500);
  CHECK(code(machine, "HELO c.test") == 500);
  CHECK(code(machine, "LHLO c.test") == 250);
  CHECK(code(machine, "MAIL FROM:<>") == 250);
  CHECK(code(machine, "DATA") == 503);
}

TEST_CASE("BDAT (RFC 3030 section 2)", "[smtp]") {
  ServerMachine machine(features());
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "BDAT 5 LAST") == 503);
  CHECK(code(machine, "MAIL FROM:<a@b.test> BODY=BINARYMIME") == 250);
  CHECK(code(machine, "BDAT 5") == 554);
  CHECK(code(machine, "RCPT TO:<c@d.test>") == 250);
  CHECK(code(machine, "DATA") == 503);  // section 3: BINARYMIME needs BDAT
  CHECK(code(machine, "BDAT 5") == 250);
  CHECK(machine.bdat_started());
  CHECK(code(machine, "RCPT TO:<c@d.test>") == 503);
  CHECK(code(machine, "DATA") == 503);
  CHECK(code(machine, "BDAT 0 last") == 250);
  for (const char* bad : {"BDAT", "BDAT x", "BDAT -1", "BDAT 1 FIRST", "BDAT 1 LAST x", "BDAT 99999999999999999999"}) {
    INFO(bad);
    const auto action = line(machine, bad);
    REQUIRE(std::holds_alternative<ServerMachine::Say>(action));
    CHECK(std::get<ServerMachine::Say>(action).reply.code == 501);
    CHECK(std::get<ServerMachine::Say>(action).close);
  }
}

TEST_CASE("limits: size, recipients, transactions", "[smtp]") {
  auto wanted = features();
  wanted.limits.message_size = 1000;
  wanted.limits.recipients = 2;
  wanted.limits.transactions = 1;
  wanted.limits.errors_until_close = 5;
  ServerMachine machine(wanted);
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "MAIL FROM:<a@b.test> SIZE=1001") == 552);
  CHECK(code(machine, "MAIL FROM:<a@b.test> SIZE=1000") == 250);
  CHECK(code(machine, "RCPT TO:<c@d.test>") == 250);
  CHECK(code(machine, "RCPT TO:<c@d.test>") == 250);
  // RFC 5321 section 4.5.3.1.10; however many, it is no reason to hang up on a long list.
  for (int i = 0; i < 20; ++i) CHECK(code(machine, "RCPT TO:<c@d.test>") == 452);
  CHECK(code(machine, "DATA") == 354);
  machine.message_ended();
  const auto action = line(machine, "MAIL FROM:<a@b.test>");
  CHECK(std::get<ServerMachine::Say>(action).reply.code == 421);
  CHECK(std::get<ServerMachine::Say>(action).close);
}

TEST_CASE("recipients that LMTP refuses are no errors of its client", "[smtp]") {
  for (const bool lmtp : {false, true}) {
    auto wanted = features();
    wanted.lmtp = lmtp;
    wanted.limits.errors_until_close = 5;
    ServerMachine machine(wanted);
    code(machine, lmtp ? "LHLO c.test" : "EHLO c.test");
    code(machine, "MAIL FROM:<a@b.test>");
    for (int i = 0; i < 10; ++i) {
      code(machine, "RCPT TO:<full@b.test>", 452);
      code(machine, "DATA");
      code(machine, "BDAT 0 LAST");
    }
    CHECK(machine.too_many_errors() != lmtp);
  }
}

TEST_CASE("errors slow the session down and then end it", "[smtp]") {
  auto wanted = features();
  wanted.limits.errors_until_slow = 2;
  wanted.limits.errors_until_close = 4;
  ServerMachine machine(wanted);
  CHECK(code(machine, "FOO") == 500);
  CHECK(code(machine, "EXPN list") == 502);
  CHECK_FALSE(machine.slow());
  CHECK(std::get<ServerMachine::Say>(machine.on_line_error(LineError::kTooLong)).reply.code == 500);
  CHECK(machine.slow());
  const auto last = std::get<ServerMachine::Say>(line(machine, "VRFY"));
  CHECK(last.reply.code == 421);
  CHECK(last.close);
}

TEST_CASE("a bare CR or LF ends the session", "[smtp]") {
  ServerMachine machine(features());
  const auto said = std::get<ServerMachine::Say>(machine.on_line_error(LineError::kBareCrOrLf));
  CHECK(said.reply.code == 500);
  CHECK(said.close);
}

TEST_CASE("ETRN takes a domain, @ or # and a name (RFC 1985 section 5)", "[smtp]") {
  auto wanted = features();
  CHECK(code(*std::make_unique<ServerMachine>(wanted), "ETRN a.test") == 502);
  wanted.etrn = true;
  ServerMachine machine(wanted);
  CHECK(code(machine, "ETRN a.test") == 503);
  CHECK(code(machine, "EHLO c.test") == 250);
  CHECK(code(machine, "ETRN") == 500);
  CHECK(code(machine, "ETRN a b") == 501);
  for (const char* good : {"ETRN a.test", "ETRN @a.test", "ETRN #queue"})
    CHECK(std::holds_alternative<ServerMachine::Etrn>(line(machine, good)));
  CHECK(code(machine, "MAIL FROM:<a@b.test>") == 250);
  CHECK(code(machine, "ETRN a.test") == 503);
}

TEST_CASE("ATRN needs the authentication and a list of domains (RFC 2645 section 5.2.1)", "[smtp]") {
  auto wanted = features();
  CHECK(code(*std::make_unique<ServerMachine>(wanted), "ATRN") == 502);
  wanted.odmr = true;
  wanted.mechanisms = {"PLAIN"};
  ServerMachine machine(wanted);
  machine.set_secure();
  CHECK(code(machine, "ATRN") == 530);
  const auto hello = std::get<ServerMachine::Hello>(line(machine, "EHLO c.test"));
  CHECK(hello.reply.lines == std::vector<std::string>{"mx.test", "ENHANCEDSTATUSCODES", "ATRN", "AUTH PLAIN"});
  machine.hello_answered(hello, hello.reply);
  CHECK(code(machine, "ATRN a.test") == 530);
  for (const char* not_here :
       {"MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>", "DATA", "BDAT 3 LAST", "VRFY a", "ETRN a.test"})
    CHECK(code(machine, not_here) == 502);
  REQUIRE(std::holds_alternative<ServerMachine::Auth>(line(machine, "AUTH PLAIN AAAA")));
  machine.auth_answered(Reply(235, "2.7.0", "welcome"));
  for (const char* bad : {"ATRN a", "ATRN a.test,", "ATRN a.test, b.test", "ATRN a.test b.test", "ATRN [192.0.2.1]",
                          "ATRN a..test", "ATRN ,"})
    CHECK(code(machine, bad) == 501);
  CHECK(std::get<ServerMachine::Atrn>(line(machine, "ATRN")).domains.empty());
  CHECK(std::get<ServerMachine::Atrn>(line(machine, "atrn A.test,b.test,a.TEST")).domains ==
        std::vector<std::string>{"a.test", "b.test"});
}
