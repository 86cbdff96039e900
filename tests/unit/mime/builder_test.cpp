#include "common/mime/builder.h"

#include <catch2/catch.hpp>

#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"
#include "common/mime/lines.h"
#include "common/mime/structure.h"

using namespace quartet::mime;

namespace {
std::size_t longest_line(std::string_view text) {
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find("\r\n", at), text.size());
    longest = std::max(longest, end - at);
    at = end + 2;
  }
  return longest;
}
std::string field(std::string_view name, std::string_view value) {
  std::string out;
  append_field(out, name, value);
  return out;
}
std::string text_of(std::string_view message, const Part& part) { return decode(part.encoding, part.body(message)); }
}  // namespace

TEST_CASE("fields are folded at white space and read back", "[mime]") {
  CHECK(field("Subject", "short") == "Subject: short\r\n");
  CHECK(field("Subject", "") == "Subject: \r\n");
  CHECK(field("Subject", "a\r\nX: b") == "Subject: a  X: b\r\n");
  std::string words;
  for (int i = 0; i < 60; ++i) words += i % 7 == 0 ? "  word" : " another";
  const std::string folded = field("X-Long", words);
  CHECK(longest_line(folded) <= 78);
  const std::string block = folded + "\r\n";
  const Header header(block);
  REQUIRE(header.fields().size() == 1);
  CHECK(header.terminated());
  CHECK(header.text("X-Long") == words.substr(2));
}

TEST_CASE("a word too long for any line is broken", "[mime]") {
  std::string word;
  for (int i = 0; i < 1500; ++i) word += "\xC3\xA9";
  const std::string folded = field("X", "a " + word + " b");
  CHECK(longest_line(folded) < 998);
  CHECK(is_utf8(folded));
  std::string joined = folded;
  std::erase_if(joined, [](char c) { return c == ' ' || c == '\r' || c == '\n'; });
  CHECK(joined == "X:a" + word + "b");
  for (std::size_t at = folded.find("\r\n"); at + 2 < folded.size(); at = folded.find("\r\n", at + 2)) {
    CHECK(folded[at + 2] == ' ');
    CHECK(folded[at + 3] != ' ');
  }
}

TEST_CASE("a plain message", "[mime]") {
  const std::string message =
      build_message({{{"From", "Ann <ann@a.test>"}, {"Subject", "hello"}}, "one\ntwo\r\nthree\rend", {}});
  CHECK(
      message ==
      "From: Ann <ann@a.test>\r\nSubject: hello\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
      "Content-Transfer-Encoding: 7bit\r\n\r\none\r\ntwo\r\nthree\r\nend\r\n");
  CHECK(build_message({{}, "", {}}).ends_with("\r\n\r\n"));
}

TEST_CASE("text and fields beyond ASCII are encoded, addresses are not", "[mime]") {
  SimpleMessage simple;
  simple.fields = {{"From", "J\xC3\xBCrgen <j@a.test>, Team: Zo\xC3\xAB <z@b.test>, plain@c.test;, gr\xC3\xBCn@d.test"},
                   {"Subject",
                    "Gr\xC3\xBC\xC3\x9F"
                    "e, und dazu eine recht lange Betreffzeile, die umbrochen werden mu\xC3\x9F"}};
  simple.text =
      "Gr\xC3\xBC\xC3\x9F"
      "e\n";
  const std::string message = build_message(simple);
  const Header header(message);
  CHECK(decode_words(header.text("Subject")) == simple.fields[1].second);
  CHECK(decode_words(header.text("From")) ==
        "J\xC3\xBCrgen <j@a.test>, Team: Zo\xC3\xAB <z@b.test>, plain@c.test;, gr\xC3\xBCn@d.test");
  CHECK(header.text("From").find("gr\xC3\xBCn@d.test") != std::string::npos);
  CHECK(header.text("From").find("=?utf-8?") == 0);
  CHECK(longest_line(message) <= 78);
  const Part part = parse_structure(message);
  CHECK(part.charset() == "utf-8");
  CHECK(text_of(message, part) ==
        "Gr\xC3\xBC\xC3\x9F"
        "e\r\n");
}

TEST_CASE("attachments read back as they were", "[mime]") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes.push_back(static_cast<char>(i));
  SimpleMessage simple;
  simple.fields = {{"Subject", "x"}};
  simple.text = "see below";
  const std::string long_name(90, 'n');
  const std::string umlauts =
      "\xC3\x9C"
      "bersicht \"2026\" mit einem recht langen Namen, der nicht in eine Zeile passt.pdf";
  simple.attachments = {{"image/png; x=y", "a b\".png", bytes},
                        {"application/pdf", umlauts, "%PDF"},
                        {"text/plain", long_name, ""},
                        {"message/rfc822", "", "Subject: in\n\ncaf\xC3\xA9 au lait\n"}};
  const std::string message = build_message(simple);
  CHECK(message == build_message(simple));  // nothing random in it
  CHECK(scan_lines(message).seven_bit());
  CHECK(longest_line(message) <= 78);
  const Part root = parse_structure(message);
  REQUIRE(root.children.size() == 5);
  CHECK(text_of(message, root.children[0]) == "see below\r\n");
  CHECK(text_of(message, root.children[1]) == bytes);
  CHECK(root.children[1].type.parameter("x") == "y");
  CHECK(parse_disposition(root.children[1].disposition).parameter("filename") == "a b\".png");
  CHECK(parse_disposition(root.children[2].disposition).parameter("filename") == umlauts);
  CHECK(parse_disposition(root.children[3].disposition).parameter("filename") == long_name);
  CHECK(root.children[3].body_size == 0);
  REQUIRE(root.children[4].kind == Part::Kind::kMessage);
  CHECK(text_of(message, root.children[4].children[0]) == "caf\xC3\xA9 au lait\r\n");
}

TEST_CASE("a text that holds the boundary gets another", "[mime]") {
  SimpleMessage simple;
  simple.text = "text";
  simple.attachments = {{"text/plain", "", "x"}};
  const std::string first(parse_structure(build_message(simple)).type.parameter("boundary"));
  simple.text = "--" + first;
  const std::string second(parse_structure(build_message(simple)).type.parameter("boundary"));
  CHECK(first != second);
}
