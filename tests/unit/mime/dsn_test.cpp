#include "common/mime/dsn.h"

#include <catch2/catch.hpp>

#include "common/mime/charset.h"
#include "common/mime/lines.h"
#include "common/mime/structure.h"

using namespace quartet;
using namespace quartet::mime;

namespace {
const std::string kOriginal =
    "From: ann@a.test\r\nTo: bob@b.test\r\nSubject: hello\r\nMessage-ID: <1@a.test>\r\n\r\nthe body\r\n";

Dsn failure() {
  Dsn dsn;
  dsn.reporting_mta = "mx.a.test";
  dsn.to = "ann@a.test";
  dsn.envelope_id = "QQ314159";
  dsn.received_from = "client.a.test";
  dsn.arrival = from_micros(1'795'525'509'000'000);
  dsn.date = from_micros(1'795'525'569'000'000);
  DsnRecipient recipient;
  recipient.final_recipient = "bob@b.test";
  recipient.original_recipient = "rfc822;Bob@b.test";
  recipient.status = "5.1.1";
  recipient.remote_mta = "mx.b.test";
  recipient.diagnostic = "550 5.1.1 no such\r\nuser here";
  recipient.last_attempt = dsn.date;
  recipient.final_log_id = "06abc";
  dsn.recipients.push_back(recipient);
  dsn.original = kOriginal;
  return dsn;
}

std::string text_of(std::string_view message, const Part& part) { return decode(part.encoding, part.body(message)); }
}  // namespace

TEST_CASE("a notice of failure has the form of RFC 3464", "[mime]") {
  const std::string message = build_dsn(failure());
  CHECK(scan_lines(message).seven_bit());
  CHECK_FALSE(scan_lines(message).lone_lf);
  const Header header(message);
  CHECK(header.text("From") == "Mail Delivery System <MAILER-DAEMON@mx.a.test>");
  CHECK(header.text("To") == "<ann@a.test>");
  CHECK(header.text("Date") == "Tue, 24 Nov 2026 13:06:09 +0000");
  CHECK(header.text("Auto-Submitted") == "auto-replied");
  CHECK(header.text("In-Reply-To") == "<1@a.test>");
  CHECK(header.text("Message-ID").ends_with("@mx.a.test>"));
  const Part root = parse_structure(message);
  CHECK(root.type.is("multipart", "report"));
  CHECK(root.type.parameter("report-type") == "delivery-status");
  REQUIRE(root.children.size() == 3);
  CHECK(root.children[0].type.is("text", "plain"));
  CHECK(text_of(message, root.children[0]).find("<bob@b.test>") != std::string::npos);
  CHECK(root.children[1].type.is("message", "delivery-status"));
  CHECK(root.children[1].body(message) ==
        "Original-Envelope-Id: QQ314159\r\n"
        "Reporting-MTA: dns; mx.a.test\r\n"
        "Received-From-MTA: dns; client.a.test\r\n"
        "Arrival-Date: Tue, 24 Nov 2026 13:05:09 +0000\r\n"
        "\r\n"
        "Original-Recipient: rfc822; Bob@b.test\r\n"
        "Final-Recipient: rfc822; bob@b.test\r\n"
        "Action: failed\r\n"
        "Status: 5.1.1\r\n"
        "Remote-MTA: dns; mx.b.test\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such  user here\r\n"
        "Last-Attempt-Date: Tue, 24 Nov 2026 13:06:09 +0000\r\n"
        "Final-Log-ID: 06abc\r\n");
  CHECK(root.children[2].type.is("text", "rfc822-headers"));
  CHECK(root.children[2].body(message) == kOriginal.substr(0, kOriginal.find("\r\n\r\n") + 2));
}

TEST_CASE("the whole message is returned if it was asked for and is short enough", "[mime]") {
  Dsn dsn = failure();
  dsn.return_full = true;
  const std::string message = build_dsn(dsn);
  const Part root = parse_structure(message);
  REQUIRE(root.children.size() == 3);
  CHECK(root.children[2].kind == Part::Kind::kMessage);
  CHECK(root.children[2].body(message) == kOriginal);
  dsn.body_limit = 10;
  CHECK(parse_structure(build_dsn(dsn)).children[2].type.is("text", "rfc822-headers"));
  dsn.original = {};
  CHECK(parse_structure(build_dsn(dsn)).children.size() == 2);
}

TEST_CASE("what is returned is made 7bit", "[mime]") {
  Dsn dsn = failure();
  dsn.return_full = true;
  const std::string eight_bit =
      "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 8bit\r\n\r\ncaf\xC3\xA9 au lait\r\n";
  dsn.original = eight_bit;
  const std::string message = build_dsn(dsn);
  CHECK(scan_lines(message).seven_bit());
  const Part root = parse_structure(message);
  REQUIRE(root.children[2].kind == Part::Kind::kMessage);
  CHECK(text_of(message, root.children[2].children[0]) == "caf\xC3\xA9 au lait\r\n");

  const std::string utf8_header = "Subject: caf\xC3\xA9\r\nX: " + std::string(2000, 'x') + "\r\n\r\nbody\r\n";
  dsn.original = utf8_header;
  const std::string headers = build_dsn(dsn);
  CHECK(scan_lines(headers).seven_bit());
  const Part with_headers = parse_structure(headers);
  CHECK(with_headers.children[2].type.is("text", "rfc822-headers"));
  CHECK(text_of(headers, with_headers.children[2]) == utf8_header.substr(0, utf8_header.size() - 8));
}

TEST_CASE("addresses in UTF-8 make a notice of RFC 6533", "[mime]") {
  Dsn dsn = failure();
  CHECK_FALSE(dsn_needs_smtputf8(dsn));
  dsn.recipients[0].final_recipient = "gr\xC3\xBCn@b.test";
  dsn.recipients[0].original_recipient.clear();
  CHECK(dsn_needs_smtputf8(dsn));
  dsn.return_full = true;
  const std::string utf8 = "Subject: caf\xC3\xA9\r\n\r\nbody\r\n";
  dsn.original = utf8;
  const std::string message = build_dsn(dsn);
  const Part root = parse_structure(message);
  CHECK(root.encoding == Encoding::k8Bit);
  CHECK(root.children[1].type.is("message", "global-delivery-status"));
  CHECK(root.children[1].body(message).find("Final-Recipient: utf-8; gr\xC3\xBCn@b.test\r\n") !=
        std::string_view::npos);
  CHECK(root.children[2].type.is("message", "global"));
  CHECK(root.children[2].body(message) == utf8);
  dsn.return_full = false;
  CHECK(parse_structure(build_dsn(dsn)).children[2].type.is("message", "global-headers"));
}

TEST_CASE("what peers say cannot add fields or bytes above 127", "[mime]") {
  Dsn dsn = failure();
  dsn.recipients[0].diagnostic = "550 caf\xC3\xA9\r\n\r\nAction: delivered" + std::string(3000, 'x');
  dsn.recipients[0].remote_mta = "mx\r\nStatus: 2.0.0";
  dsn.recipients[0].original_recipient = "rfc822;a\x01\r\nb@c.test";
  dsn.envelope_id = "x\r\n\r\nFinal-Recipient: y";
  const std::string message = build_dsn(dsn);
  CHECK(scan_lines(message).seven_bit());
  const Part root = parse_structure(message);
  REQUIRE(root.children.size() == 3);
  const std::string_view status = root.children[1].body(message);
  const Header per_message(status);
  CHECK(per_message.fields().size() == 4);
  const Header per_recipient(status.substr(per_message.size()));
  CHECK(per_recipient.fields().size() == 8);
  CHECK(per_recipient.text("Action") == "failed");
  CHECK(per_recipient.text("Diagnostic-Code").starts_with("smtp; 550 caf?"));
  CHECK(per_recipient.text("Original-Recipient") == "rfc822; a?  b@c.test");
}

TEST_CASE("the worst action names the notice", "[mime]") {
  Dsn dsn = failure();
  DsnRecipient delayed;
  delayed.action = DsnRecipient::Action::kDelayed;
  delayed.final_recipient = "c@c.test";
  delayed.status = "4.4.1";
  delayed.diagnostic = "no answer";
  delayed.diagnostic_is_smtp = false;
  delayed.will_retry_until = from_micros(1'795'525'569'000'000);
  dsn.recipients.push_back(delayed);
  const std::string both = build_dsn(dsn);
  CHECK(Header(both).text("Subject") == "Your message could not be delivered");
  dsn.recipients.erase(dsn.recipients.begin());
  const std::string later = build_dsn(dsn);
  CHECK(Header(later).text("Subject") == "Your message is delayed");
  CHECK(later.find("Will-Retry-Until: Tue, 24 Nov 2026 13:06:09 +0000\r\n") != std::string::npos);
  CHECK(later.find("Diagnostic-Code: x-quartet; no answer\r\n") != std::string::npos);
  dsn.subject = "caf\xC3\xA9";
  dsn.message_id = "<own@id>";
  dsn.from = "Post\xC3\xA4mter <post@a.test>";
  dsn.text = "own text\nwith caf\xC3\xA9";
  dsn.extra_fields = {{"X-Extra", "yes"}};
  const std::string own = build_dsn(dsn);
  CHECK(scan_lines(own).seven_bit());
  const Header header(own);
  CHECK(header.text("Message-ID") == "<own@id>");
  CHECK(header.text("Subject") == "=?utf-8?b?Y2Fmw6k=?=");
  CHECK(header.text("X-Extra") == "yes");
  CHECK(text_of(own, parse_structure(own).children[0]) == "own text\r\nwith caf\xC3\xA9\r\n");
}
