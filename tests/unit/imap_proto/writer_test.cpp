// RFC 9051 sections 4.3, 5.1 and 9.
#include "imapd/proto/writer.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::imapd;

namespace {
template <typename Function, typename... Arguments>
std::string put(Function function, const Arguments&... arguments) {
  std::string out;
  function(out, arguments...);
  return out;
}
std::string string(std::string_view text, bool utf8 = false) { return put(append_string, text, utf8); }
std::string astring(std::string_view text, bool utf8 = false) { return put(append_astring, text, utf8); }
}  // namespace

TEST_CASE("strings are quoted where that is possible", "[imap]") {
  CHECK(string("") == "\"\"");
  CHECK(string("a \"b\" \\c") == R"("a \"b\" \\c")");
  CHECK(string("a\r\nb") == "{4}\r\na\r\nb");
  CHECK(string("\u00E9") == "{2}\r\n\u00E9");
  CHECK(string("\u00E9", true) == "\"\u00E9\"");
  CHECK(string("\xE9", true) == "{1}\r\n\xE9");
  CHECK(string({"a\0b", 3}) == "\"a?b\"");
  CHECK(string(std::string(1025, 'x')).starts_with("{1025}\r\nx"));
  CHECK(put(append_nstring, std::nullopt, false) == "NIL");
  CHECK(put(append_literal8, std::string_view("a\0b", 3)) == std::string("~{3}\r\na\0b", 9));
}

TEST_CASE("atoms stay bare", "[imap]") {
  CHECK(astring("INBOX") == "INBOX");
  CHECK(astring("a b") == "\"a b\"");
  CHECK(astring("") == "\"\"");
  CHECK(astring("nil") == "\"nil\"");
  CHECK(astring("100%") == "\"100%\"");
  CHECK(is_atom("$Forwarded"));
  CHECK_FALSE(is_atom("a]"));
}

TEST_CASE("names of mailboxes as the client has enabled", "[imap]") {
  CHECK(put(append_mailbox_name, std::string_view("Entw\u00FCrfe"), false) == "Entw&APw-rfe");
  CHECK(put(append_mailbox_name, std::string_view("Entw\u00FCrfe"), true) == "\"Entw\u00FCrfe\"");
  CHECK(put(append_mailbox_name, std::string_view("R&D"), false) == "R&-D");
  CHECK(put(append_mailbox_name, std::string_view("R&D"), true) == "R&D");
}

TEST_CASE("a FETCH response begins with what names the message", "[imap]") {
  CHECK(put(append_fetch, std::size_t{3}, std::uint32_t{825}, false) == "* 3 FETCH (");
  CHECK(put(append_fetch, std::size_t{3}, std::uint32_t{825}, true) == "* 825 UIDFETCH (");
}

TEST_CASE("dates, flags, text", "[imap]") {
  CHECK(put(append_date_time, from_micros(1'796'000'000'000'000)) == "\"30-Nov-2026 00:53:20 +0000\"");
  CHECK(put(append_date_time, from_micros(0)) == "\" 1-Jan-1970 00:00:00 +0000\"");
  const std::vector<std::string> flags = {"\\Seen", "$Junk"};
  std::string out = "FLAGS ";
  append_flags(out, flags);
  CHECK(out == "FLAGS (\\Seen $Junk)");
  out.clear();
  append_flags(out, {});
  CHECK(out == "()");
  CHECK(put(append_text, std::string_view("a\r\nb\u00E9")) == "a??b??");
}
