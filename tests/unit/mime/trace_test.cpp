#include "common/mime/trace.h"

#include <catch2/catch.hpp>
#include <set>

#include "common/mime/date.h"

using namespace quartet;
using namespace quartet::mime;

namespace {
Received full() {
  Received r;
  r.helo = "client.a.test";
  r.client = "mail.a.test [192.0.2.1]";
  r.by = "mx.b.test";
  r.protocol = "ESMTPS";
  r.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
  r.id = "06abc123";
  r.for_address = "ann@b.test";
  r.time = from_micros(1'795'525'509'000'000);
  return r;
}

std::size_t longest_line(std::string_view text) {
  std::size_t longest = 0;
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    longest = std::max(longest, end);
    text.remove_prefix(end + 2);
  }
  return longest;
}
}  // namespace

TEST_CASE("a Received field has every clause of RFC 5321 section 4.4", "[mime]") {
  const std::string field = received_field(full());
  CHECK(field ==
        "Received: from client.a.test (mail.a.test [192.0.2.1])\r\n"
        "\tby mx.b.test with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384) id 06abc123\r\n"
        "\tfor <ann@b.test>; Tue, 24 Nov 2026 13:05:09 +0000\r\n");
  Received bare;
  bare.by = "mx.b.test";
  bare.protocol = "LMTP";
  bare.time = from_micros(0);
  CHECK(received_field(bare) == "Received: by mx.b.test with LMTP;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n");
}

TEST_CASE("a peer cannot break out of a Received field", "[mime]") {
  Received r = full();
  r.helo = "evil\r\nSubject: x (" + std::string(2000, 'a');
  r.client = "a) by c with (\\\r\nX: y" + std::string(2000, 'b');
  r.for_address = "\"a>b\\\"\r\n\"@c.test";
  r.id = "a b;c";
  r.tls = "(((";
  const std::string field = received_field(r);
  const std::string block = field + "\r\n";
  const Header header(block);
  REQUIRE(header.fields().size() == 1);
  CHECK(header.fields()[0].raw == field);
  CHECK(longest_line(field) < 998);
  CHECK(field.find("evil??Subject:?x??") != std::string::npos);
  CHECK(field.find("for <\"a>b\\\"??\"@c.test>;") != std::string::npos);
  CHECK(field.find("id a?b?c") != std::string::npos);
  std::string unfolded = header.text("Received");
  int depth = 0;
  for (const char c : unfolded) depth += c == '(' ? 1 : c == ')' ? -1 : 0;
  CHECK(depth == 0);
}

TEST_CASE("hops are counted", "[mime]") {
  CHECK(received_hops(Header("Received: a\r\nX: y\r\nreceived: b\r\n c\r\n\r\nReceived: body\r\n")) == 2);
}

TEST_CASE("the reverse-path becomes a Return-Path", "[mime]") {
  CHECK(return_path_field("") == "Return-Path: <>\r\n");
  CHECK(return_path_field("ann@a.test") == "Return-Path: <ann@a.test>\r\n");
  CHECK(return_path_field("gr\xC3\xBCn@a.test") == "Return-Path: <gr\xC3\xBCn@a.test>\r\n");
  CHECK(return_path_field("a\r\nX: y@b.test") == "Return-Path: <a??X:?y@b.test>\r\n");
}

TEST_CASE("message ids are new each time and well formed", "[mime]") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = new_message_id("mx.a.test");
    CHECK(id.starts_with("<"));
    CHECK(id.ends_with("@mx.a.test>"));
    CHECK(id.find('.') == 11);
    seen.insert(id);
  }
  CHECK(seen.size() == 100);
  CHECK(new_message_id("a b").ends_with("@a?b>"));
}

TEST_CASE("fields are left out without copying", "[mime]") {
  const std::string message = "Return-Path: <x>\r\nA: b\r\nreturn-path:\r\n <y>\r\nC: d\r\n\r\nReturn-Path: body\r\n";
  std::string rest;
  for (const std::string_view piece : without_field(message, Header(message), "Return-Path")) {
    CHECK(piece.data() >= message.data());
    CHECK_FALSE(piece.empty());
    rest += piece;
  }
  CHECK(rest == "A: b\r\nC: d\r\n\r\nReturn-Path: body\r\n");
  const auto whole = without_field(message, Header(message), "X-None");
  REQUIRE(whole.size() == 1);
  CHECK(whole[0] == message);
  CHECK(without_field("", Header(""), "X").empty());
}

TEST_CASE("field values are compared for loops of delivery", "[mime]") {
  const std::string text = "Delivered-To:  Ann@\r\n a.test \r\nDelivered-To: ann@a.test\r\n\r\n";
  const Header header(text);
  CHECK(has_field_value(header, "delivered-to", "ANN@a.test"));
  CHECK_FALSE(has_field_value(header, "Delivered-To", "ann@a.tes"));
  CHECK_FALSE(has_field_value(header, "X", "ann@a.test"));
}
