// RFC 5235: spamtest, spamtestplus, virustest.
#include "common/sieve/verdict.h"
#include "tests/unit/sieve/helpers.h"

using namespace quartet;
using namespace quartet::sieve;

namespace {

Verdict made(Verdict::Options options) {
  auto out = Verdict::make(std::move(options));
  REQUIRE(out);
  return *std::move(out);
}

Verdict by_number(std::string pattern = {}, bool by_length = false) {
  return made({.header = "X-Spam", .pattern = std::move(pattern), .worst = 10, .by_length = by_length, .values = 10});
}

const std::vector<Verdict::Word> kWords = {{"clean", 1}, {"cured", 2}, {"suspicious", 4}, {"INFECTED", 5}, {"?", 0}};

/// Whether the test holds for a message with this field.
bool holds_for(const std::string& field, const std::string& test, bool with_verdicts = true) {
  Verdicts verdicts;
  verdicts.spam = by_number();
  verdicts.virus = made({.header = "X-Virus", .words = kWords, .values = 5});
  const auto message = field + std::string(kLetter);
  Input input;
  input.message = message;
  if (with_verdicts) input.verdicts = &verdicts;
  TestWorld world;
  const auto script =
      compiled("require [\"spamtestplus\", \"virustest\", \"relational\", \"comparator-i;ascii-numeric\"];\nif " +
               test + " { discard; }");
  INFO(field << test);
  return run(*script, input, world).actions.empty();
}

}  // namespace

TEST_CASE("what filters write is put to scale", "[sieve][rfc5235]") {
  const auto number = by_number();
  CHECK(number.share(" 5.0") == 0.5);
  CHECK(number.share("+2.5 / 15.0") == 0.25);
  CHECK(number.share("-3") == 0.0);
  CHECK(number.share("99") == 1.0);
  CHECK_FALSE(number.share("none"));
  CHECK_FALSE(number.share(""));
  CHECK_FALSE(number.share("nan"));
  const auto part = by_number("score=(-?[0-9.]+)");
  CHECK(part.share("Yes, score=7.5 required=5.0") == 0.75);
  CHECK_FALSE(part.share("7.5"));
  const auto stars = by_number("^[*]+", true);
  CHECK(stars.share("**** (4)") == 0.4);
  CHECK_FALSE(Verdict::make({.header = "X", .pattern = "(", .values = 10}));
}

TEST_CASE("every word comes out as it went in", "[sieve][rfc5235]") {
  for (const unsigned values : {5u, 10u}) {
    for (unsigned value = 1; value <= values; ++value) {
      const auto verdict = made({.header = "X", .words = {{"word", value}}, .values = values});
      const auto share = verdict.share(" WORD ");
      REQUIRE(share);
      CHECK(verdict.value_of(*share) == value);
    }
  }
}

TEST_CASE("spamtest", "[sieve][rfc5235]") {
  const std::string numeric = ":comparator \"i;ascii-numeric\" ";
  CHECK(holds_for("X-Spam: 5\r\n", "spamtest \"5\""));
  CHECK(holds_for("X-Spam: 0\r\n", "spamtest \"1\""));
  CHECK(holds_for("X-Spam: 10\r\n", "spamtest \"10\""));
  CHECK(holds_for("X-Spam: 7.3\r\n", "spamtest :value \"ge\" " + numeric + "\"7\""));
  CHECK(holds_for("X-Spam: 7.3\r\n", "spamtest :percent :value \"eq\" " + numeric + "\"73\""));
  CHECK(holds_for("X-Spam: -1\r\n", "spamtest :percent :value \"eq\" " + numeric + "\"0\""));
  CHECK(holds_for("X-Spam: -1\r\n", "spamtest :percent :count \"eq\" " + numeric + "\"1\""));
  // The topmost is by the filter nearest to us.
  CHECK(holds_for("X-Spam: 10\r\nX-Spam: 0\r\n", "spamtest \"10\""));
}

TEST_CASE("what is untested has the value 0, and no value to count", "[sieve][rfc5235]") {
  for (const bool with_verdicts : {false, true}) {
    CHECK(holds_for("", "spamtest \"0\"", with_verdicts));
    CHECK(holds_for("", "spamtest :percent \"0\"", with_verdicts));
    CHECK(holds_for("", "spamtest :percent :count \"eq\" \"0\"", with_verdicts));
    CHECK(holds_for("", "virustest \"0\"", with_verdicts));
  }
  CHECK(holds_for("X-Spam: who knows\r\n", "spamtest \"0\""));
  CHECK(holds_for("X-Virus: ?\r\n", "virustest \"0\""));
}

TEST_CASE("virustest", "[sieve][rfc5235]") {
  CHECK(holds_for("X-Virus: Clean\r\n", "virustest \"1\""));
  CHECK(holds_for("X-Virus: infected\r\n", "virustest :value \"ge\" :comparator \"i;ascii-numeric\" \"4\""));
  CHECK_FALSE(holds_for("X-Virus: cured\r\n", "virustest \"1\""));
}

TEST_CASE("tests of verdicts need their extension, and there is none without a filter", "[sieve][rfc5235]") {
  CHECK(errors_of("if spamtest \"1\" {}") == Lines{"1:4: spamtest needs: require \"spamtest\""});
  CHECK(errors_of("require \"spamtest\"; if spamtest :percent \"1\" {}") ==
        Lines{"1:33: :percent needs: require \"spamtestplus\""});
  CHECK(errors_of("require \"virustest\"; if virustest :percent \"1\" {}").size() == 1);
  Verdicts none;
  CompileOptions options;
  options.without = none.without();
  CHECK_FALSE(compile("require \"spamtest\";", options));
  CHECK(compile("require \"ihave\"; if ihave \"spamtestplus\" { discard; }", options));
  CHECK_FALSE(capability_text(options.without).contains("test"));
  none.spam = by_number();
  CHECK(capability_text(none.without()).contains("spamtest spamtestplus"));
  CHECK_FALSE(capability_text(none.without()).contains("virustest"));
}
