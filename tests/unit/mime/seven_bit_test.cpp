#include "common/mime/seven_bit.h"

#include <catch2/catch.hpp>

#include "common/mime/charset.h"
#include "common/mime/lines.h"
#include "common/mime/structure.h"

using namespace quartet::mime;

namespace {
std::string converted(std::string_view message) {
  const auto out = to_seven_bit(message);
  REQUIRE(out);
  CHECK(scan_lines(*out).seven_bit());
  CHECK_FALSE(scan_lines(*out).lone_lf);
  return *out;
}
std::string text_of(std::string_view message, const Part& part) { return decode(part.encoding, part.body(message)); }
const std::string kText = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
}  // namespace

TEST_CASE("what a message needs", "[mime]") {
  const Needs plain = needs("Subject: x\r\n\r\nbody\r\n");
  CHECK_FALSE((plain.eight_bit || plain.eight_bit_header || plain.binary));
  CHECK(needs("Subject: x\r\n\r\nb\xC3\xA9\r\n").eight_bit);
  CHECK_FALSE(needs("Subject: x\r\n\r\nb\xC3\xA9\r\n").eight_bit_header);
  CHECK(needs("Subject: \xC3\xA9\r\n\r\nb\r\n").eight_bit_header);
  CHECK_FALSE(needs("Subject: \xC3\xA9\r\n\r\nb\r\n").eight_bit);
  CHECK(
      needs(
          "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Description: \xC3\xA9\r\n\r\nx\r\n--b--\r\n")
          .eight_bit_header);
  CHECK(needs("A: b\r\n\r\nx\ny\r\n").binary);
  CHECK(needs("A: b\r\n\r\nx\ry\r\n").binary);
  CHECK(needs(std::string("A: b\r\n\r\n\0\r\n", 11)).binary);
  CHECK(needs("A: b\r\n\r\n" + std::string(999, 'x')).binary);
  CHECK_FALSE(needs("A: b\r\n\r\n" + std::string(998, 'x') + "\r\n").binary);
}

TEST_CASE("lines of over 998 octets", "[mime]") {
  const auto line = [](std::size_t size) { return std::string(size, 'x') + "\r\n"; };
  CHECK_FALSE(has_long_line(""));
  CHECK_FALSE(has_long_line(line(998)));
  CHECK_FALSE(has_long_line(line(998) + line(0) + line(998)));
  CHECK_FALSE(has_long_line(line(10) + std::string(998, 'x')));
  CHECK(has_long_line(line(999)));
  CHECK(has_long_line(line(997) + line(999) + line(3)));
  CHECK(has_long_line(line(10) + std::string(999, 'x')));
}

TEST_CASE("a message that is 7bit stays as it is", "[mime]") {
  const std::string message =
      "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\n"
      "one\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--b--\r\nend\r\n";
  CHECK(converted(message) == message);
  CHECK(converted("Subject: x\n\nbody\n") == "Subject: x\r\n\r\nbody\r\n");
  CHECK(converted("no header at all\r\n") == "no header at all\r\n");
  CHECK(converted("").empty());
}

TEST_CASE("leaves are encoded the shorter way, and labels follow", "[mime]") {
  const std::string german = converted("Subject: x\r\nMIME-Version: 1.0\r\n" + kText +
                                       "Gr\xC3\xBC\xC3\x9F"
                                       "e und so weiter, auch im neuen Jahr\r\n");
  CHECK(german ==
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe und so weiter, auch im neuen Jahr\r\n");
  std::string japanese;
  for (int i = 0; i < 40; ++i) japanese += "\xE6\x97\xA5\xE6\x9C\xAC\r\n";
  const std::string out = converted("MIME-Version: 1.0\r\n" + kText + japanese);
  const Part part = parse_structure(out);
  CHECK(part.encoding == Encoding::kBase64);
  CHECK(text_of(out, part) == japanese);
}

TEST_CASE("a message that is not MIME becomes it", "[mime]") {
  CHECK(converted("Subject: x\r\n\r\ncaf\xC3\xA9 au lait\r\n") ==
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 au lait\r\n");
  CHECK(converted("Subject: x\r\n\r\ncaf\xE9 au lait\r\n").find("charset=unknown-8bit") != std::string::npos);
  CHECK(converted("caf\xC3\xA9 without a header\r\n").ends_with("\r\n\r\ncaf=C3=A9 without a header\r\n"));
}

TEST_CASE("the whole tree is converted and keeps its shape", "[mime]") {
  const std::string message =
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
      "pr\xC3\xA9"
      "amble\r\n--b\r\n" +
      kText +
      "\xC3\xA9t\xC3\xA9 et tout cela\r\n--b\r\n"
      "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\n\r\nna\xC3\xAFve "
      "indeed\r\n"
      "\r\n--b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: "
      "binary\r\n\r\n\r\n\n\n\xFF\r\n--b--\r\n\xC3\xA9pilogue";
  const std::string out = converted(message);
  const Part root = parse_structure(out);
  REQUIRE(root.children.size() == 3);
  CHECK(root.encoding == Encoding::k7Bit);
  CHECK(root.encoding_name == "7bit");
  CHECK(text_of(out, root.children[0]) == "\xC3\xA9t\xC3\xA9 et tout cela");
  CHECK(root.children[1].encoding_name == "7bit");
  const Part& inner = root.children[1].children[0];
  CHECK(text_of(out, inner) == "na\xC3\xAFve indeed\r\n");
  CHECK(inner.header(out).find("MIME-Version") != std::string_view::npos);
  CHECK(root.children[2].encoding == Encoding::kBase64);
  CHECK(text_of(out, root.children[2]) == "\r\n\n\n\xFF");
  CHECK(out.ends_with("--b--\r\n"));
}

TEST_CASE("lines that are too long are encoded", "[mime]") {
  const std::string out = converted("MIME-Version: 1.0\r\n\r\n" + std::string(2000, 'x') + "\r\n");
  const Part part = parse_structure(out);
  CHECK(part.encoding == Encoding::kQuotedPrintable);
  CHECK(text_of(out, part) == std::string(2000, 'x') + "\r\n");
}

TEST_CASE("an encoding that was damaged is repaired", "[mime]") {
  const std::string out = converted("Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9 and \xC3\xA9\r\n");
  CHECK(text_of(out, parse_structure(out)) == "\xC3\xA9 and \xC3\xA9\r\n");
  const std::string label = converted("Content-Transfer-Encoding: utf-8\r\n\r\n\xC3\xA9 and more\r\n");
  CHECK(parse_structure(label).encoding == Encoding::kQuotedPrintable);
  const std::string twice =
      converted("Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xC3\xA9 and\r\n");
  CHECK(twice.find("8bit") == std::string::npos);
}

TEST_CASE("what must not be changed is refused", "[mime]") {
  const std::string head = "Content-Type: multipart/signed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
  const std::string tail = "\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n";
  const auto error = [](std::string_view message) { return to_seven_bit(message).error(); };
  CHECK(error(head + "--b\r\n" + kText + "\xC3\xA9" + tail) == SevenBitError::kSigned);
  const std::string harmless = converted(head + "--b\r\n" + kText + "e" + tail);
  CHECK(harmless.find("Content-Transfer-Encoding: 8bit\r\n\r\ne") != std::string::npos);  // signed, so left alone
  CHECK(harmless.find("Content-Transfer-Encoding: 7bit\r\n\r\n--b") != std::string::npos);
  CHECK(error("Subject: \xC3\xA9\r\n\r\nx") == SevenBitError::kHeader);
  CHECK(error("Content-Type: message/rfc822\r\n\r\nSubject: \xC3\xA9\r\n\r\nx") == SevenBitError::kHeader);
  std::string deep;
  for (int i = 0; i < 60; ++i) deep += "Content-Type: message/rfc822\r\n\r\n";
  CHECK(error(deep + "Subject: x\r\n\r\n\xC3\xA9") == SevenBitError::kTooDeep);
  CHECK(to_seven_bit(deep + "Subject: x\r\n\r\ne").has_value());
  CHECK(error("Content-Type: multipart/mixed; boundary=b\r\n\r\nno boundary, \xC3\xA9\r\n") == SevenBitError::kTooDeep);
  CHECK_FALSE(to_string(SevenBitError::kSigned).empty());
}

TEST_CASE("fields are added to the header they belong to", "[mime]") {
  // The second part has no header at all, and the message inside it neither.
  const std::string out =
      converted("Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\nno f\xC3\xA9ld\r\n--d--\r\n");
  const Part root = parse_structure(out);
  REQUIRE(root.children.size() == 1);
  REQUIRE(root.children[0].kind == Part::Kind::kMessage);
  CHECK(text_of(out, root.children[0].children[0]) == "no f\xC3\xA9ld");
}

TEST_CASE("encoded text cannot make a boundary", "[mime]") {
  const std::string message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + kText +
                              std::string(71, 'x') + "\xC3\xA9" + "--b\r\nand " + std::string(75, 'y') + "--b--" +
                              "\r\n--b--\r\n";
  const std::string out = converted(message);
  const Part root = parse_structure(out);
  REQUIRE(root.children.size() == 1);
  CHECK(text_of(out, root.children[0]) == parse_structure(message).children[0].body(message));
}
