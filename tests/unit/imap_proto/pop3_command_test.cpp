#include "imapd/proto/pop3_command.h"

#include <catch2/catch.hpp>

using namespace quartet::imapd;
using Verb = Pop3Command::Verb;

TEST_CASE("POP3 commands and their arguments (RFC 1939)", "[pop3]") {
  CHECK(parse_pop3("quit")->verb == Verb::kQuit);
  CHECK(parse_pop3("Stat")->verb == Verb::kStat);
  CHECK(parse_pop3("USER ann@a.test")->text == "ann@a.test");
  CHECK(parse_pop3("PASS  two words ")->text == " two words ");
  CHECK(parse_pop3("STAT ").has_value());
  CHECK_FALSE(parse_pop3("LIST ")->message.has_value());
  CHECK(parse_pop3("RETR 7 ")->message == 7);
  CHECK_FALSE(parse_pop3("LIST")->message.has_value());
  CHECK(parse_pop3("UIDL 7")->message == 7);
  CHECK(parse_pop3("RETR 4294967295")->message == 4294967295);
  const auto top = parse_pop3("TOP 2 0");
  CHECK(top->message == 2);
  CHECK(top->lines == 0);
  const auto auth = parse_pop3("AUTH plain AGE=");
  CHECK(auth->text == "PLAIN");
  CHECK(auth->initial == "AGE=");
  CHECK_FALSE(parse_pop3("AUTH LOGIN")->initial.has_value());
}

TEST_CASE("what is no POP3 command is refused", "[pop3]") {
  for (const char* bad : {"",
                          " ",
                          "APOP x y",
                          "STATS",
                          "QUIT now",
                          "USER",
                          "USER ",
                          "PASS",
                          "RETR",
                          "RETR ",
                          "RETR 0",
                          "RETR -1",
                          "RETR 1x",
                          "RETR 1 2",
                          "RETR 4294967296",
                          "DELE",
                          "LIST 0",
                          "UIDL a",
                          "TOP 1",
                          "TOP 1 ",
                          "TOP 0 1",
                          "TOP 1 -1",
                          "TOP 1 2 3",
                          "AUTH",
                          "AUTH ",
                          "AUTH PLAIN a b",
                          "CAPA x",
                          "NOOP x"}) {
    INFO(bad);
    CHECK_FALSE(parse_pop3(bad).has_value());
  }
}

TEST_CASE("every verb has its own name", "[pop3]") {
  for (const char* line : {"CAPA", "USER x", "PASS x", "AUTH x", "STLS", "UTF8", "STAT", "LIST", "RETR 1", "DELE 1",
                           "NOOP", "RSET", "TOP 1 1", "UIDL", "QUIT"}) {
    const auto command = parse_pop3(line);
    REQUIRE(command.has_value());
    CHECK(std::string_view(line).starts_with(to_string(command->verb)));
  }
}

TEST_CASE("the top of a message", "[pop3]") {
  const std::string_view message = "A: b\r\nC: d\r\n\r\none\r\n\r\nthree";
  CHECK(top_of(message, 0) == "A: b\r\nC: d\r\n\r\n");
  CHECK(top_of(message, 1) == "A: b\r\nC: d\r\n\r\none\r\n");
  CHECK(top_of(message, 2) == "A: b\r\nC: d\r\n\r\none\r\n\r\n");
  CHECK(top_of(message, 3) == message);
  CHECK(top_of(message, 4294967295) == message);
  CHECK(top_of("\r\nbody\r\n", 0) == "\r\n");
  CHECK(top_of("\r\nbody\r\n", 1) == "\r\nbody\r\n");
  CHECK(top_of("A: b\r\n", 5) == "A: b\r\n");
  CHECK(top_of("", 5).empty());
  CHECK(top_of("\r\r\n\r\nx", 0) == "\r\r\n\r\n");
  CHECK(top_of("A: b\nC: d\n\none\ntwo\n", 0) == "A: b\nC: d\n\n");
  CHECK(top_of("A: b\nC: d\n\none\ntwo\n", 1) == "A: b\nC: d\n\none\n");
  CHECK(top_of("A: b\r\n\none\r\n", 0) == "A: b\r\n\n");
}

TEST_CASE("the top of a message does not depend on how the message was cut", "[pop3]") {
  for (const std::string_view message :
       {"A: b\r\n\r\none\r\ntwo\r\nthree", "\r\nbody\r\n", "\r\r\n\r\n\r\n", "A: b\r\n", "A: b\n\none\ntwo"})
    for (std::uint32_t lines = 0; lines < 4; ++lines)
      for (std::size_t cut = 0; cut <= message.size(); ++cut) {
        INFO(message << lines << " " << cut);
        Top top(lines);
        auto sent = std::string(top.take(message.substr(0, cut)));
        const bool done = top.done();
        const auto rest = top.take(message.substr(cut));
        if (done) CHECK(rest.empty());
        CHECK(sent.append(rest) == top_of(message, lines));
      }
}
