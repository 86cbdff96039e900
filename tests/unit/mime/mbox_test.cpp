// mbox files: RFC 4155, and what is about besides.
#include "common/mime/mbox.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace quartet;
using namespace quartet::mime;

namespace {

constexpr std::int64_t kSecond = 1'000'000;
const WallTime kThen = from_micros(1'795'525'509 * kSecond);  // 2026-11-24 13:05:09 UTC

std::string as_mbox(std::string_view content, std::size_t piece) {
  MboxWriter mbox;
  auto out = mbox.begin("a@b.test", from_micros(1'800'000'000 * kSecond));
  for (; !content.empty(); content.remove_prefix(std::min(piece, content.size())))
    out += mbox.add(content.substr(0, piece));
  return out + mbox.end();
}

std::vector<std::string> messages_of(std::string_view file) {
  MboxReader reader(file);
  std::vector<std::string> out;
  while (const auto item = reader.next()) out.push_back(mbox_message(item->content));
  return out;
}

}  // namespace

TEST_CASE("an mbox does not depend on how the message was split, and can be taken apart again", "[mime]") {
  const std::size_t piece = GENERATE(1, 2, 3, 7, 1000);
  const std::string message = "Subject: x\r\n\r\nFrom here\r\n>From there\r\nnot From\r\n";
  const auto file = as_mbox(message, piece);
  CHECK(file ==
        "From a@b.test Fri Jan 15 08:00:00 2027\n"
        "Subject: x\n\n>From here\n>>From there\nnot From\n\n");
  CHECK(messages_of(file) == std::vector{message});
  CHECK(as_mbox("no end\rof line", piece) == "From a@b.test Fri Jan 15 08:00:00 2027\nno end\rof line\n\n");
}

TEST_CASE("the line before a message", "[mime]") {
  CHECK(mbox_entry("x", "", kThen) == "From MAILER-DAEMON Tue Nov 24 13:05:09 2026\nx\n\n");
  CHECK(mbox_entry("x", "\"a b\"@c.test", kThen).starts_with("From \"a?b\"@c.test Tue"));
  const auto [line, sender, seconds] = GENERATE(table<std::string, std::string, int>({
      {"From bob@b.test Tue Nov 24 13:05:09 2026", "bob@b.test", 0},
      {"From - Tue Nov 24 13:05:09 2026", "-", 0},
      {"From  Tue Nov 24 13:05:09 2026", "", 0},
      {"From bob@b.test  Tue Nov 24 13:05 2026", "bob@b.test", -9},
      {"From bob@b.test Tue Nov 24 14:05:09 2026 +0100", "bob@b.test", 0},
      {"From bob@b.test Tue Nov 24 14:05:09 +0100 2026", "bob@b.test", 0},
      {"From bob@b.test Tue Nov 24 08:05:09 EST 2026", "bob@b.test", 0},
      {"From bob@b.test Tue Nov 24 15:05:09 MET DST 2026", "bob@b.test", 0},
      {"From bob Tue Nov 24 13:05:09 2026 remote from uucp", "bob", 0},
      {"From \"Mon A\"@b.test Tue Nov 24 13:05:09 2026", "\"Mon A\"@b.test", 0},
  }));
  INFO(line);
  const auto postmark = parse_postmark_line(line);
  REQUIRE(postmark);
  CHECK(postmark->sender == sender);
  CHECK(postmark->time == kThen + std::chrono::seconds(seconds));
}

TEST_CASE("text that only begins like it", "[mime]") {
  CHECK_FALSE(parse_postmark_line("From me to you"));
  CHECK_FALSE(parse_postmark_line("From me on Tue Nov 24 I heard nothing"));
  CHECK_FALSE(parse_postmark_line("From bob@b.test Tue Nov 32 13:05:09 2026"));
  CHECK_FALSE(parse_postmark_line("From bob@b.test Tue Nov"));
  CHECK_FALSE(parse_postmark_line("From bob on Tue Nov 24 13:05:09 I heard of 2026"));
  CHECK_FALSE(parse_postmark_line("Tue Nov 24 13:05:09 2026"));
  CHECK(messages_of("From a@b.test Tue Nov 24 13:05:09 2026\nA: 1\n\nx\n\nFrom me to you\n\n") ==
        std::vector<std::string>{"A: 1\r\n\r\nx\r\n\r\nFrom me to you\r\n"});
}

TEST_CASE("messages one after another", "[mime]") {
  const std::string mark = "From a@b.test Tue Nov 24 13:05:09 2026";
  const auto file = mark + "\nA: 1\n\nx\n\n" + mark + "\nA: 2\n\n\n" + mark + "\n\n" + mark + "\nA: 4\n" + mark;
  CHECK(messages_of(file) == std::vector<std::string>{"A: 1\r\n\r\nx\r\n", "A: 2\r\n\r\n", "", "A: 4\r\n", ""});
  CHECK(messages_of("\n" + mark + "\r\nA: 1\r\n\r\nx\r\n\r\n" + mark + "\r\nA: 2\r\n") ==
        std::vector<std::string>{"A: 1\r\n\r\nx\r\n", "A: 2\r\n"});
  MboxReader places(file);
  CHECK(places.next()->offset == 0);
  CHECK(places.next()->offset == mark.size() + 10);
}

TEST_CASE("a length that the header gives is believed where a message ends there", "[mime]") {
  const std::string mark = "From a@b.test Tue Nov 24 13:05:09 2026\n";
  const std::string body = "x\n\n" + mark + "y\n";
  const auto head = "Content-Length: " + std::to_string(body.size()) + "\n\n";
  CHECK(messages_of(mark + head + body + "\n" + mark + "z\n").size() == 2);
  CHECK(messages_of(mark + head + body).size() == 1);
  CHECK(messages_of(mark + "Content-Length: 3\n\n" + body + "\n" + mark + "z\n").size() == 3);
  CHECK(messages_of(mark + "Content-Length: 99999999999999999999\n\n" + body).size() == 2);
}

TEST_CASE("what is no mbox", "[mime]") {
  CHECK(MboxReader("").is_mbox());
  CHECK(MboxReader("\n\n").is_mbox());
  CHECK(messages_of("\n\n").empty());
  CHECK_FALSE(MboxReader("Subject: x\n\n").is_mbox());
  CHECK_FALSE(MboxReader("From me to you\n").is_mbox());
  CHECK(messages_of("Subject: x\n\n").empty());
}
