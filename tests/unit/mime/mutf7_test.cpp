// RFC 3501 section 5.1.3.
#include "common/mime/mutf7.h"

#include <catch2/catch.hpp>

using namespace quartet::mime;

TEST_CASE("names there and back", "[mime]") {
  const auto [name, wire] = GENERATE(table<std::string, std::string>({
      {"", ""},
      {"INBOX", "INBOX"},
      {"R&D", "R&-D"},
      {"&", "&-"},
      {"~peter/mail/\u53F0\u5317/\u65E5\u672C\u8A9E", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},  // the RFC's example
      {"Entw\u00FCrfe", "Entw&APw-rfe"},
      {"\u00E4\u00F6\u00FC", "&AOQA9gD8-"},
      {"\U0001F600", "&2D3eAA-"},
      {"a\U0001F600b\u00E9", "a&2D3eAA-b&AOk-"},
      {"\u00E9&", "&AOk-&-"},
      {"\t", "&AAk-"},
      {"\u007F", "&AH8-"},
  }));
  CHECK(to_mutf7(name) == wire);
  CHECK(from_mutf7(wire) == name);
}

TEST_CASE("every code point survives", "[mime]") {
  for (char32_t c = 1; c < 0x110000; c += c < 0x1000 ? 1 : 97) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string name;
    const auto put = [&name](char32_t octet) { name.push_back(static_cast<char>(octet)); };
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xC0 | (c >> 6)), put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      put(0xE0 | (c >> 12)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
    } else {
      put(0xF0 | (c >> 18)), put(0x80 | ((c >> 12) & 0x3F)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
    }
    const auto wire = to_mutf7(name + name + "x" + name);
    if (from_mutf7(wire) != name + name + "x" + name) FAIL("U+" << std::hex << static_cast<std::uint32_t>(c));
  }
}

TEST_CASE("a name has one spelling", "[mime]") {
  const std::string wire = GENERATE(values<std::string>({
      "a&b",            // no end
      "&AGE-",          // "a" in base64
      "&AAA-",          // NUL
      "&AOk",           // no end
      "&AOk-&AOk-",     // two pieces that are one
      "&AOl-",          // bits left over
      "&AO-",           // cut short
      "&AOkA-",         // an octet too much
      "&2D0-",          // high surrogate alone
      "&3gA-",          // low surrogate alone
      "&2D3YPQ-",       // two high ones
      "&AO/-",          // "/" is not of this base64
      "&AO k-",         // nor is a space
      "caf\u00E9",      // 8 bit
      "a\tb", "a\x7F",  // control characters
  }));
  CHECK_FALSE(from_mutf7(wire));
}
