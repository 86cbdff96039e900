#include "common/relay/pipe_terms.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::relay;

namespace {

const PipeValues kValues{"ann@a.test", "bob+x@b.test", "01id", "trace", 42};

PipeCommand command(std::vector<std::string> arguments) {
  PipeCommand out;
  out.arguments = std::move(arguments);
  return out;
}

std::string end(int code, std::string_view output = "") {
  const auto reply = reply_to_end(code, 0, false, output);
  return std::to_string(reply.code) + " " + reply.enhanced + " " + reply.text();
}

}  // namespace

TEST_CASE("placeholders", "[relay]") {
  CHECK(expand("{sender} {recipient} {user} {domain} {id} {trace} {size}", kValues) ==
        "ann@a.test bob+x@b.test bob+x b.test 01id trace 42");
  CHECK(expand("x{user}y{user}", kValues) == "xbob+xybob+x");
  CHECK(expand("{}{nobody}{ user}{user", kValues) == "{}{nobody}{ user}{user");
  CHECK(expand("{sender}", {"", "bob@b.test", "", "", 0}) == "MAILER-DAEMON");
  // What is put in is not looked at again.
  CHECK(expand("{recipient}", {"", "{sender}@b.test", "", "", 0}) == "{sender}@b.test");
  CHECK(unknown_placeholder("{user} {usr}") == "usr");
  CHECK(unknown_placeholder("awk '{ print }' {} {recipient") == std::nullopt);
}

TEST_CASE("an address does not become an option", "[relay]") {
  const PipeValues dash{"-f@a.test", "-oX@b.test", "", "", 0};
  CHECK(as_option(command({"/bin/x", "--to={recipient}", "-f{sender}"}), dash) == std::nullopt);
  CHECK(as_option(command({"/bin/x", "{user}"}), dash) == "user");
  CHECK(as_option(command({"/bin/x", "{sender}"}), dash) == "sender");
  CHECK(as_option(command({"/bin/x", "{sender}", "{recipient}"}), kValues) == std::nullopt);
}

TEST_CASE("the message as the program wants it", "[relay]") {
  const std::string message = "Return-Path: <old@x.test>\r\nSubject: x\r\n\r\ntext\r\n";
  auto wanted = command({"/bin/x"});
  CHECK(piped_message(wanted, kValues, message, WallTime{}) == "Return-Path: <old@x.test>\nSubject: x\n\ntext\n");
  wanted.from_line = wanted.return_path = wanted.delivered_to = true;
  CHECK(piped_message(wanted, kValues, message, WallTime{}) ==
        "From ann@a.test Thu Jan  1 00:00:00 1970\nReturn-Path: <ann@a.test>\nDelivered-To: bob+x@b.test\nSubject: "
        "x\n\ntext\n");
  wanted.crlf = true;
  wanted.from_line = wanted.return_path = false;
  CHECK(piped_message(wanted, kValues, "\r\nno header\r\n", WallTime{}) ==
        "Delivered-To: bob+x@b.test\r\n\r\nno header\r\n");
}

TEST_CASE("what the end of a program means", "[relay]") {
  CHECK(end(0) == "250 2.0.0 handed to the program");
  CHECK(end(0, "queued as 5\n") == "250 2.0.0 queued as 5");
  CHECK(end(67, "no bob here\n") == "550 5.1.1 user unknown: no bob here");
  CHECK(end(75) == "451 4.3.0 temporary failure");
  CHECK(end(77) == "550 5.7.0 permission denied");
  // What may be our own fault is tried again.
  for (const int code : {1, 2, 64, 70, 73, 78, 126, 127, 255}) CHECK(end(code).starts_with("451 4.3."));
  CHECK(end(1, "5.7.1 not wanted\n") == "550 5.7.1 not wanted");
  CHECK(end(67, "4.2.2 over quota") == "451 4.2.2 over quota");
  CHECK(end(0, "5.7.1 not wanted") == "250 2.0.0 5.7.1 not wanted");
  for (const auto* text : {"5.7", "5.7.1x", "2.0.0 ok", "5..1 x", "5.7.1.2 x"})
    CHECK(end(75, text).starts_with("451 4.3.0"));
  CHECK(end(75, std::string("a\r\n\tb\x01 c\n", 9)) == "451 4.3.0 temporary failure: a b c");
  CHECK(end(75, std::string(10'000, 'x')).size() < 500);
  CHECK(reply_to_end(0, 9, false, "").transient());
  CHECK(reply_to_end(0, 15, true, "").text() == "the program took too long");
}
