#include "common/smtp/batch.h"

#include <catch2/catch.hpp>

using namespace quartet::smtp;

namespace {

OutboundTransaction transaction() {
  OutboundTransaction out;
  out.reverse_path = "ann@a.test";
  out.recipients = {{"bob@uucp.test", kNotifyFailure, "rfc822;b+b@x.test"}, {"eve@uucp.test", 0, ""}};
  out.message = "Subject: x\r\n\r\n.one\r\ntwo\r\n";
  return out;
}

}  // namespace

TEST_CASE("a batch is the client's side of a session", "[smtp]") {
  CHECK(batch_of(transaction(), {.hostname = "mx.a.test"}) ==
        "HELO mx.a.test\r\nMAIL FROM:<ann@a.test>\r\nRCPT TO:<bob@uucp.test>\r\nRCPT TO:<eve@uucp.test>\r\nDATA\r\n"
        "Subject: x\r\n\r\n..one\r\ntwo\r\n.\r\nQUIT\r\n");
}

TEST_CASE("a batch with extensions", "[smtp]") {
  auto mail = transaction();
  mail.reverse_path = "";
  mail.body = Body::k8BitMime;
  mail.message = "Subject: \xc3\xa4\r\n\r\n";
  CHECK(batch_of(mail, {.hostname = "h.test", .esmtp = true, .lf = true}) ==
        "EHLO h.test\nMAIL FROM:<> SIZE=15 BODY=8BITMIME\nRCPT TO:<bob@uucp.test> NOTIFY=FAILURE "
        "ORCPT=rfc822;b+2Bb@x.test\nRCPT TO:<eve@uucp.test>\nDATA\nSubject: \xc3\xa4\n\n.\nQUIT\n");
}

TEST_CASE("what an old gateway cannot take", "[smtp]") {
  auto mail = transaction();
  mail.body = Body::k8BitMime;
  CHECK(batch_of(mail, {.hostname = "h.test"}).error().enhanced == "5.6.3");
  mail.to_seven_bit = [](std::string_view) { return std::optional<std::string>("Subject: y\r\n\r\n"); };
  CHECK(batch_of(mail, {.hostname = "h.test"})->find("Subject: y\r\n") != std::string::npos);
  mail.smtputf8 = true;
  mail.reverse_path = "\xc3\xa4@x.test";
  CHECK(batch_of(mail, {.hostname = "h.test"}).error().enhanced == "5.6.7");
}
