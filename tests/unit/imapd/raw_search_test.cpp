// Texts found in the octets of messages: the same as are found once everything is decoded.
#include <catch2/catch.hpp>
#include <random>

#include "common/base/ascii.h"
#include "common/mime/casemap.h"
#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"
#include "common/mime/transfer.h"
#include "imapd/proto/ascii_finder.h"
#include "imapd/proto/plain_message.h"
#include "imapd/text_match.h"

using namespace quartet;
using namespace quartet::imapd;

namespace {

using Random = std::mt19937;

std::size_t pick(Random& random, std::size_t count) {
  return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
}

template <typename T, std::size_t N>
const T& one_of(Random& random, const T (&all)[N]) {
  return all[pick(random, N)];
}

/// What SEARCH means, with everything decoded first.
void add_texts(const mime::Part& part, std::string_view message, std::vector<std::string>& texts) {
  std::string text;
  if (part.kind == mime::Part::Kind::kMessage) {
    const mime::Header inner(part.children.front().header(message));
    for (const auto& field : inner.fields()) text += mime::decode_words(field.value) + "\n";
  } else if (part.kind == mime::Part::Kind::kLeaf && part.is_text()) {
    text = mime::to_utf8(mime::decode(part.encoding, part.body(message)), part.charset());
  }
  texts.push_back(mime::casemap(text));
  for (const auto& child : part.children) add_texts(child, message, texts);
}

bool body_has(std::string_view message, std::string_view needle) {
  std::vector<std::string> texts;
  add_texts(mime::parse_structure(message), message, texts);
  return std::ranges::any_of(texts, [&](const std::string& text) { return text.contains(mime::casemap(needle)); });
}

/// The fields of a header, and the names of the files of a part.
void add_fields(const mime::Part& part, std::string_view header, std::string& text) {
  for (const auto& field : mime::Header(header).fields())
    text.append(field.name).append(": ").append(mime::decode_words(field.value)).append("\n");
  const auto disposition = mime::parse_disposition(part.disposition);
  for (const auto name : {part.type.parameter("name"), disposition.parameter("filename")})
    text.append(mime::decode_words(name)).append("\n");
}

void add_mime_fields(const mime::Part& part, std::string_view message, std::string& text) {
  const bool inside = part.kind == mime::Part::Kind::kMessage;
  for (const auto& child : part.children) {
    add_fields(child, inside ? std::string_view() : child.header(message), text);
    add_mime_fields(child, message, text);
  }
}

bool header_has(std::string_view message, std::string_view needle) {
  const auto structure = mime::parse_structure(message);
  std::string text;
  add_fields(structure, message, text);
  add_mime_fields(structure, message, text);
  return mime::casemap(text).contains(mime::casemap(needle));
}

std::string text_of(Random& random) {
  static constexpr std::string_view kPieces[] = {
      "harbour", "Winter", "a b",         "b:c",  "=20", "=?",   "?=",      "\r\n",       " ",  "é",    "\rx",
      "charset", "--b1",   "K\xC3\xB6ln", "\xE9", "=E9", "aGE=", "x\r\n y", "Encoding: ", "\n", "+AGE-"};
  std::string text;
  for (auto n = pick(random, 8); n > 0; --n) text += one_of(random, kPieces);
  return text;
}

std::string field_of(Random& random) {
  static constexpr std::string_view kValues[] = {
      "two words",
      "fol\r\n ded",
      "tab\r\n\tbed",
      "=?utf-8?q?K=C3=B6ln?=",
      "=?us-ascii?b?aGFyYm91cg==?=",
      "spa  ced",
      "bare\rreturn",
      "B\xC3\xB6"
      "b",
      "a:b c",
      "half =?utf-8?q?harb?= our",
  };
  static constexpr std::string_view kNames[] = {"Subject:", "subject :", "X-Test: ", "From:"};
  return std::string(one_of(random, kNames)) + std::string(one_of(random, kValues)) + "\r\n";
}

std::string part_of(Random& random, int depth) {
  static constexpr std::string_view kTypes[] = {"",
                                                "Content-Type: text/plain\r\n",
                                                "Content-Type: text/html; charset=utf-8\r\n",
                                                "Content-Type: text/plain; charset=\"ISO-8859-1\"\r\n",
                                                "Content-Type: text/plain; charset=utf-7\r\n",
                                                "Content-Type: text/plain; charset=utf-16\r\n",
                                                "Content-Type: text/plain;\r\n charset*=us-ascii'en'utf-7\r\n",
                                                "Content-Type: text/plain; charset(x)=utf-7\r\n",
                                                "Content-Type: application/octet-stream\r\n"};
  static constexpr std::string_view kEncodings[] = {"",
                                                    "Content-Transfer-Encoding: 7bit\r\n",
                                                    "content-transfer-encoding:8BIT\r\n",
                                                    "Content-Transfer-Encoding: quoted-printable\r\n",
                                                    "Content-Transfer-Encoding:\r\n base64\r\n",
                                                    "Content-Transfer-Encoding: quoted-(x)printable\r\n",
                                                    "Content-Transfer-Encoding: x-unknown\r\n"};
  static constexpr std::string_view kFiles[] = {
      "Content-Disposition: attachment; filename=\"Winter harbour.pdf\"\r\n",
      "Content-Disposition: attachment; filename=\"=?utf-8?q?K=C3=B6ln?=.pdf\"\r\n",
      "Content-Disposition: attachment;\r\n\tfilename*=utf-8''K%C3%B6ln%20harbour.pdf\r\n",
      "Content-Disposition: attachment; filename*0=\"har\"; filename*1=\"bour.pdf\"\r\n",
      "Content-Description: two\r\n words\r\n"};
  const auto kind = depth > 2 ? 0 : pick(random, 4);
  if (kind == 1) {
    std::string text =
        "Content-Type: multipart/mixed; boundary=b" + std::to_string(depth) + "\r\n\r\n" + text_of(random);
    for (auto n = pick(random, 3) + 1; n > 0; --n)
      text += "\r\n--b" + std::to_string(depth) + "\r\n" + part_of(random, depth + 1);
    return text + "\r\n--b" + std::to_string(depth) + "--\r\n" + text_of(random);
  }
  if (kind == 2) return "Content-Type: message/rfc822\r\n\r\n" + field_of(random) + part_of(random, depth + 1);
  return std::string(one_of(random, kTypes)) + std::string(one_of(random, kEncodings)) +
         std::string(pick(random, 4) == 0 ? one_of(random, kFiles) : "") + "\r\n" + text_of(random);
}

std::string message_of(Random& random) {
  std::string message;
  for (auto n = pick(random, 3); n > 0; --n) message += field_of(random);
  return message + part_of(random, 1);
}

}  // namespace

TEST_CASE("a text is found where it is, in whatever case", "[raw]") {
  Random random(1);
  const std::string letters = "aAbB zZ@`[{-\x80";
  for (int times = 0; times < 20'000; ++times) {
    std::string text(pick(random, 200), ' ');
    for (auto& c : text) c = letters[pick(random, letters.size())];
    std::string needle(1 + pick(random, 5), ' ');
    for (auto& c : needle) c = letters[pick(random, letters.size() - 1)];
    const auto expected = ascii::lower(text).find(ascii::lower(needle));
    INFO(text << " / " << needle);
    CHECK(AsciiFinder(needle).find(text) == expected);
    if (expected != std::string::npos)
      CHECK(AsciiFinder(needle).find(text, expected + 1) ==
            ascii::lower(text).find(ascii::lower(needle), expected + 1));
  }
  CHECK_FALSE(AsciiFinder().in("x"));
  CHECK(AsciiFinder("[").find("{") == std::string_view::npos);
}

TEST_CASE("what is plain", "[raw]") {
  const std::string head = "Subject: x\r\nContent-Type: text/plain; charset=";
  CHECK(is_plain("Subject: x\r\n\r\ntext\n"));
  CHECK(is_plain(head + "\"utf-8\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\ntext"));
  CHECK(is_plain(head + "ISO-8859-15; format=flowed\r\n\r\ntext"));
  CHECK_FALSE(is_plain(head + "iso-2022-jp\r\n\r\ntext"));
  CHECK_FALSE(is_plain("Content-Type: text/plain; charset*0=utf-\r\n\r\ntext"));
  CHECK_FALSE(is_plain(head + "utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\ntext"));
  CHECK_FALSE(is_plain(head + "utf-8\r\nContent-Transfer-Encoding: (x) base64\r\n\r\ntext"));
  CHECK_FALSE(is_plain("Subject: =?utf-8?q?x?=\r\n\r\n"));
  CHECK_FALSE(is_plain("Content-Disposition: attachment; filename*0=x; filename*1=y\r\n\r\n"));
  // Wherever in the text it stands.
  for (const std::string_view wrong : {"\x80", "\rx", "=?"})
    for (std::size_t before = 0; before < 140; ++before)
      for (const std::size_t after : {0, 1, 100}) {
        const auto text = std::string(before, 'a') + std::string(wrong) + std::string(after, 'b');
        INFO(text);
        CHECK_FALSE(is_plain(text));
      }
  CHECK(is_plain(std::string(40, '\n') + "\r\n=x?"));
}

TEST_CASE("the octets of a message tell the same as its decoded texts", "[raw]") {
  static constexpr std::string_view kNeedles[] = {
      "harbour", "HARB",     "winter",   "a b",    "b:c",    "subject: ",   "subject:",   "o",   "two words",
      "fol ded", "folded",   "tab\tbed", "tabbed", "köln",   "koln",        "é",          "e",   "barereturn",
      "bob",     "spa  ced", " ",        ":",      "x y",    "test: a:b",   "=?",         "a\n", "half harb our",
      "x\r\n y", "encoding", "charset",  "--b",    "ln.pdf", "harbour.pdf", "disposition"};
  Random random(7);
  std::size_t plain = 0;
  std::size_t found = 0;
  for (int times = 0; times < 20'000; ++times) {
    const auto message = message_of(random);
    plain += is_plain(message) ? 1 : 0;
    for (int n = 0; n < 3; ++n) {
      const auto needle = one_of(random, kNeedles);
      INFO(message << "\n-- " << needle);
      MessageText text(message);
      const auto in_body = body_has(message, needle);
      const auto in_header = header_has(message, needle);
      CHECK(text.body_has(Needle(needle)) == in_body);
      CHECK(text.has(Needle(needle)) == (in_body || in_header));
      CHECK(MessageText(message).has(Needle(needle)) == (in_body || in_header));
      found += in_body || in_header ? 1 : 0;
    }
  }
  // Both ways were taken often enough.
  CHECK(plain > 500);
  CHECK(plain < 10'000);
  CHECK(found > 3000);
}
