// Lines and literals, however they arrive: RFC 9051 sections 2.2.1 and 4.3, RFC 7888.
#include "imapd/proto/command_reader.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace quartet::imapd;

namespace {

std::string show(const CommandReader::Event& event) {
  if (const auto* request = std::get_if<LiteralRequest>(&event))
    return "ask " + request->tag + "|" + request->name + "|" + std::to_string(request->size) +
           (request->message ? "|message" : "");
  if (const auto* bad = std::get_if<BadLine>(&event))
    return "bad " + bad->tag + "|" + std::string(to_string(bad->reason)) + (bad->fatal ? "|fatal" : "");
  const auto& command = std::get<RawCommand>(event);
  std::string out = "cmd " + command.tag + "|";
  for (std::size_t i = 0; i < command.texts.size(); ++i) {
    out += command.texts[i];
    if (i < command.literals.size()) out += (command.literals[i].binary ? "~<" : "<") + command.literals[i].bytes + ">";
  }
  return out;
}

struct Run {
  std::vector<std::string> events;
  bool ended_inside = false;
};

/// All events of the input, given in pieces that end at each of `cuts`; every literal asked for is accepted or refused.
Run run(std::string_view input, const std::vector<std::size_t>& cuts, ReaderLimits limits, bool accept = true) {
  CommandReader reader(limits);
  Run out;
  const auto drain = [&] {
    for (;;) {
      const auto event = reader.next();
      if (std::holds_alternative<NeedMore>(event)) return;
      out.events.push_back(show(event));
      if (!std::holds_alternative<LiteralRequest>(event)) continue;
      accept ? reader.accept_literal() : reader.refuse_literal();
    }
  };
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    reader.feed(input.substr(from, cut - from));
    drain();
    from = cut;
  }
  reader.feed(input.substr(from));
  drain();
  out.ended_inside = reader.in_command() || !reader.unconsumed().empty();
  return out;
}

/// The events, after making sure that they are the same for one piece, for every cut, and octet by octet.
std::vector<std::string> events(std::string_view input, ReaderLimits limits = {}, bool accept = true) {
  const auto whole = run(input, {}, limits, accept);
  std::vector<std::size_t> all;
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    all.push_back(cut);
    REQUIRE(run(input, {cut}, limits, accept).events == whole.events);
  }
  const auto single = run(input, all, limits, accept);
  REQUIRE(single.events == whole.events);
  REQUIRE(single.ended_inside == whole.ended_inside);
  return whole.events;
}

using Events = std::vector<std::string>;

}  // namespace

TEST_CASE("commands are lines", "[imap]") {
  CHECK(events("a1 NOOP\r\na2 CAPABILITY\r\n\r\na3 x") == Events{"cmd a1|a1 NOOP", "cmd a2|a2 CAPABILITY", "cmd |"});
  CHECK(events("a+b NOOP\r\n") == Events{"cmd |a+b NOOP"});
  CHECK(events("NOOP\r\n") == Events{"cmd NOOP|NOOP"});
  CHECK(events(std::string(129, 'a') + " NOOP\r\n").front().starts_with("cmd |"));
}

TEST_CASE("literals become part of the command", "[imap]") {
  CHECK(events("a LOGIN {4}\r\nuser {6}\r\nsecret\r\nb NOOP\r\n") ==
        Events{"ask a|LOGIN|4", "ask a|LOGIN|6", "cmd a|a LOGIN <user> <secret>", "cmd b|b NOOP"});
  CHECK(events("a LOGIN {4+}\r\nuser {0+}\r\n\r\n") == Events{"cmd a|a LOGIN <user> <>"});
  CHECK(events("a UID SEARCH SUBJECT {2}\r\n\r\n NOT SEEN\r\n") ==
        Events{"ask a|UID SEARCH|2", "cmd a|a UID SEARCH SUBJECT <\r\n> NOT SEEN"});
  CHECK(events("a X {3+}\r\n{1}\r\n") == Events{"cmd a|a X <{1}>"});
  // Not at the end of the line, or not a number: text, which the parser refuses.
  CHECK(events("a X {3} y\r\n") == Events{"cmd a|a X {3} y"});
  CHECK(events("a X {-3}\r\n") == Events{"cmd a|a X {-3}"});
  CHECK(events("a X {}\r\n") == Events{"cmd a|a X {}"});
}

TEST_CASE("the literals of APPEND are messages, its mailbox name is not", "[imap]") {
  CHECK(events("a append {5}\r\nINBOX (\\Seen) ~{3}\r\nabc {2+}\r\nde\r\n") ==
        Events{"ask a|APPEND|5", "ask a|APPEND|3|message", "cmd a|a append <INBOX> (\\Seen) ~<abc> <de>"});
  ReaderLimits limits;
  limits.literal = 4;
  limits.message = 8;
  limits.messages = 12;
  CHECK(events("a APPEND {5}\r\nb NOOP\r\n", limits) == Events{"bad a|Literal too big", "cmd b|b NOOP"});
  CHECK(events("a APPEND x {8+}\r\n12345678\r\n", limits) == Events{"cmd a|a APPEND x <12345678>"});
  CHECK(events("a APPEND x {9}\r\nb NOOP\r\n", limits) == Events{"bad a|Message too big", "cmd b|b NOOP"});
  CHECK(events("a APPEND x {9+}\r\n123456789\r\nb NOOP\r\n", limits) ==
        Events{"bad a|Message too big", "cmd b|b NOOP"});
  CHECK(events("a APPEND x {8+}\r\n12345678 {5+}\r\n12345\r\nb NOOP\r\n", limits) ==
        Events{"bad a|Message too big", "cmd b|b NOOP"});
}

TEST_CASE("a refused literal is not sent, and its command is gone", "[imap]") {
  CHECK(events("a APPEND x {8}\r\nb NOOP\r\n", {}, false) == Events{"ask a|APPEND|8|message", "cmd b|b NOOP"});
}

TEST_CASE("commands and lines that have ended are counted, parts of them are not", "[imap]") {
  CommandReader reader({.line = 40, .literal = 40});
  std::uint64_t ended = 0;
  const auto feed = [&reader, &ended](std::string_view bytes) {
    reader.feed(bytes);
    auto event = reader.next();
    const auto before = std::exchange(ended, reader.ended());
    return std::pair(std::move(event), ended - before);
  };
  CHECK(feed("a NO").second == 0);
  CHECK(feed("OP\r\n").second == 1);
  CHECK(feed("a X {4+}\r\nab").second == 0);
  CHECK(feed("cd\r\nb NO").second == 1);
  CHECK(feed(std::string(40, 'x')).second == 0);
  CHECK(feed("\r\n").second == 1);
  CHECK(std::holds_alternative<LiteralRequest>(feed("a X {4}\r\n").first));
  reader.refuse_literal();
  CHECK(feed("").second == 1);
  reader.feed("DONE\r\nDO");
  CHECK(reader.next_line().has_value());
  CHECK(reader.ended() == ended + 1);
  CHECK_FALSE(reader.next_line().has_value());
  CHECK(reader.ended() == ended + 1);
}

TEST_CASE("what a dropped command announces is skipped", "[imap]") {
  ReaderLimits limits;
  limits.line = 32;
  limits.literal = 8;
  limits.discard = 100;
  const std::string longish(40, 'x');
  CHECK(events("a " + longish + "\r\nb NOOP\r\n", limits) == Events{"bad a|Line too long", "cmd b|b NOOP"});
  CHECK(events(longish + " y\r\nb NOOP\r\n", limits) == Events{"bad |Line too long", "cmd b|b NOOP"});
  CHECK(events("a " + longish + " {9+}\r\nc NOOP\r\n\r\nb NOOP\r\n", limits) ==
        Events{"bad a|Line too long", "cmd b|b NOOP"});
  CHECK(events("a X {9+}\r\nc NOOP\r\n {3+}\r\n\r\n\r\r\nb NOOP\r\n", limits) ==
        Events{"bad a|Literal too big", "cmd b|b NOOP"});
  // The client waits for "+", so nothing follows.
  CHECK(events("a X {9+}\r\nc NOOP\r\n {3}\r\nb NOOP\r\n", limits) == Events{"bad a|Literal too big", "cmd b|b NOOP"});
  CHECK(events("a X {4+}\r\nabcd " + longish + "\r\nb NOOP\r\n", limits) ==
        Events{"bad a|Line too long", "cmd b|b NOOP"});
  CHECK(events("a X {101+}\r\n", limits) == Events{"bad a|Literal too big to be skipped|fatal"});
  CHECK(events("a X {99999999999999999999999}\r\nb NOOP\r\n", limits) ==
        Events{"bad a|Literal too big", "cmd b|b NOOP"});
  CHECK(events("a X {18446744073709551616+}\r\n", limits) == Events{"bad a|Literal too big to be skipped|fatal"});
}

TEST_CASE("the limit of a line counts its CRLF", "[imap]") {
  ReaderLimits limits;
  limits.line = 10;
  CHECK(events("a NOOPxx\r\nb NOOP\r\n", limits) == Events{"cmd a|a NOOPxx", "cmd b|b NOOP"});
  CHECK(events("a NOOPxxx\r\nb NOOP\r\n", limits) == Events{"bad a|Line too long", "cmd b|b NOOP"});
}

TEST_CASE("a command is bounded as a whole", "[imap]") {
  ReaderLimits limits;
  limits.command = 40;
  CHECK(events("a X {20+}\r\n12345678901234567890 {9+}\r\n123456789\r\nb NOOP\r\n", limits) ==
        Events{"bad a|Command too big", "cmd b|b NOOP"});
  CHECK(events("a APPEND x {50+}\r\n" + std::string(50, 'm') + "\r\n", limits).front().starts_with("cmd a"));
  std::string many = "a X";
  for (int i = 0; i < 1001; ++i) many += " {0+}\r\n";
  const auto seen = run(many + "\r\nb NOOP\r\n", {}, {});
  CHECK(seen.events == Events{"bad a|Too many literals", "cmd b|b NOOP"});
}

TEST_CASE("LF alone ends no command", "[imap]") {
  CHECK(events("a NOOP\nb NOOP\r\n") == Events{"bad a|Line ends with LF alone", "cmd b|b NOOP"});
  CHECK(events("a X {8+}\nc NOOP\r\n\r\nb NOOP\r\n") == Events{"bad a|Line ends with LF alone", "cmd b|b NOOP"});
  CHECK(events("a NOOP\rb\r\n") == Events{"cmd a|a NOOP\rb"});
}

TEST_CASE("single lines between commands", "[imap]") {
  const std::size_t chunk = GENERATE(1, 3, 1000);
  CommandReader reader;
  std::string_view input = "DONE\r\n0123456789\r\nx\nYQ==\r\na NOOP\r\n";
  std::vector<std::string> seen;
  for (; !input.empty(); input.remove_prefix(std::min(chunk, input.size()))) {
    reader.feed(input.substr(0, chunk));
    while (seen.size() < 4) {
      const auto line = reader.next_line(10);
      if (!line) break;
      seen.push_back(*line ? **line : std::string(to_string(line->error())));
    }
  }
  CHECK(seen == Events{"DONE", "Line too long", "Line ends with LF alone", "YQ=="});
  CHECK(show(reader.next()) == "cmd a|a NOOP");
}

TEST_CASE("a line that was reported as too long does not become a command", "[imap]") {
  CommandReader reader;
  reader.feed("0123456789");
  REQUIRE(reader.next_line(8)->error() == BadReason::kLineTooLong);
  CHECK(std::holds_alternative<NeedMore>(reader.next()));
  reader.feed("9 NOOP\r\na NOOP\r\n");
  CHECK(show(reader.next()) == "cmd a|a NOOP");
}

TEST_CASE("what follows STARTTLS in clear text can be seen", "[imap]") {
  CommandReader reader;
  reader.feed("a STARTTLS\r\nb LOGIN x y\r\n");
  CHECK(show(reader.next()) == "cmd a|a STARTTLS");
  CHECK_FALSE(reader.in_command());
  CHECK(reader.unconsumed() == "b LOGIN x y\r\n");
}

TEST_CASE("a command that is given up is skipped to its end", "[imap]") {
  CommandReader reader;
  reader.feed("a APPEND INBOX {5+}\r\nabc");
  CHECK(std::holds_alternative<NeedMore>(reader.next()));
  CHECK(reader.message_octets() == 3);
  reader.give_up();
  CHECK(reader.message_octets() == 0);
  reader.feed("de {4+}\r\nfghi\r\nb NOOP\r\n");
  CHECK(show(reader.next()) == "bad a|Too many messages at once, try again later");
  CHECK(show(reader.next()) == "cmd b|b NOOP");
}

TEST_CASE("only messages count as messages", "[imap]") {
  CommandReader reader;
  reader.feed("a APPEND {5+}\r\nINBOX {3+}\r\nab");
  CHECK(std::holds_alternative<NeedMore>(reader.next()));
  CHECK(reader.message_octets() == 2);
  reader.feed("c\r\n");
  CHECK(show(reader.next()) == "cmd a|a APPEND <INBOX> <abc>");
  CHECK(reader.message_octets() == 0);
}
