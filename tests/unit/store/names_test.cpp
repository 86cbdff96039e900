#include "helpers.h"

using namespace quartet::store;

TEST_CASE("mailbox names have one canonical form", "[store]") {
  CHECK(canonical_name("Archive/2026").value() == "Archive/2026");
  CHECK(canonical_name("inbox").value() == "INBOX");
  CHECK(canonical_name("InBoX/Lists").value() == "INBOX/Lists");
  CHECK(canonical_name("Inboxes").value() == "Inboxes");
  CHECK(canonical_name("A/inbox").value() == "A/inbox");
  // e with a combining acute accent is composed (RFC 5198).
  CHECK(canonical_name("Cafe\u0301").value() == "Caf\u00e9");
}

TEST_CASE("names nobody could show or keep apart are refused", "[store]") {
  for (const char* name : {"", "/", "a/", "/a", "a//b", "tab\there", "\x7f", "bad\xc3", "\xed\xa0\x80",
                           "a\xe2\x80\xa8"
                           "b"})
    CHECK(canonical_name(name).error().code == ErrorCode::kInvalidName);
  CHECK_FALSE(canonical_name(std::string(256, 'a')));
  CHECK(canonical_name(std::string(255, 'a')));
  std::string deep = "a";
  for (int n = 0; n < 70; ++n) deep += "/a";
  CHECK_FALSE(canonical_name(deep));
}
