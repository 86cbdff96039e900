#include "common/mime/casemap.h"

#include <catch2/catch.hpp>

using namespace quartet::mime;

namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

}  // namespace

TEST_CASE("i;unicode-casemap: titlecase, then decomposed", "[mime][rfc5051]") {
  CHECK(casemap("Ab_1") == "AB_1");
  CHECK(casemap("\u00e9") == "E\u0301");             // e with acute
  CHECK(casemap("\u01c4") == "Dz\u030c");            // the example of RFC 5051 section 2: U+01C4
  CHECK(casemap("\uff21\uff42") == "AB");            // fullwidth
  CHECK(casemap("\u03c3\u03c2") == "\u03a3\u03a3");  // both small sigmas
  CHECK(casemap("\xFF") == "\uFFFD");                // not UTF-8
}

TEST_CASE("i;unicode-casemap, a character at a time", "[mime][rfc5051]") {
  const std::string text = "a\u00e9\u01c4\uff42\u03c2\xFF\uAC00\U00010428";
  std::string out;
  std::size_t characters = 0;
  for (std::string_view rest = text; !rest.empty(); ++characters) append_casemap(rest, out);
  CHECK(out == casemap(text));
  CHECK(characters == 8);
}

TEST_CASE("a long text is the same as its words", "[mime][rfc5051]") {
  // Longer than the pieces that are mapped at a time, so that cuts fall on each place of the word.
  const std::string word = "\u1ea5\u0323\u00e9 ";
  const auto one = casemap(word);
  const std::size_t times = 300'000 / word.size();
  for (std::size_t shift = 0; shift < word.size(); ++shift)
    CHECK(casemap(std::string(shift, 'x') + repeated(word, times)) == std::string(shift, 'X') + repeated(one, times));
  const auto unbroken = repeated("\u00e9", 200'000);
  CHECK(casemap(unbroken) == repeated("E\u0301", 200'000));
}

TEST_CASE("marks without end cost linear time", "[mime][rfc5051]") {
  const auto marks = "a" + repeated("\u0301\u0316", 500'000);
  CHECK(casemap(marks).size() == marks.size());
}
