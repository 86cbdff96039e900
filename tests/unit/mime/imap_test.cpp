#include "common/mime/imap.h"

#include <catch2/catch.hpp>

#include "common/mime/charset.h"
#include "tests/unit/mime/letters.h"

using namespace quartet::mime;

namespace {
std::string envelope(std::string_view header) {
  std::string out;
  append_envelope(out, Header(header));
  return out;
}
std::string body(std::string_view message) {
  std::string out;
  append_body(out, parse_structure(message), message);
  return out;
}
std::string structure(std::string_view message) {
  std::string out;
  append_bodystructure(out, parse_structure(message), message);
  return out;
}
}  // namespace

TEST_CASE("the envelope and body of RFC 3501 section 8", "[mime]") {
  // The session there shows this message's ENVELOPE and BODY in full.
  const std::string message =
      "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
      "From: Terry Gray <gray@cac.washington.edu>\r\n"
      "Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
      "To: imap@cac.washington.edu\r\n"
      "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
      "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n";
  CHECK(envelope(message) ==
        "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" "
        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
        "((NIL NIL \"imap\" \"cac.washington.edu\")) "
        "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
        "\"<B27397-0100000@cac.washington.edu>\")");
  const std::string text = body("Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\none\r\ntwo\r\n");
  CHECK(text == "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 10 2)");
}

TEST_CASE("the two-part body of RFC 3501 section 7.4.2", "[mime]") {
  const std::string message =
      "Content-Type: MULTIPART/MIXED; BOUNDARY=b\r\n\r\n"
      "--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nline\r\n\r\n"
      "--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=cc.diff\r\n"
      "Content-ID: <960723163407.20117h@cac.washington.edu>\r\nContent-Description: Compiler diff\r\n"
      "Content-Transfer-Encoding: BASE64\r\n\r\nQUJD\r\n\r\n--b--\r\n";
  CHECK(body(message) ==
        "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 6 1)"
        "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") "
        "\"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 6 1) \"MIXED\")");
  CHECK(structure(message) ==
        "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 6 1 NIL NIL NIL NIL)"
        "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") "
        "\"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 6 1 NIL NIL NIL NIL) \"MIXED\" "
        "(\"BOUNDARY\" \"b\") NIL NIL NIL)");
}

TEST_CASE("a message inside has its envelope, its body and its lines", "[mime]") {
  CHECK(body("Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n") ==
        "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 18 (NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) "
        "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1) 3)");
}

TEST_CASE("extension data", "[mime]") {
  CHECK(
      structure("Content-Type: image/png\r\nContent-MD5: Q2hlY2s=\r\nContent-Language: de, en\r\n"
                "Content-Location: http://a.test/x\r\n"
                "Content-Disposition: attachment; filename*0*=utf-8''%e2%82;\r\n filename*1*=%ac.png; size=3\r\n"
                "Content-Transfer-Encoding: base64 (comment)\r\n\r\nQUJD") ==
      "(\"image\" \"png\" NIL NIL NIL \"base64\" 4 \"Q2hlY2s=\" "
      "(\"attachment\" (\"filename*\" \"utf-8''%e2%82%ac.png\" \"size\" \"3\")) (\"de\" \"en\") \"http://a.test/x\")");
}

TEST_CASE("BODYSTRUCTURE has both forms of a parameter", "[mime]") {
  CHECK(structure("Content-Type: image/png\r\nContent-Disposition: attachment; filename=a.png;\r\n"
                  " filename*=utf-8''%c3%a4.png\r\n\r\nx") ==
        "(\"image\" \"png\" NIL NIL NIL \"7bit\" 1 NIL "
        "(\"attachment\" (\"filename*\" \"utf-8''%c3%a4.png\" \"filename\" \"a.png\")) NIL NIL)");
}

TEST_CASE("envelopes of awkward headers", "[mime]") {
  CHECK(envelope("Subject:\r\n\r\n") == "(NIL \"\" NIL NIL NIL NIL NIL NIL NIL NIL)");
  CHECK(envelope("Subject: a \"quoted\\\r\n  folded\r\n\r\n").starts_with("(NIL \"a \\\"quoted\\\\  folded\" "));
  CHECK(envelope("To: Friends: ann@a.test, bob@b.test;\r\nTo: more@c.test\r\n\r\n") ==
        "(NIL NIL NIL NIL NIL ((NIL NIL \"Friends\" NIL)(NIL NIL \"ann\" \"a.test\")(NIL NIL \"bob\" \"b.test\")"
        "(NIL NIL NIL NIL)(NIL NIL \"more\" \"c.test\")) NIL NIL NIL NIL)");
  CHECK(
      envelope("From: a@x.test\r\nSender: b@x.test\r\nReply-To:\r\n\r\n") ==
      "(NIL NIL ((NIL NIL \"a\" \"x.test\")) ((NIL NIL \"b\" \"x.test\")) ((NIL NIL \"a\" \"x.test\")) NIL NIL NIL NIL "
      "NIL)");
  CHECK(envelope("Subject: gr\xC3\xBCn\r\n\r\n").starts_with("(NIL \"=?utf-8?b?Z3LDvG4=?=\""));
  CHECK(envelope("Subject: gr\xFCn\r\n\r\n").starts_with("(NIL {4}\r\ngr\xFCn "));
}

TEST_CASE("every text is legal IMAP", "[mime]") {
  const auto text = [](std::string_view value) {
    std::string out;
    append_imap_string(out, value);
    return out;
  };
  CHECK(text("") == "\"\"");
  CHECK(text("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(text("a\r\nb") == "{4}\r\na\r\nb");
  CHECK(text(std::string_view("a\0b", 3)) == "{3}\r\na?b");
  CHECK(text("\xC3\xA9") == "{2}\r\n\xC3\xA9");
}

TEST_CASE("what was not taken apart has a form that the grammar knows", "[mime]") {
  const std::string message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n";
  StructureLimits flat;
  flat.depth = 0;
  std::string out;
  append_body(out, parse_structure(message, flat), message);
  CHECK(out.starts_with("(\"application\" \"octet-stream\" "));
}
