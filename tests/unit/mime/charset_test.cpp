#include "common/mime/charset.h"

#include <catch2/catch.hpp>

using namespace quartet::mime;

TEST_CASE("charsets become UTF-8", "[mime]") {
  CHECK(to_utf8("abc", "") == "abc");
  CHECK(to_utf8("\x80 \xE4", "iso-8859-1") == "\xE2\x82\xAC \xC3\xA4");  // really Windows-1252
  CHECK(to_utf8("\xA4", "ISO-8859-15") == "\xE2\x82\xAC");
  CHECK(to_utf8("\xC4\xE3\xBA\xC3", "GB2312") == "\xE4\xBD\xA0\xE5\xA5\xBD");
  CHECK(to_utf8("\xB0\xA1", "ks_c_5601-1987") == "\xEA\xB0\x80");
  CHECK(to_utf8("\x82\xA0", "Shift_JIS") == "\xE3\x81\x82");
  CHECK(to_utf8("+AOk-", "utf-7") == "\xC3\xA9");
  CHECK(to_utf8("\xC3\xA9", "no-such-charset") == "\xC3\xA9");
  CHECK(to_utf8("\xE9", "no-such-charset") == "\xC3\xA9");
}

TEST_CASE("wrong bytes are replaced, never fatal", "[mime]") {
  CHECK(to_utf8("a\xFFz", "utf-8") == "a\xEF\xBF\xBDz");
  CHECK(to_utf8("\xE2\x82", "utf-8") == "\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(is_utf8(to_utf8("\x82", "Shift_JIS")));
  CHECK(is_utf8(to_utf8(std::string("\x1B$B\x30", 4), "ISO-2022-JP")));
  CHECK(to_utf8("x", "UTF-8//TRANSLIT") == "x");
  CHECK_FALSE(charset_known("UTF-8//TRANSLIT"));
  CHECK_FALSE(charset_known("../../etc/passwd"));
  CHECK(charset_known(""));
  CHECK(charset_known("koi8-r"));
}

TEST_CASE("UTF-8 is judged by the table of Unicode", "[mime]") {
  CHECK(is_utf8("\xF0\x9F\x93\xA7"));
  CHECK_FALSE(is_utf8("\xC0\x80"));          // overlong
  CHECK_FALSE(is_utf8("\xED\xA0\x80"));      // surrogate
  CHECK_FALSE(is_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
  CHECK_FALSE(is_utf8("\xE2\x82"));
  CHECK(is_ascii("12345678901234567"));
  CHECK_FALSE(is_ascii("1234567890123456\x80"));
}
