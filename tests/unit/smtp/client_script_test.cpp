// The client's session against servers of every kind, scripted.
#include <catch2/catch.hpp>

#include "common/async/task_group.h"
#include "common/smtp/client_session.h"
#include "tests/unit/smtp/scripted_server.h"
#include "tests/unit/smtp/test_handler.h"

using namespace quartet;
using namespace quartet::smtp;
using namespace quartet::smtp::test;

namespace {

using Kind = ClientError::Kind;

struct Outcome {
  std::optional<ClientError> refused;  // open() failed
  std::vector<TransactionResult> results;
};

ClientOptions client_options() {
  ClientOptions options;
  options.hostname = "c.test";
  return options;
}

OutboundTransaction to(std::vector<std::string> recipients, std::string_view message = "text\r\n") {
  OutboundTransaction made;
  made.reverse_path = "a@c.test";
  made.message = message;
  for (auto& each : recipients) made.recipients.push_back({std::move(each), 0, {}});
  return made;
}

async::Task<void> run(Script& script, ClientOptions options, const std::vector<OutboundTransaction>& transactions,
                      bool quit, Outcome& outcome) {
  auto [mine, theirs] = net::make_pipe();
  async::TaskGroup group;
  group.spawn(play(std::move(theirs), script));
  {
    auto session = co_await ClientSession::open(std::move(mine), std::move(options));
    if (!session) outcome.refused = session.error();
    for (std::size_t i = 0; session && i < transactions.size(); ++i) {
      auto result = co_await (*session)->send(transactions[i]);
      outcome.results.push_back(std::move(result));
    }
    if (session && quit) co_await (*session)->quit();
  }
  const bool ended = co_await group.join(soon());
  REQUIRE(ended);
}

/// Runs the transactions; the client must have kept to the script.
Outcome talk(std::vector<Turn> turns, const std::vector<OutboundTransaction>& transactions,
             ClientOptions options = client_options(), bool quit = false) {
  Script script;
  script.turns = std::move(turns);
  Outcome outcome;
  async::Loop().block_on(run(script, std::move(options), transactions, quit, outcome));
  CHECK(script.unexpected == "");
  CHECK(script.completed);
  return outcome;
}

std::vector<int> codes(const TransactionResult& result) {
  std::vector<int> all;
  for (const auto& each : result.recipients) all.push_back(each.code);
  return all;
}

Turn ehlo(std::string lines = "") { return {"EHLO c.test\r\n", lines.empty() ? "250 mx\r\n" : "250-mx\r\n" + lines}; }
const Turn kHello{"", "220 mx.test\r\n"};
const Turn kMail{"MAIL FROM:<a@c.test>\r\n", "250 ok\r\n"};
const Turn kRcpt{"RCPT TO:<b@mx.test>\r\n", "250 ok\r\n"};
const Turn kData{"DATA\r\n", "354 go\r\n"};
const Turn kText{"text\r\n.\r\n", "250 taken\r\n"};

}  // namespace

TEST_CASE("one session carries several transactions and says QUIT", "[smtp][client]") {
  const auto outcome = talk({kHello,
                             ehlo("250 PIPELINING\r\n"),
                             kMail,
                             kRcpt,
                             kData,
                             kText,
                             kMail,
                             kRcpt,
                             kData,
                             kText,
                             {"QUIT\r\n", "221 bye\r\n"}},
                            {to({"b@mx.test"}), to({"b@mx.test"})}, client_options(), true);
  REQUIRE(outcome.results.size() == 2);
  for (const auto& result : outcome.results) {
    CHECK(codes(result) == std::vector<int>{250});
    CHECK_FALSE(result.broken);
    CHECK_FALSE(result.dsn_passed_on);
  }
}

TEST_CASE("after a refused DATA the transaction is reset before the next", "[smtp][client]") {
  const auto outcome = talk({kHello,
                             ehlo("250 PIPELINING\r\n"),
                             kMail,
                             {"RCPT TO:<u@mx.test>\r\n", "550 5.1.1 no\r\n"},
                             {"DATA\r\n", "554 no valid recipients\r\n"},
                             {"RSET\r\n", "250 ok\r\n"},
                             kMail,
                             kRcpt,
                             kData,
                             kText},
                            {to({"u@mx.test"}), to({"b@mx.test"})});
  CHECK(codes(outcome.results[0]) == std::vector<int>{550});
  CHECK(outcome.results[0].recipients[0].enhanced == "5.1.1");
  CHECK(codes(outcome.results[1]) == std::vector<int>{250});
}

TEST_CASE("354 although nobody was accepted: an empty message ends it (RFC 2920 section 3.1)", "[smtp][client]") {
  const auto outcome = talk({kHello,
                             ehlo("250 PIPELINING\r\n"),
                             kMail,
                             {"RCPT TO:<u@mx.test>\r\n", "550 no\r\n"},
                             kData,
                             {".\r\n", "250 an empty one, taken\r\n"},
                             {"RSET\r\n", "250 ok\r\n"}},
                            {to({"u@mx.test"})});
  CHECK(codes(outcome.results[0]) == std::vector<int>{550});
  CHECK_FALSE(outcome.results[0].broken);
}

TEST_CASE("a refused sender is every recipient's reply", "[smtp][client]") {
  const auto pipelined = talk({kHello,
                               ehlo("250 PIPELINING\r\n"),
                               {kMail.expect, "550 5.7.1 not you\r\n"},
                               {kRcpt.expect, "503 first MAIL\r\n"},
                               {"DATA\r\n", "503 first MAIL\r\n"}},
                              {to({"b@mx.test"})});
  CHECK(codes(pipelined.results[0]) == std::vector<int>{550});
  CHECK_FALSE(pipelined.results[0].broken);
  const auto stepwise = talk({kHello, ehlo(), {kMail.expect, "451 4.3.0 later\r\n"}, kMail, kRcpt, kData, kText},
                             {to({"b@mx.test", "d@mx.test"}), to({"b@mx.test"})});
  CHECK(codes(stepwise.results[0]) == std::vector<int>{451, 451});
  CHECK(codes(stepwise.results[1]) == std::vector<int>{250});
}

TEST_CASE("a refusal at the end of data is the word on the accepted ones", "[smtp][client]") {
  const auto outcome = talk({kHello,
                             ehlo("250-CHUNKING\r\n250 PIPELINING\r\n"),
                             kMail,
                             kRcpt,
                             {"RCPT TO:<u@mx.test>\r\n", "550 no\r\n"},
                             {"BDAT 6 LAST\r\ntext\r\n", "554 5.6.0 spam\r\n"},
                             {"RSET\r\n", "250 ok\r\n"}},
                            {to({"b@mx.test", "u@mx.test"})});
  CHECK(codes(outcome.results[0]) == std::vector<int>{554, 550});
}

TEST_CASE("421 anywhere ends the session, and says why", "[smtp][client]") {
  const int step = GENERATE(0, 1, 2, 3);
  std::vector<Turn> turns{kHello, ehlo(), kMail, kRcpt, kData, kText};
  turns[static_cast<std::size_t>(step) + 2].say = "421 4.3.2 closing\r\n";
  turns.resize(static_cast<std::size_t>(step) + 3);
  const auto outcome = talk(turns, {to({"b@mx.test"})});
  CHECK(codes(outcome.results[0]) == std::vector<int>{421});
  REQUIRE(outcome.results[0].broken.has_value());
  CHECK(outcome.results[0].broken->kind == Kind::kRefused);
  CHECK(outcome.results[0].broken->reply->code == 421);
}

TEST_CASE("replies of the wrong class are no promise", "[smtp][client]") {
  const int step = GENERATE(0, 1, 2, 3);
  std::vector<Turn> turns{kHello, ehlo(), kMail, kRcpt, kData, kText};
  turns[static_cast<std::size_t>(step) + 2].say = step == 2 ? "250 ok\r\n" : "354 go\r\n";
  turns.resize(static_cast<std::size_t>(step) + 3);
  const auto outcome = talk(turns, {to({"b@mx.test"})});
  CHECK(codes(outcome.results[0]) == std::vector<int>{0});
  REQUIRE(outcome.results[0].broken.has_value());
  CHECK(outcome.results[0].broken->kind == Kind::kProtocol);
}

TEST_CASE("garbage is a protocol error", "[smtp][client]") {
  const auto greeting = talk({{"", "SSH-2.0-OpenSSH_9.2\r\n"}}, {});
  REQUIRE(greeting.refused.has_value());
  CHECK(greeting.refused->kind == Kind::kProtocol);
  const auto later = talk({kHello, ehlo(), kMail, {kRcpt.expect, "??\r\n"}}, {to({"b@mx.test"})});
  CHECK(codes(later.results[0]) == std::vector<int>{0});
  CHECK(later.results[0].broken->kind == Kind::kProtocol);
}

TEST_CASE("a greeting or EHLO that refuses", "[smtp][client]") {
  const auto greeting = talk({{"", "554 5.7.1 go away\r\n"}}, {});
  CHECK(greeting.refused->kind == Kind::kRefused);
  CHECK(greeting.refused->reply->code == 554);
  // 4yz to EHLO is no reason to try HELO.
  CHECK(talk({kHello, {"EHLO c.test\r\n", "421 busy\r\n"}}, {}).refused->reply->code == 421);
  CHECK(talk({kHello, {"EHLO c.test\r\n", "502 no\r\n"}, {"HELO c.test\r\n", "550 no\r\n"}}, {}).refused->reply->code ==
        550);
}

TEST_CASE("8-bit mail for a 7-bit server is converted, or refused by 5.6.3 (RFC 6152 section 3)", "[smtp][client]") {
  auto transaction = to({"b@mx.test"}, "\xc3\xa4\r\n");
  transaction.body = Body::k8BitMime;
  const auto refused = talk({kHello, ehlo()}, {transaction});
  CHECK(refused.results[0].recipients[0].enhanced == "5.6.3");
  CHECK_FALSE(refused.results[0].broken);
  CHECK(refused.results[0].refused_here);
  transaction.to_seven_bit = [](std::string_view) { return std::optional<std::string>(); };
  CHECK(talk({kHello, ehlo()}, {transaction}).results[0].recipients[0].enhanced == "5.6.3");
  transaction.to_seven_bit = [](std::string_view message) {
    CHECK(message == "\xc3\xa4\r\n");
    return std::optional<std::string>("=C3=A4\r\n");
  };
  CHECK(
      codes(talk({kHello, ehlo(), kMail, kRcpt, kData, {"=C3=A4\r\n.\r\n", "250 ok\r\n"}}, {transaction}).results[0]) ==
      std::vector<int>{250});
  CHECK(codes(talk({kHello,
                    ehlo("250 8BITMIME\r\n"),
                    {"MAIL FROM:<a@c.test> BODY=8BITMIME\r\n", "250 ok\r\n"},
                    kRcpt,
                    kData,
                    {"\xc3\xa4\r\n.\r\n", "250 ok\r\n"}},
                   {transaction})
                  .results[0]) == std::vector<int>{250});
}

TEST_CASE("8-bit mail that nobody declared is converted as well, where it can be", "[smtp][client]") {
  auto transaction = to({"b@mx.test"}, "\xc3\xa4\r\n");
  const auto sent_as = [&](const std::string& octets) {
    const auto outcome = talk({kHello, ehlo(), kMail, kRcpt, kData, {octets + ".\r\n", "250 ok\r\n"}}, {transaction});
    return codes(outcome.results[0]) == std::vector<int>{250};
  };
  CHECK(sent_as("\xc3\xa4\r\n"));
  transaction.to_seven_bit = [](std::string_view) { return std::optional<std::string>("=C3=A4\r\n"); };
  CHECK(sent_as("=C3=A4\r\n"));
}

TEST_CASE("lines that are too long are encoded if nothing is signed (RFC 5321 section 4.5.3.1.6)", "[smtp][client]") {
  const std::string longest = std::string(998, 'x') + "\r\n";
  const std::string too_long = "x" + longest;
  const std::string signed_one = "DKIM-Signature: v=1\r\n\r\n" + too_long;
  const auto sent_as = [](const OutboundTransaction& transaction, const std::string& octets) {
    const auto outcome = talk({kHello, ehlo(), kMail, kRcpt, kData, {octets + ".\r\n", "250 ok\r\n"}}, {transaction});
    return codes(outcome.results[0]) == std::vector<int>{250};
  };
  const auto mail = [](std::string_view message) {
    auto transaction = to({"b@mx.test"}, message);
    transaction.to_seven_bit = [](std::string_view) { return std::optional<std::string>("short\r\n"); };
    return transaction;
  };
  CHECK(sent_as(mail(longest), longest));
  CHECK(sent_as(mail(too_long), "short\r\n"));
  CHECK(sent_as(mail(signed_one), signed_one));
  auto at_home = mail(too_long);
  at_home.long_lines = true;
  CHECK(sent_as(at_home, too_long));
  auto stubborn = mail(too_long);
  stubborn.to_seven_bit = [](std::string_view) { return std::optional<std::string>(); };
  CHECK(sent_as(stubborn, too_long));
}

TEST_CASE("binary mail goes by BDAT, with or without pipelining (RFC 3030 section 3)", "[smtp][client]") {
  auto transaction = to({"b@mx.test"}, "a\nb");
  transaction.body = Body::kBinaryMime;
  const auto outcome = talk({kHello,
                             ehlo("250-CHUNKING\r\n250 BINARYMIME\r\n"),
                             {"MAIL FROM:<a@c.test> BODY=BINARYMIME\r\n", "250 ok\r\n"},
                             kRcpt,
                             {"BDAT 3 LAST\r\na\nb", "250 ok\r\n"}},
                            {transaction});
  CHECK(codes(outcome.results[0]) == std::vector<int>{250});
  CHECK(talk({kHello, ehlo("250 BINARYMIME\r\n")}, {transaction}).results[0].recipients[0].code == 554);
}

TEST_CASE("mail that is binary by its name only goes as 8-bit mail where it cannot be converted", "[smtp][client]") {
  auto transaction = to({"b@mx.test"}, "Subject: \xc3\xa4\r\n\r\ntext\r\n");
  transaction.body = Body::kBinaryMime;
  transaction.to_seven_bit = [](std::string_view) { return std::optional<std::string>(); };
  CHECK(codes(talk({kHello,
                    ehlo("250 8BITMIME\r\n"),
                    {"MAIL FROM:<a@c.test> BODY=8BITMIME\r\n", "250 ok\r\n"},
                    kRcpt,
                    kData,
                    {"Subject: \xc3\xa4\r\n\r\ntext\r\n.\r\n", "250 ok\r\n"}},
                   {transaction})
                  .results[0]) == std::vector<int>{250});
  transaction.message = "Subject: a\r\n\r\na\nb\r\n";
  const auto refused = talk({kHello, ehlo("250 8BITMIME\r\n")}, {transaction}).results[0].recipients[0];
  CHECK(refused.enhanced == "5.6.3");
  CHECK(refused.text().find("no binary mail") != std::string::npos);
}

TEST_CASE("SMTPUTF8 mail needs a server that takes it (RFC 6531 section 3.1)", "[smtp][client]") {
  const std::string plain = "Subject: a\r\n\r\ntext\r\n";
  auto transaction = to({"b@mx.test"}, plain);
  const auto last = GENERATE(as<std::string>(), "sender", "recipient", "header", "header of a part");
  const std::string header = "Subject: \xc3\xa4\r\n\r\ntext\r\n";
  const std::string part =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Description: \xc3\xa4\r\n\r\n\r\n--b--\r\n";
  if (last == "sender") transaction.reverse_path = "\xc3\xa4@c.test";
  if (last == "recipient") transaction.recipients.push_back({"\xc3\xa4@mx.test", 0, {}});
  if (last == "header") transaction.message = header;
  if (last == "header of a part") transaction.message = part;
  transaction.smtputf8 = true;
  CHECK(talk({kHello, ehlo()}, {transaction}).results[0].recipients[0].enhanced == "5.6.7");
}

TEST_CASE("SMTPUTF8 that was said without need is not asked of the next server", "[smtp][client]") {
  auto transaction = to({"b@mx.test"});
  transaction.smtputf8 = true;
  CHECK(codes(talk({kHello, ehlo(), kMail, kRcpt, kData, kText}, {transaction}).results[0]) == std::vector<int>{250});
  CHECK(codes(talk({kHello,
                    ehlo("250 SMTPUTF8\r\n"),
                    {"MAIL FROM:<a@c.test> SMTPUTF8\r\n", "250 ok\r\n"},
                    kRcpt,
                    kData,
                    kText},
                   {transaction})
                  .results[0]) == std::vector<int>{250});
}

TEST_CASE("a message over the server's SIZE is not sent (RFC 1870 section 5)", "[smtp][client]") {
  CHECK(talk({kHello, ehlo("250 SIZE 5\r\n")}, {to({"b@mx.test"})}).results[0].recipients[0].enhanced == "5.3.4");
  CHECK(
      codes(talk({kHello, ehlo("250 SIZE\r\n"), {"MAIL FROM:<a@c.test> SIZE=6\r\n", "250 ok\r\n"}, kRcpt, kData, kText},
                 {to({"b@mx.test"})})
                .results[0]) == std::vector<int>{250});
}

TEST_CASE("DSN parameters go to servers that offer them (RFC 3461)", "[smtp][client]") {
  auto transaction = to({"b@mx.test"});
  transaction.ret = Ret::kHeaders;
  transaction.envid = "x y";
  transaction.trace = "t1";
  transaction.recipients[0].notify = kNotifySuccess | kNotifyDelay;
  transaction.recipients[0].orcpt = "rfc822;b+c@mx.test";
  CHECK_FALSE(talk({kHello, ehlo(), kMail, kRcpt, kData, kText}, {transaction}).results[0].dsn_passed_on);
  const auto outcome = talk({kHello,
                             ehlo("250-XTRACE\r\n250 DSN\r\n"),
                             {"MAIL FROM:<a@c.test> RET=HDRS ENVID=x+20y XTRACE=t1\r\n", "250 ok\r\n"},
                             {"RCPT TO:<b@mx.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bc@mx.test\r\n", "250 ok\r\n"},
                             kData,
                             kText},
                            {transaction});
  CHECK(outcome.results[0].dsn_passed_on);
}

TEST_CASE("a large message waits for somebody who takes it", "[smtp][client]") {
  const std::string large(100'000, 'x');
  const auto message = large + "\r\n";
  const auto chunking = ehlo("250-CHUNKING\r\n250 PIPELINING\r\n");
  const auto refused = talk({kHello, chunking, kMail, {kRcpt.expect, "550 no\r\n"}, {"RSET\r\n", "250 ok\r\n"}},
                            {to({"b@mx.test"}, message)});
  CHECK(codes(refused.results[0]) == std::vector<int>{550});
  const auto taken = talk({kHello, chunking, kMail, kRcpt, {"BDAT 100002 LAST\r\n" + message, "250 ok\r\n"}},
                          {to({"b@mx.test"}, message)});
  CHECK(codes(taken.results[0]) == std::vector<int>{250});
}

TEST_CASE("dots are stuffed, and a last line gets its end", "[smtp][client]") {
  CHECK(codes(talk({kHello, ehlo(), kMail, kRcpt, kData, {"..\r\n..a\r\nb\r\n.\r\n", "250 ok\r\n"}},
                   {to({"b@mx.test"}, ".\r\n.a\r\nb")})
                  .results[0]) == std::vector<int>{250});
}

TEST_CASE("TLS that is required must be offered and agreed to", "[smtp][client]") {
  auto options = client_options();
  options.starttls = StartTls::kRequired;
  CHECK(talk({kHello, ehlo()}, {}, options).refused->kind == Kind::kTls);
  options.tls = *tls::ClientContext::make({.verify = false, .ca = {}, .certificate = {}, .key = {}});
  const auto said = talk({kHello, ehlo("250 STARTTLS\r\n"), {"STARTTLS\r\n", "454 4.7.0 later\r\n"}}, {}, options);
  REQUIRE(said.refused.has_value());
  CHECK(said.refused->kind == Kind::kRefused);
  CHECK(said.refused->starttls);
  // More in clear text behind the 220 would be read as if it came by TLS.
  CHECK(talk({kHello, ehlo("250 STARTTLS\r\n"), {"STARTTLS\r\n", "220 go\r\n250 injected\r\n"}}, {}, options)
            .refused->kind == Kind::kProtocol);
  options.starttls = StartTls::kIfOffered;
  CHECK_FALSE(talk({kHello, ehlo("250 STARTTLS\r\n"), {"STARTTLS\r\n", "454 4.7.0 later\r\n"}}, {}, options).refused);
  options.starttls = StartTls::kNever;
  CHECK_FALSE(talk({kHello, ehlo("250 STARTTLS\r\n")}, {}, options).refused);
}

TEST_CASE("a server that says nothing times out", "[smtp][client]") {
  auto options = client_options();
  options.greeting_timeout = std::chrono::seconds(0);
  const auto silent = talk({}, {}, options);
  REQUIRE(silent.refused.has_value());
  CHECK(silent.refused->kind == Kind::kNetwork);
  CHECK(silent.refused->detail == "timed out");
  options = client_options();
  options.data_end_timeout = std::chrono::seconds(0);
  const auto at_the_end =
      talk({kHello, ehlo(), kMail, kRcpt, kData, {"text\r\n.\r\n", ""}}, {to({"b@mx.test"})}, options);
  CHECK(codes(at_the_end.results[0]) == std::vector<int>{0});
  CHECK(at_the_end.results[0].broken->detail == "timed out");
}

TEST_CASE("a password never goes in clear text", "[smtp][client]") {
  auto options = client_options();
  options.login = ClientLogin{"tim", "secret"};
  const auto outcome = talk({kHello, ehlo("250 AUTH PLAIN\r\n")}, {}, options);
  CHECK(outcome.refused->kind == Kind::kLogin);
}
