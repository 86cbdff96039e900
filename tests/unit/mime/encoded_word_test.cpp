#include "common/mime/encoded_word.h"

#include <catch2/catch.hpp>

#include "common/mime/charset.h"

using namespace quartet::mime;

TEST_CASE("the examples of RFC 2047 section 8", "[mime]") {
  CHECK(decode_words("=?ISO-8859-1?Q?a?=") == "a");
  CHECK(decode_words("=?ISO-8859-1?Q?a?= b") == "a b");
  CHECK(decode_words("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=") == "ab");
  CHECK(decode_words("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=") == "ab");
  CHECK(decode_words("=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=") == "ab");
  CHECK(decode_words("=?ISO-8859-1?Q?a_b?=") == "a b");
  CHECK(decode_words("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=") == "a b");
  CHECK(decode_words("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>") ==
        "Keld J\xC3\xB8rn Simonsen <keld@dkuug.dk>");
  CHECK(decode_words("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
                     " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=") ==
        "If you can read this you understand the example.");
}

TEST_CASE("what a line was folded with is one space", "[mime]") {
  CHECK(decode_words("one\r\n\ttwo \r\n  three\n\tf\xC3\xBCnf\r\n") == "one two three f\xC3\xBCnf");
  CHECK(decode_words("one\ttwo  three") == "one\ttwo  three");
}

TEST_CASE("words that others make", "[mime]") {
  CHECK(decode_words("=?utf-8*de?q?gr=C3=BCn?=") == "gr\xC3\xBCn");            // RFC 2231 section 5
  CHECK(decode_words("=?utf-8?B?4oI=?= =?utf-8?B?rA==?=") == "\xE2\x82\xAC");  // a character cut in two
  CHECK(decode_words("=?utf-8?q?one two?=") == "one two");
  CHECK(decode_words("=?x-nothing?q?a?=") == "=?x-nothing?q?a?=");
  CHECK(decode_words("=?utf-8?x?a?=") == "=?utf-8?x?a?=");
  CHECK(decode_words("=?utf-8?q?open") == "=?utf-8?q?open");
  CHECK(decode_words("=?") == "=?");
  CHECK(decode_words("=??q?a?=") == "=??q?a?=");
  CHECK(decode_words("raw \xE9 latin") == "raw \xC3\xA9 latin");
  CHECK(decode_words("raw \xC3\xA9 utf8") == "raw \xC3\xA9 utf8");
  CHECK(decode_words("=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=") == "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E");
  CHECK(decode_words("=?utf-8?q?=FF?=") == "\xEF\xBF\xBD");
}

TEST_CASE("words that only begin cost linear time", "[mime]") {
  for (const std::string_view piece : {"=?utf-8?q? ", "=?utf-8?x? ", "=?utf 8?q? ", "=?", "=?="}) {
    std::string text;
    while (text.size() < 500'000) text += piece;
    INFO(piece);
    CHECK_FALSE(decode_words(text).empty());
    CHECK_FALSE(decode_words(text + "?=").empty());
  }
}

TEST_CASE("what is encoded is short enough and reads back", "[mime]") {
  const std::string text = GENERATE(
      std::string("plain"),
      std::string("Gr\xC3\xBC\xC3\x9F"
                  "e aus M\xC3\xBCnchen"),
      std::string("looks =?utf-8?q?like?= one"),
      std::string("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE3\x81\xAE\xE9\x95\xB7\xE3\x81\x84\xE4\xBB\xB6\xE5\x90\x8D"
                  "\xE3\x81\xAF\xE6\x8A\x98\xE3\x82\x8A\xE8\xBF\x94\xE3\x81\x95\xE3\x82\x8C\xE3\x81\xBE\xE3\x81\x99"
                  "\xF0\x9F\x93\xA7\xF0\x9F\x93\xA8\xF0\x9F\x93\xA9"),
      std::string("  spaces \xC3\xA9 around  "));
  const std::size_t column = GENERATE(std::size_t{0}, std::size_t{9}, std::size_t{70});
  const std::string encoded = encode_words(text, column);
  CHECK(is_ascii(encoded));
  CHECK(decode_words(encoded) == text);
  CHECK(decode_words(encode_words_unfolded(text)) == text);
  if (encoded != text) {
    std::string_view rest = encoded;
    while (!rest.empty()) {
      const std::size_t end = rest.find("\r\n ");
      CHECK(rest.substr(0, end).size() <= 75);
      rest = end == std::string_view::npos ? "" : rest.substr(end + 3);
    }
  }
  CHECK((encode_words("plain") == "plain"));
}
