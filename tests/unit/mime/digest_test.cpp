#include "common/mime/digest.h"

#include <catch2/catch.hpp>

#include "common/mime/charset.h"
#include "common/mime/imap.h"
#include "tests/unit/mime/letters.h"

using namespace quartet::mime;

namespace {
std::string base(std::string_view subject) {
  const BaseSubject out = base_subject(subject);
  return out.text + (out.is_reply_or_forward ? "|re" : "");
}
std::string preview_of(std::string_view message, std::size_t characters = 200) {
  return preview(message, parse_structure(message), characters);
}
}  // namespace

TEST_CASE("base subjects by RFC 5256 section 2.1", "[mime]") {
  CHECK(base("hello") == "hello");
  CHECK(base("Re: hello") == "hello|re");
  CHECK(base("RE : hello") == "hello|re");
  CHECK(base("re[2]: hello") == "hello|re");
  CHECK(base("Re [foo] : hello") == "hello|re");
  CHECK(base("Fw: hello") == "hello|re");
  CHECK(base("FWD: Re: Fw: hello") == "hello|re");
  CHECK(base("Refuse: hello") == "Refuse: hello");
  CHECK(base("[list] hello") == "hello");
  CHECK(base("[list] Re: hello") == "hello|re");
  CHECK(base("Re: [list] Re: [other] hello") == "hello|re");
  CHECK(base("[a] [b] [c]") == "[c]");
  CHECK(base("[only]") == "[only]");
  CHECK(base("Re: [only]") == "[only]|re");
  CHECK(base("[broken hello") == "[broken hello");
  CHECK(base("hello (fwd)") == "hello|re");
  CHECK(base("hello (FWD) (fwd)  ") == "hello|re");
  CHECK(base("[Fwd: hello]") == "hello|re");
  CHECK(base("[fwd: [fwd: Re: hello (fwd)] ]") == "hello|re");
  CHECK(base("[fwd: hello] there") == "there");
  CHECK(base("  tabs\tand \r\n  folds  ") == "tabs and folds");
  CHECK(base("").empty());
  CHECK(base("Re:") == "|re");
  CHECK(base("Re: Re:") == "|re");
  CHECK(base("[fwd:]") == "|re");
  CHECK(base("Gr\xC3\xBC\xC3\x9F"
             "e [\xC3\xA9]") ==
        "Gr\xC3\xBC\xC3\x9F"
        "e [\xC3\xA9]");
}

TEST_CASE("hostile subjects cost linear time", "[mime]") {
  std::string blobs;
  while (blobs.size() < 1'000'000) blobs += "[a]";
  CHECK(base_subject(blobs).text == "[a]");
  CHECK(base_subject(blobs + "x").text == "x");
  std::string nested;
  while (nested.size() < 500'000) nested += "[fwd:";
  CHECK(base_subject(nested + std::string(100'000, ']')).is_reply_or_forward);
  std::string re;
  while (re.size() < 500'000) re += "re[a]:";
  CHECK(base_subject(re).text.empty());
}

TEST_CASE("stored headers are decoded, joined and come back", "[mime]") {
  const std::string message =
      "Date: Sat, 01 Jan 2000 23:30:00 -0500\r\n"
      "From: =?utf-8?q?J=C3=BCrgen?= <jm@a.test>\r\n"
      "To: Friends: ann@b.test, \"Bob B.\" <bob@b.test>;\r\nTo: more@c.test\r\n"
      "Cc: <\"odd one\"@c.test>\r\n"
      "Subject: =?iso-8859-1?q?Re:_=5Blist=5D_Gr=FC=DFe?=\r\n =?utf-8?b?IQ==?=\r\n"
      "Message-ID: <1@a.test>\r\nIn-Reply-To: <0@a.test>\r\nReferences: <x@a.test>\r\n <0@a.test>\r\n"
      "List-Id: A list <list.a.test>\r\nBcc: raw \xE9 <x@y.test>\r\n\r\nbody\r\n";
  const MessageDigest made = digest(message);
  const auto headers = decode_headers(made.headers);
  REQUIRE(headers);
  CHECK(headers->from == "J\xC3\xBCrgen <jm@a.test>");
  CHECK(headers->to == "Friends: ann@b.test, \"Bob B.\" <bob@b.test>;\nmore@c.test");
  CHECK(headers->cc == "<\"odd one\"@c.test>\nodd one@c.test");
  CHECK(headers->bcc == "raw \xC3\xA9 <x@y.test>");
  CHECK(headers->sender.empty());
  CHECK(headers->subject ==
        "Re: [list] Gr\xC3\xBC\xC3\x9F"
        "e!");
  CHECK(headers->base_subject ==
        "Gr\xC3\xBC\xC3\x9F"
        "e!");
  CHECK(headers->is_reply_or_forward);
  CHECK(headers->message_id == "<1@a.test>");
  CHECK(headers->in_reply_to == "<0@a.test>");
  CHECK(headers->references == "<x@a.test> <0@a.test>");
  CHECK(headers->list_id == "A list <list.a.test>");
  REQUIRE(headers->sent);
  CHECK(headers->sent->zone == -300);
  CHECK(headers->from_mailbox == "jm");
  CHECK(headers->from_display == "J\xC3\xBCrgen");
  CHECK(headers->to_mailbox == "Friends");
  CHECK(headers->cc_mailbox == "odd one");
  CHECK(made.preview == "body");
}

TEST_CASE("stored headers of an empty message, and damaged ones", "[mime]") {
  const std::string blob = digest("").headers;
  const auto headers = decode_headers(blob);
  REQUIRE(headers);
  CHECK_FALSE(headers->sent);
  CHECK(headers->subject.empty());
  CHECK(headers->from_display.empty());
  CHECK_FALSE(decode_headers(""));
  CHECK_FALSE(decode_headers(blob + "x"));
  CHECK_FALSE(decode_headers(blob.substr(0, blob.size() - 1)));
  std::string other = blob;
  other[0] = 9;
  CHECK_FALSE(decode_headers(other));
  CHECK_FALSE(decode_headers(std::string("\x01\x00\xFF\xFF\xFF\xFF\x0F", 7)));
}

TEST_CASE("what an older version stored of headers is read, and has no fields as written", "[mime]") {
  const std::string message = "From: a@a.test\r\nSubject: old\r\nReceived: x\r\n\r\n";
  const std::string now = digest(message).headers;
  const auto fields = kept_fields_of(now);
  REQUIRE(fields);
  // Version 2 had the same behind its version, without the fields and their length, which is one octet here.
  const std::string older = "\x02" + now.substr(2 + fields->size());
  const auto headers = decode_headers(older);
  REQUIRE(headers);
  CHECK(headers->from == "a@a.test");
  CHECK(headers->subject == "old");
  CHECK_FALSE(kept_fields_of(older));
  CHECK(digest_headers(message) == now);
}

TEST_CASE("address fields are stored as written and with what ENVELOPE shows", "[mime]") {
  const std::string blob = digest(
                               "From: <user1 (comment)@ (more) domain.example>\r\n"
                               "To: ann . lee @ a.test (Ann), bob@b.test (Bob), Carl <carl@c.test>\r\n"
                               "Cc: team: d@d.test;, <>\r\n\r\n")
                               .headers;
  const auto headers = decode_headers(blob);
  REQUIRE(headers);
  CHECK(headers->from == "<user1 (comment)@ (more) domain.example>\nuser1@domain.example");
  CHECK(headers->to == "ann . lee @ a.test (Ann), bob@b.test (Bob), Carl <carl@c.test>\nann.lee@a.test");
  CHECK(headers->cc == "team: d@d.test;, <>");
}

TEST_CASE("a field with very many addresses that are not as written is stored in little time", "[mime]") {
  std::string message = "To: x";
  for (int i = 0; i < 9'000; ++i) message += ", u" + std::to_string(i) + " @ (c) d.test";
  const std::string blob = digest(message + "\r\n\r\n").headers;
  const auto headers = decode_headers(blob);
  REQUIRE(headers);
  CHECK(headers->to.ends_with("u8999@d.test"));
}

TEST_CASE("all that is stored of a header is UTF-8", "[mime]") {
  const std::string blob = digest("From: caf\xE9@\xE9.test\r\nSubject: \xE9\r\n\r\n").headers;
  const auto headers = decode_headers(blob);
  REQUIRE(headers);
  CHECK(headers->from_mailbox == "caf\xC3\xA9");
  CHECK(headers->from_display == "caf\xC3\xA9@\xC3\xA9.test");
  CHECK(headers->subject == "\xC3\xA9");
}

TEST_CASE("old dates keep their sign", "[mime]") {
  const std::string blob = digest("Date: 13 Feb 1969 23:32 -0330\r\n\r\n").headers;
  const auto headers = decode_headers(blob);
  REQUIRE(headers);
  REQUIRE(headers->sent);
  CHECK(headers->sent->seconds == -27'723'480);
  CHECK(headers->sent->zone == -210);
}

TEST_CASE("the digest agrees with its parts", "[mime]") {
  const std::string message = nested_letter();
  const MessageDigest made = digest(message);
  const Part root = parse_structure(message);
  std::string expected;
  append_bodystructure(expected, root, message);
  CHECK(made.bodystructure == expected);
  expected.clear();
  append_body(expected, root, message);
  CHECK(made.body == expected);
  CHECK(made.parts == encode_parts(root));
  CHECK(made.preview == "plain text");
}

TEST_CASE("previews", "[mime]") {
  CHECK(preview_of("\r\n  one\r\n\ttwo \xC2\xA0 three\r\n") == "one two three");
  CHECK(preview_of("\r\nabcdef", 3) == "abc");
  CHECK(preview_of("\r\nab cd", 3) == "ab");
  CHECK(preview_of("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                   "caf=E9 au=\r\n lait\r\n") == "caf\xC3\xA9 au lait");
  CHECK(preview_of(
            "Content-Type: text/html; charset=utf-8\r\n\r\n"
            "<!DOCTYPE html><html><head><title>T</title><style>p { x: \"</p>\" }</style></head><body>"
            "<!-- no <b> --><p title=\"a > b\">Dear&nbsp;<b>A</b>nn &amp; co,<br>5 &lt; 6 &#8364; &#x41; &bogus; a < b"
            "</p><script>var x;</script><div>end</div>") == "Dear Ann & co, 5 < 6 \xE2\x82\xAC A &bogus; a < b end");
  const std::string alternative = nested_letter();
  CHECK(preview_of(alternative) == "plain text");
  CHECK(
      preview_of(
          "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n"
          "Content-Disposition: attachment\r\n\r\nfile\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>body\r\n--b\r\n\r\n"
          "list footer\r\n--b--\r\n") == "body");
  CHECK(preview_of("Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninner\r\n") == "inner");
  CHECK(preview_of("Content-Type: image/png\r\n\r\nxxx").empty());
  CHECK(preview_of("").empty());
  std::string euros = "Content-Type: text/plain; charset=utf-8\r\n\r\n";
  for (int i = 0; i < 5000; ++i) euros += "\xE2\x82\xAC";
  const std::string cut = preview_of(euros);
  CHECK(cut.size() == 600);
  CHECK(is_utf8(cut));
}
