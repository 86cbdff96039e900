// URLs of messages: RFC 5092 sections 5, 7 and 11.
#include "imapd/proto/message_url.h"

#include <catch2/catch.hpp>

using namespace quartet::imapd;
using quartet::mime::Section;

namespace {

MessageUrl url_of(std::string_view text) {
  INFO(text);
  const auto url = parse_message_url(text);
  REQUIRE(url.has_value());
  return *url;
}

}  // namespace

TEST_CASE("a URL names a message by mailbox and UID", "[imap]") {
  auto url = url_of("/INBOX/;UID=20");
  CHECK(url.mailbox == "INBOX");
  CHECK(url.uid == 20);
  CHECK_FALSE(url.uidvalidity);
  CHECK(url.section == Section());
  CHECK_FALSE(url.partial);
  url = url_of("/inbox;uidvalidity=385759045/;uid=4294967295");
  CHECK(url.mailbox == "INBOX");
  CHECK(url.uidvalidity == 385759045);
  CHECK(url.uid == 0xFFFFFFFF);
  CHECK(url_of("/Lists/Quartet/;UID=1").mailbox == "Lists/Quartet");
  CHECK(url_of("/Entw%C3%BCrfe%20%3B/;UID=1").mailbox == "Entw\xC3\xBCrfe ;");
  CHECK(url_of(";UID=7/;SECTION=2").mailbox.empty());
}

TEST_CASE("a URL names a part of a message, and a part of that", "[imap]") {
  auto url = url_of("/Drafts;UIDVALIDITY=1/;UID=20/;section=1.2.MIME/;PARTIAL=5.1024");
  CHECK(url.section.path == std::vector<std::uint32_t>{1, 2});
  CHECK(url.section.what == Section::What::kMime);
  REQUIRE(url.partial.has_value());
  CHECK(url.partial->offset == 5);
  CHECK(url.partial->count == 1024);
  url = url_of("/Drafts/;UID=20/;SECTION=HEADER.FIELDS%20(Subject%20To)");
  CHECK(url.section.what == Section::What::kHeaderFields);
  CHECK(url.section.fields == std::vector<std::string>{"Subject", "To"});
  url = url_of("/Drafts/;UID=20/;PARTIAL=10");
  CHECK(url.section == Section());
  CHECK(url.partial->offset == 10);
  CHECK_FALSE(url.partial->count);
}

TEST_CASE("what names no message of this server is no URL of one", "[imap]") {
  static constexpr const char* kWrong[] = {
      "",
      "/",
      "/INBOX",
      "/INBOX;UID=1",
      "/INBOX/;UID=",
      "/INBOX/;UID=0",
      "/INBOX/;UID=01",
      "/INBOX/;UID=4294967296",
      "/INBOX/;UID=1/",
      "/INBOX/;UID=1?SUBJECT",
      "/INBOX/;UID=1;URLAUTH=anonymous",
      "/INBOX/;UID=1/;SECTION=",
      "/INBOX/;UID=1/;SECTION=HEAD",
      "/INBOX/;UID=1/;SECTION=1/;EXPIRE=x",
      "/INBOX/;UID=1/;PARTIAL=",
      "/INBOX/;UID=1/;PARTIAL=1.0",
      "/INBOX/;UID=1/;PARTIAL=1.2.3",
      "/INBOX/;UID=1/;PARTIAL=1/;SECTION=1",
      "/INBOX;UIDVALIDITY=0/;UID=1",
      "/INBOX;UIDVALIDITY=1;UID=1",
      "/;UID=1",
      "/a b/;UID=1",
      "/a%2/;UID=1",
      "/a%zz/;UID=1",
      "/a%00/;UID=1",
      "/a%FF/;UID=1",
      "//imap.test/INBOX/;UID=1",
      "imap://imap.test/INBOX/;UID=1",
      "INBOX/;UID=1",
  };
  for (const auto* text : kWrong) {
    INFO(text);
    CHECK_FALSE(parse_message_url(text));
  }
  CHECK_FALSE(parse_message_url("/" + std::string(8192, 'a') + "/;UID=1"));
}

TEST_CASE("a URL in a response code ends where the code ends", "[imap]") {
  CHECK(printable_url("/INBOX/;UID=1/;section=1.5.9") == "/INBOX/;UID=1/;section=1.5.9");
  CHECK(printable_url("/a] b\r\n\xC3\xBC") == "/a%5D%20b%0D%0A%C3%BC");
  CHECK(printable_url(std::string(5000, 'x')).size() == 1024);
}
