// RFC 9051 section 7.
#include "ctl/transfer/imap_response.h"

#include <catch2/catch.hpp>

using namespace quartet::transfer;

namespace {

std::string text_of(const ImapValue& value) {
  if (value.kind == ImapValue::Kind::kNil) return "NIL";
  if (value.kind == ImapValue::Kind::kAtom) return value.text;
  if (value.kind == ImapValue::Kind::kString) return "\"" + value.text + "\"";
  std::string out = "(";
  for (const auto& one : value.list) out += (out.size() > 1 ? " " : "") + text_of(one);
  return out + ")";
}

/// All of it, read in pieces of that size, in one line for each response.
std::vector<std::string> read(std::string_view input, std::size_t piece, ImapLimits limits = {}) {
  ImapResponseReader reader(limits);
  std::vector<std::string> out;
  for (; !input.empty(); input.remove_prefix(std::min(piece, input.size()))) {
    reader.feed(input.substr(0, piece));
    while (const auto event = reader.next()) {
      if (!*event) {
        out.push_back("error: " + event->error());
        return out;
      }
      const auto& response = **event;
      auto line = response.tag + (response.number ? " " + std::to_string(*response.number) : "") + " " + response.name;
      if (!response.code.empty()) line += " [" + response.code + "]";
      if (!response.text.empty()) line += " " + response.text;
      for (const auto& value : response.values) line += " " + text_of(value);
      out.push_back(line);
    }
  }
  if (!reader.unconsumed().empty()) out.emplace_back("more");
  return out;
}

}  // namespace

TEST_CASE("responses do not depend on how the bytes were split", "[transfer]") {
  const std::size_t piece = GENERATE(1, 2, 7, 4096);
  CHECK(read("* OK [CAPABILITY IMAP4rev1 LITERAL+] ready {3}\r\n"
             "* LIST (\\HasNoChildren \\Sent) \"/\" \"Se\\\"n\\\\t\"\r\n"
             "* list () NIL {5}\r\nIN\r\nX\r\n"
             "* 23 FETCH (UID 7 FLAGS (\\Seen $a) BODY[HEADER.FIELDS (A B)] {4}\r\na\r\n\n RFC822.SIZE 4)\r\n"
             "* 1 FETCH (BODY[] ~{0}\r\n BODY[1]<0> \"\")\r\n"
             "+ go on\r\n+\r\n"
             "a1 no nothing here\r\n* BYE\r\n",
             piece) == std::vector<std::string>{
                           "* OK [CAPABILITY IMAP4rev1 LITERAL+] ready {3}",
                           "* LIST (\\HasNoChildren \\Sent) \"/\" \"Se\"n\\t\"", "* LIST () NIL \"IN\r\nX\"",
                           "* 23 FETCH (UID 7 FLAGS (\\Seen $a) BODY[HEADER.FIELDS (A B)] "
                           "\"a\r\n\n\" RFC822.SIZE 4)",
                           "* 1 FETCH (BODY[] \"\" BODY[1]<0> \"\")", "  go on", " ", "a1 NO nothing here", "* BYE"});
}

TEST_CASE("what is no IMAP", "[transfer]") {
  const std::string input = GENERATE("\r\n", "* \r\n", "a1 LIST ()\r\n", "* LIST (\r\n", "* LIST )\r\n",
                                     "* LIST \"x\r\n", "* LIST \"x\\\r\n", "* 5\r\n", "220 mail.test ESMTP\r\n");
  INFO(input);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}}) {
    const auto seen = read(input + "* OK\r\n", piece);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].starts_with("error: what the server says makes no sense"));
  }
}

TEST_CASE("limits", "[transfer]") {
  const ImapLimits limits{.line = 20, .literal = 10, .literals = 2, .depth = 2};
  CHECK(read("* LIST 34567890123456\r\n", 1, limits).front().starts_with("error: the server sends a line"));
  CHECK(read("* LIST 3456789012\r\n", 1, limits).size() == 1);
  CHECK(read("* LIST {11}\r\n", 1, limits).front().starts_with("error: the server sends more"));
  CHECK(read("* X {1}\r\nx{1}\r\nx\r\n", 1, limits) == std::vector<std::string>{"* X \"x\" \"x\""});
  CHECK(read("* X {1}\r\nx{1}\r\nx{1}\r\nx\r\n", 1, limits).front().starts_with("error: the server sends more"));
  CHECK(read("* X ((x))\r\n", 1, limits) == std::vector<std::string>{"* X ((x))"});
  CHECK(read("* X (((x)))\r\n", 1, limits).front().starts_with("error: what"));
}

TEST_CASE("strings to a server", "[transfer]") {
  CHECK(imap_string("a\"b\\c", false) == R"("a\"b\\c")");
  CHECK(imap_string("", false) == "\"\"");
  CHECK_FALSE(imap_string("\xC3\xA4", false));
  CHECK(imap_string("\xC3\xA4", true) == "{2+}\r\n\xC3\xA4");
  CHECK_FALSE(imap_string(std::string_view("\0", 1), true));
}
