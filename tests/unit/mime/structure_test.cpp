#include "common/mime/structure.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "tests/unit/mime/letters.h"

using namespace quartet::mime;

namespace {
/// "multipart/mixed(text/plain message/rfc822(text/plain))".
std::string outline(const Part& part) {
  std::string out = part.type.type + "/" + part.type.subtype;
  if (part.children.empty()) return out;
  out += "(";
  for (std::size_t i = 0; i < part.children.size(); ++i) out += (i > 0 ? " " : "") + outline(part.children[i]);
  return out + ")";
}

std::string outline(std::string_view message) { return outline(parse_structure(message)); }

bool same(const Part& a, const Part& b) {
  if (a.kind != b.kind || a.header_offset != b.header_offset || a.body_offset != b.body_offset ||
      a.body_size != b.body_size || a.header_lines != b.header_lines || a.body_lines != b.body_lines ||
      a.encoding != b.encoding || a.type.type != b.type.type || a.type.subtype != b.type.subtype ||
      a.charset() != b.charset() || a.children.size() != b.children.size())
    return false;
  for (std::size_t i = 0; i < a.children.size(); ++i)
    if (!same(a.children[i], b.children[i])) return false;
  return true;
}
}  // namespace

TEST_CASE("nested multiparts and messages, with CRLF and with LF", "[mime]") {
  const std::string end = GENERATE("\r\n", "\n");
  const std::string message = nested_letter(end);
  const Part root = parse_structure(message);
  CHECK(outline(root) ==
        "multipart/mixed(multipart/alternative(text/plain text/html) "
        "message/rfc822(multipart/digest(message/rfc822(text/plain) text/plain)))");
  const Part& alternative = root.children[0];
  CHECK(alternative.children[0].body(message) == "plain text");
  CHECK(alternative.children[0].header(message) == end);
  CHECK(alternative.children[1].body(message) == "<p>html=20text</p>" + end);
  CHECK(alternative.children[1].encoding == Encoding::kQuotedPrintable);
  CHECK(alternative.children[1].charset() == "utf-8");
  CHECK(alternative.children[1].body_lines == 1);
  CHECK(alternative.body(message).ends_with("inner epilogue"));
  const Part& inside = root.children[1].children[0];
  CHECK(inside.header(message).starts_with("Subject: inside"));
  CHECK(inside.children[0].children[0].body(message) == "first");
  CHECK(inside.children[1].body(message) == "second");
  CHECK(inside.body(message).ends_with("--d--"));
  CHECK(root.body(message).ends_with("epilogue" + end));
  CHECK(root.header_lines == 5);
}

TEST_CASE("broken boundaries are read as mail programs do", "[mime]") {
  const std::string head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  CHECK(outline(head + "--b\r\n\r\none") == "multipart/mixed(text/plain)");  // never closed
  CHECK(outline(head + "--b\r\n\r\none\r\n--b  \r\n\r\ntwo\r\n--b--") == "multipart/mixed(text/plain text/plain)");
  CHECK(outline(head + "no boundary at all\r\n") == "multipart/mixed(text/plain)");
  CHECK(outline(head) == "multipart/mixed(text/plain)");
  CHECK(outline("Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\none\r\n--x--") == "multipart/mixed(text/plain)");
  CHECK(outline(head + "--b--\r\n") == "multipart/mixed(text/plain)");  // closed before anything
  CHECK(outline(head + "--b") == "multipart/mixed(text/plain)");
  CHECK(outline(head + "--b\r\nContent-Type: text/html\r\n--b\r\n\r\ntwo\r\n--b--\r\n") ==
        "multipart/mixed(text/html text/plain)");  // a header without an end
  const std::string missing =
      head +
      "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n";
  CHECK(outline(missing) == "multipart/mixed(multipart/alternative(text/plain) text/plain)");
  const std::string equal =
      head + "--b\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n";
  CHECK(outline(equal) == "multipart/mixed(multipart/alternative(text/plain))");
}

TEST_CASE("a multipart without boundary lines is one text part of all its bytes", "[mime]") {
  const std::string message = "Content-Type: multipart/mixed; boundary=b\r\n\r\nhello\r\nworld\r\n";
  const Part root = parse_structure(message);
  REQUIRE(root.children.size() == 1);
  CHECK(root.children[0].body(message) == "hello\r\nworld\r\n");
  CHECK(root.children[0].body_lines == 2);
}

TEST_CASE("types that mean something else", "[mime]") {
  CHECK(outline("\r\nbody") == "text/plain");
  CHECK(outline("body without header") == "text/plain");
  CHECK(outline("") == "text/plain");
  CHECK(outline("Content-Type: nonsense\r\n\r\n") == "text/plain");
  CHECK(outline("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA==") ==
        "message/rfc822");
  CHECK(outline("Content-Type: message/rfc822\r\n\r\n") == "message/rfc822(text/plain)");
  CHECK(outline("content-type: TEXT/Html\r\nContent-Type: text/plain\r\n\r\n") == "TEXT/Html");
}

TEST_CASE("limits of depth and parts", "[mime]") {
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "Content-Type: message/rfc822\r\n\r\n";
  deep += "Subject: x\r\n\r\nbody";
  std::size_t depth = 0;
  const Part root = parse_structure(deep);
  for (const Part* at = &root; !at->children.empty(); at = &at->children.front()) ++depth;
  CHECK(depth == 50);

  std::string wide = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 100; ++i) wide += "--b\r\n\r\nx\r\n";
  StructureLimits limits;
  limits.parts = 10;
  const Part few = parse_structure(wide, limits);
  CHECK(few.children.size() == 9);
  CHECK(few.body(wide).size() == wide.size() - few.body_offset);
}

TEST_CASE("boundary lines that look like fields cost linear time", "[mime]") {
  std::string hostile = "Content-Type: multipart/mixed; boundary=\"b:\"\r\n\r\n";
  while (hostile.size() < 1'000'000) hostile += "--b:\r\n";
  const auto start = std::chrono::steady_clock::now();
  CHECK(parse_structure(hostile).children.size() > 1000);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("the tree survives its stored form", "[mime]") {
  const std::string message = nested_letter();
  const Part root = parse_structure(message);
  const std::string blob = encode_parts(root);
  CHECK(blob.size() < 256);
  const auto back = decode_parts(blob, message.size());
  REQUIRE(back);
  CHECK(same(root, *back));
  CHECK(encode_parts(*back) == blob);
}

TEST_CASE("a damaged tree is refused or stays within the message", "[mime]") {
  const std::string message = nested_letter();
  const std::string blob = encode_parts(parse_structure(message));
  CHECK_FALSE(decode_parts("", message.size()));
  CHECK_FALSE(decode_parts(blob + "x", message.size()));
  CHECK_FALSE(decode_parts(blob, message.size() - 1));
  std::string other = blob;
  other[0] = 2;
  CHECK_FALSE(decode_parts(other, message.size()));
  for (std::size_t cut = 0; cut < blob.size(); ++cut) CHECK_FALSE(decode_parts(blob.substr(0, cut), message.size()));
  for (std::size_t i = 1; i < blob.size(); ++i) {
    other = blob;
    other[i] = static_cast<char>(other[i] ^ 0x55);
    const auto part = decode_parts(other, message.size());
    if (part) CHECK(part->body_offset + part->body_size <= message.size());
  }
}
