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

TEST_CASE("Japanese mail has characters of vendors", "[mime]") {
  const std::string text = "\xE2\x91\xA0\xE6\x97\xA5\xE6\x9C\xAC";  // a circled one, and "Japan"
  CHECK(to_utf8("\x1B$B\x2D\x21\x46\x7C\x4B\x5C\x1B(B end", "ISO-2022-JP") == text + " end");
  CHECK(to_utf8("\xAD\xA1\xC6\xFC\xCB\xDC", "EUC-JP") == text);
  CHECK(to_utf8("\x87\x40\x93\xFA\x96\x7B", "Shift_JIS") == text);
  CHECK(to_utf8("\x1B(I\x43\x1B(B", "iso-2022-jp") == "\xEF\xBE\x83");
  CHECK(to_utf8("\x1B$B\x7C\x62\x1B(B", "iso-2022-jp") == "\xE9\xAB\x99");  // as in the name Takahashi
  CHECK(to_utf8("\x1B$B\x46\x7C\nab", "iso-2022-jp") == "\xE6\x97\xA5\nab");
  CHECK(to_utf8("\x1B$(Q\x2D\x21\x1B(B", "iso-2022-jp") == "\xE2\x91\xA0");  // JIS X 0213
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

TEST_CASE("one charset after the other costs no time", "[mime]") {
  for (int round = 0; round < 500; ++round)
    for (const char* name : {"big5", "euc-kr", "koi8-r", "gb2312", "shift_jis", "iso-8859-2", "iso-8859-5",
                             "iso-8859-7", "windows-1251", "windows-1250", "iso-8859-9", "euc-jp"})
      CHECK(to_utf8("a\x80", name).starts_with('a'));
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
