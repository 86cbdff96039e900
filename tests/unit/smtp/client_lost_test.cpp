// The connection is lost after every octet that the server says: what was acknowledged is never reported failed, what
// was not is never reported delivered.
#include <catch2/catch.hpp>

#include <algorithm>

#include "common/async/task_group.h"
#include "common/smtp/client_session.h"
#include "tests/unit/smtp/scripted_server.h"
#include "tests/unit/smtp/test_handler.h"

using namespace quartet;
using namespace quartet::smtp;
using namespace quartet::smtp::test;

namespace {

struct Outcome {
  bool opened = false;
  TransactionResult result;
};

async::Task<void> deliver(Script& script, bool lmtp, const OutboundTransaction& transaction, Outcome& outcome) {
  auto [mine, theirs] = net::make_pipe();
  async::TaskGroup group;
  group.spawn(play(std::move(theirs), script));
  {
    ClientOptions options;
    options.hostname = "c.test";
    options.lmtp = lmtp;
    auto session = co_await ClientSession::open(std::move(mine), options);
    outcome.opened = session.has_value();
    if (session) outcome.result = co_await (*session)->send(transaction);
  }
  const bool ended = co_await group.join(soon());
  REQUIRE(ended);
}

OutboundTransaction transaction_to(std::vector<std::string> recipients) {
  OutboundTransaction made;
  made.reverse_path = "a@c.test";
  made.message = "text\r\n";
  for (auto& each : recipients) made.recipients.push_back({std::move(each), 0, {}});
  return made;
}

/// Octets of the script's replies up to and with turn `last`, less the final line end's LF: from there on the reply is
/// not complete one octet earlier.
std::size_t octets_through(const Script& script, std::size_t last) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i <= last; ++i) sum += script.turns[i].say.size();
  return sum;
}

/// When the end of the message has been written: after `asked` octets of the server at the earliest.
void check_sent(const Outcome& outcome, std::size_t octets, std::size_t asked) {
  CHECK((outcome.result.sent == Sent::kEnd) == (octets >= asked));
  if (octets < asked) CHECK(outcome.result.sent == Sent::kNothing);
}

/// `finals[i]`: the octets of the server that must have arrived for a 250 of recipient i; SIZE_MAX: never.
void lose_at_every_octet(const Script& whole, bool lmtp, const std::vector<std::string>& recipients,
                         const std::vector<std::size_t>& finals, std::size_t asked) {
  const auto transaction = transaction_to(recipients);
  const auto total = octets_through(whole, whole.turns.size() - 1);
  for (std::size_t octets = 0; octets <= total; ++octets) {
    INFO("lost after " << octets << " of " << total << " octets");
    Script script = whole;
    script.most_octets = octets;
    Outcome outcome;
    async::Loop().block_on(deliver(script, lmtp, transaction, outcome));
    CHECK(script.unexpected.empty());
    const auto& words = outcome.result.recipients;
    for (std::size_t i = 0; i < words.size(); ++i) {
      INFO("recipient " << i << ": " << words[i].code);
      CHECK((words[i].code / 100 == 2) == (octets >= finals[i]));
      CHECK((words[i].code == 0 || words[i].code / 100 == 2 || words[i].code >= 400));
    }
    if (!outcome.opened) continue;
    check_sent(outcome, octets, asked);
    const bool all_said =
        octets >= *std::ranges::max_element(finals, {}, [](std::size_t x) { return x == SIZE_MAX ? 0 : x; });
    if (!all_said) CHECK(outcome.result.broken.has_value());
    if (octets == total) CHECK_FALSE(outcome.result.broken.has_value());
  }
}

const Turn kGreeting{"", "220 mx.test\r\n"};

}  // namespace

TEST_CASE("lost in a transaction by DATA, pipelined", "[smtp][client]") {
  Script script;
  script.turns = {kGreeting,
                  {"EHLO c.test\r\n", "250-mx.test\r\n250 PIPELINING\r\n"},
                  {"MAIL FROM:<a@c.test>\r\n", "250 ok\r\n"},
                  {"RCPT TO:<b@mx.test>\r\n", "250 ok\r\n"},
                  {"RCPT TO:<u@mx.test>\r\n", "550 5.1.1 no\r\n"},
                  {"RCPT TO:<d@mx.test>\r\n", "250 ok\r\n"},
                  {"DATA\r\n", "354 go\r\n"},
                  {"text\r\n.\r\n", "250 2.0.0 taken\r\n"}};
  const auto end = octets_through(script, 7);
  lose_at_every_octet(script, false, {"b@mx.test", "u@mx.test", "d@mx.test"}, {end, SIZE_MAX, end},
                      octets_through(script, 6));
}

TEST_CASE("lost in a transaction by BDAT, pipelined", "[smtp][client]") {
  Script script;
  script.turns = {kGreeting,
                  {"EHLO c.test\r\n", "250-mx.test\r\n250-CHUNKING\r\n250 PIPELINING\r\n"},
                  {"MAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\nRCPT TO:<d@mx.test>\r\nBDAT 6 LAST\r\ntext\r\n",
                   "250 ok\r\n250 ok\r\n250 ok\r\n250 2.0.0 taken\r\n"}};
  const auto end = octets_through(script, 2);
  lose_at_every_octet(script, false, {"b@mx.test", "d@mx.test"}, {end, end}, 0);  // it goes with the envelope
}

TEST_CASE("lost in a transaction step by step", "[smtp][client]") {
  Script script;
  script.turns = {kGreeting,
                  {"EHLO c.test\r\n", "500 what\r\n"},
                  {"HELO c.test\r\n", "250 mx.test\r\n"},
                  {"MAIL FROM:<a@c.test>\r\n", "250 ok\r\n"},
                  {"RCPT TO:<b@mx.test>\r\n", "250 ok\r\n"},
                  {"RCPT TO:<d@mx.test>\r\n", "450 later\r\n"},
                  {"DATA\r\n", "354 go\r\n"},
                  {"text\r\n.\r\n", "250-taken\r\n250 indeed\r\n"}};
  lose_at_every_octet(script, false, {"b@mx.test", "d@mx.test"}, {octets_through(script, 7), SIZE_MAX},
                      octets_through(script, 6));
}

TEST_CASE("lost among the replies of LMTP: each recipient by itself", "[smtp][client]") {
  Script script;
  script.turns = {
      kGreeting,
      {"LHLO c.test\r\n", "250-mx.test\r\n250 PIPELINING\r\n"},
      {"MAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\nRCPT TO:<d@mx.test>\r\nRCPT TO:<e@mx.test>\r\nDATA\r\n",
       "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"},
      {"text\r\n.\r\n", "250 first\r\n"},
      {"", "452 second\r\n"},
      {"", "250 third\r\n"},
      {"RSET\r\n", "250 ok\r\n"}};
  lose_at_every_octet(script, true, {"b@mx.test", "d@mx.test", "e@mx.test"},
                      {octets_through(script, 3), SIZE_MAX, octets_through(script, 5)}, octets_through(script, 2));
}

namespace {

async::Task<void> deliver_after_idling(Script& script, const OutboundTransaction& transaction,
                                       TransactionResult& result) {
  auto [mine, theirs] = net::make_pipe();
  async::TaskGroup group;
  group.spawn(play(std::move(theirs), script));
  ClientOptions options;
  options.hostname = "c.test";
  options.trusted_pause = std::chrono::milliseconds(0);  // any pause is a long one
  {
    auto session = co_await ClientSession::open(std::move(mine), options);
    REQUIRE(session.has_value());
    const auto first = co_await (*session)->send(transaction);
    REQUIRE_FALSE(first.broken);
    result = co_await (*session)->send(transaction);
  }
  const bool ended = co_await group.join(soon());
  REQUIRE(ended);
}

}  // namespace

TEST_CASE("after a pause nothing of a message is sent before the server has shown that it is there", "[smtp][client]") {
  const bool there = GENERATE(false, true);
  Script script;
  const std::string envelope = "MAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\n", message = "BDAT 6 LAST\r\ntext\r\n";
  script.turns = {kGreeting,
                  {"EHLO c.test\r\n", "250-mx.test\r\n250-CHUNKING\r\n250 PIPELINING\r\n"},
                  {envelope + message, "250 ok\r\n250 ok\r\n250 2.0.0 taken\r\n"},
                  {envelope, "250 ok\r\n250 ok\r\n"},
                  {message, "250 2.0.0 taken\r\n"}};
  if (!there) script.most_octets = octets_through(script, 2);
  TransactionResult result;
  async::Loop().block_on(deliver_after_idling(script, transaction_to({"b@mx.test"}), result));
  CHECK(script.unexpected.empty());
  CHECK(result.broken.has_value() == !there);
  CHECK(result.recipients[0].code == (there ? 250 : 0));
  CHECK(result.sent == (there ? Sent::kEnd : Sent::kNothing));
}
