#include "common/mime/transfer.h"

#include <catch2/catch.hpp>

using namespace quartet::mime;

namespace {
std::string in_pieces(Encoding encoding, std::string_view bytes, std::size_t piece) {
  Decoder decoder(encoding);
  std::string out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) decoder.write(bytes.substr(0, piece), out);
  decoder.finish(out);
  return out;
}
}  // namespace

TEST_CASE("decoding does not depend on the pieces", "[mime]") {
  const std::string qp = "Gr=C3=BC=C3=9Fe   \r\nsoft=   \r\nbreak=\r\n=3D end=\n=zz =C";
  const std::string base64 = "SGVs\r\nbG8g\r\n d29y!bGQ=\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{5}, std::size_t{999}}) {
    CHECK(in_pieces(Encoding::kQuotedPrintable, qp, piece) ==
          "Gr\xC3\xBC\xC3\x9F"
          "e\r\nsoftbreak= end=zz =C");
    CHECK(in_pieces(Encoding::kBase64, base64, piece) == "Hello world");
  }
}

TEST_CASE("damage is remembered", "[mime]") {
  std::string out;
  Decoder bad(Encoding::kBase64);
  bad.write("SGV!s", out);
  CHECK(bad.damaged());
  Decoder good(Encoding::kBase64);
  good.write("SGVs\r\n", out);
  good.finish(out);
  CHECK_FALSE(good.damaged());
  CHECK(decode(Encoding::kBase64, "QQ==QQ==") == "AA");  // two pieces in a row
  CHECK(decode(Encoding::kBase64, "QQ") == "A");
  CHECK(decode(Encoding::kBase64, "Q").empty());
}

TEST_CASE("quoted-printable lines are short, safe and read back", "[mime]") {
  const std::string text = GENERATE(std::string("plain\r\n"), std::string(300, 'x'), std::string(300, '\xE9'),
                                    std::string("tail \t\r\n.dot\r\nFrom here\r\n--boundary\r\n= =\r\n"),
                                    std::string("no end"), std::string("a\rb\r\n"), std::string("trailing "),
                                    std::string(75, 'y') + "--boundary", std::string(75, 'y') + ".dot");
  const bool binary = GENERATE(false, true);
  std::string out;
  append_quoted_printable(out, text, binary);
  CHECK(decode(Encoding::kQuotedPrintable, out) == text);
  std::string_view rest = out;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    CHECK(line.size() <= 76);
    CHECK_FALSE(line.starts_with('.'));
    CHECK_FALSE(line.starts_with("From "));
    CHECK_FALSE(line.starts_with("--"));  // could be taken for a boundary
    CHECK_FALSE(line.ends_with(' '));
    rest.remove_prefix(std::min(line.size() + 2, rest.size()));
  }
}

TEST_CASE("base64 in lines", "[mime]") {
  std::string out;
  append_base64(out, std::string(58, 'A'));
  CHECK(out.ends_with("\r\nQQ==\r\n"));
  CHECK(out.find("\r\n") == 76);
  CHECK(decode(Encoding::kBase64, out) == std::string(58, 'A'));
  CHECK(decode_prefix(Encoding::kBase64, out, 5) == "AAAAA");
  CHECK(parse_encoding(" Quoted-Printable ") == Encoding::kQuotedPrintable);
  CHECK(parse_encoding("x-uuencode") == Encoding::kUnknown);
  CHECK(parse_encoding("") == Encoding::k7Bit);
}
