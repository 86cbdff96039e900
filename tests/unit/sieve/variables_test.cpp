// RFC 5229, RFC 5231, regex, RFC 5232, RFC 6609.
#include "helpers.h"

using namespace quartet::sieve;

namespace {

/// What "${r}" is after a script.
std::string result(const std::string& script, TestWorld* world = nullptr) {
  TestWorld own;
  const auto actions = actions_of(
      {"require [\"variables\", \"reject\", \"regex\", \"imap4flags\", \"enotify\", \"include\", \"relational\"];\n" +
       script + " reject \"${r}\";"},
      world == nullptr ? own : *world);
  if (!actions.front().starts_with("reject")) return actions.back();
  return actions.front().substr(8, actions.front().size() - 9);
}

}  // namespace

TEST_CASE("variables are put into strings", "[sieve][rfc5229]") {
  // RFC 5229 section 3.
  CHECK(result("set \"company\" \"ACME\"; set \"r\" \"${full} & ${COMPANY} ${company\";") == " & ACME ${company");
  CHECK(result("set \"company\" \"ACME\"; set \"r\" \"&%${}!\";") == "&%${}!");
  CHECK(result("set \"r\" \"${President, ACME Inc.}\";") == "${President, ACME Inc.}");
  CHECK(result("set \"a\" \"x\"; set \"b\" \"${a}\"; set \"a\" \"y\"; set \"r\" \"${b}${a}\";") == "xy");
  CHECK(result("set \"a\" \"$\"; set \"r\" \"${a}{a}\";") == "${a}");
  CHECK(errors_of("require \"variables\"; redirect \"${ns.x}@b.example\";").size() == 1);
  CHECK(errors_of("require \"variables\"; set \"1\" \"x\";").size() == 1);
  CHECK(errors_of("set \"r\" \"x\";").size() == 1);
}

TEST_CASE("modifiers in their order of precedence", "[sieve][rfc5229]") {
  CHECK(result("set :length \"r\" \"juMBlEd lETteRS\";") == "15");
  CHECK(result("set :lower \"r\" \"juMBlEd lETteRS\";") == "jumbled letters");
  CHECK(result("set :upperfirst \"r\" \"juMBlEd lETteRS\";") == "JuMBlEd lETteRS");
  CHECK(result("set :upperfirst :lower \"r\" \"juMBlEd lETteRS\";") == "Jumbled letters");
  CHECK(result("set :quotewildcard \"r\" \"Rock*\";") == "Rock\\\\*");
  CHECK(result("set :quoteregex \"r\" \"a.b\";") == "a\\\\.b");
  CHECK(result("set :encodeurl \"r\" \"a b&c\";") == "a%20b%26c");
  CHECK(result("set :length \"r\" \"\xE2\x98\xBA\";") == "1");
  CHECK(errors_of("require \"variables\"; set :lower :upper \"r\" \"x\";").size() == 1);
}

TEST_CASE("what wildcards stand for becomes numbered variables", "[sieve][rfc5229]") {
  const std::string list =
      "if string :matches \"[acme-users] [fwd] version 1.0 is out\" \"[*] *\" { set \"r\" \"${1}|${2}|${0}\"; }";
  CHECK(result(list) == "acme-users|[fwd] version 1.0 is out|[acme-users] [fwd] version 1.0 is out");
  CHECK(result("if string :matches \"abcbd\" \"*b?*\" { set \"r\" \"${1}|${2}|${3}|${4}\"; }") == "a|c|bd|");
  CHECK(result("if string :matches \"aXbXXc\" \"a*X*c\" { set \"r\" \"${1}|${2}\"; }") == "|bXX");
  CHECK(result("if string :matches \"a*b\" \"a\\\\*?\" { set \"r\" \"${1}\"; }") == "b");
  // RFC 5228 section 2.7.1: a character of i;ascii-casemap is an octet.
  CHECK(result("if string :matches \"\xE2\x98\xBAx\" \"?x\" { set \"r\" \"one\"; }").empty());
  CHECK(result("if string :matches \"\xE2\x98\xBAx\" \"???x\" { set \"r\" \"${1}${2}${3}\"; }") == "\xE2\x98\xBA");
  CHECK(result("if string :matches \"AbC\" \"a*\" { set \"r\" \"${1}\"; }") == "bC");
  // A test that fails leaves them, and so does one after the first that holds.
  CHECK(result("if string :matches \"a\" \"*\" {} if string :matches \"b\" \"c*\" {} set \"r\" \"${1}\";") == "a");
  CHECK(result("if anyof(string :matches \"a\" \"*\", string :matches \"b\" \"*\") { set \"r\" \"${1}\"; }") == "a");
  CHECK(result("if string :is \"a\" \"a\" { set \"r\" \"${1}\"; }").empty());
}

TEST_CASE("regular expressions", "[sieve]") {
  CHECK(result("if string :regex \"Order 4711 of ann\" \"order ([0-9]+) of (.*)\" { set \"r\" \"${1}|${2}|${0}\"; }") ==
        "4711|ann|Order 4711 of ann");
  CHECK(result("if string :regex :comparator \"i;octet\" \"ABC\" \"abc\" { set \"r\" \"yes\"; }").empty());
  CHECK(result("if string :regex \"xab\" \"^(a|ab)\" { set \"r\" \"yes\"; }").empty());
  CHECK(result("if string :regex \"abcd\" \"(a|ab)(c|bcd)\" { set \"r\" \"${0}\"; }") == "abcd");
  CHECK(result("if string :regex \"ab\" \"[[:alpha:]]+\" { set \"r\" \"yes\"; }") == "yes");
  CHECK(errors_of("require \"regex\"; if header :regex \"subject\" \"(\" {}").size() == 1);
  CHECK(result("set \"p\" \"(\"; if string :regex \"ab\" \"${p}\" {}").contains("not a regular expression"));
}

TEST_CASE("relational: count and value", "[sieve][rfc5231]") {
  const auto* require = "\"relational\", \"comparator-i;ascii-numeric\", \"variables\"";
  CHECK(holds("address :count \"eq\" :comparator \"i;ascii-numeric\" \"to\" \"2\"", require));
  CHECK(holds("header :count \"ge\" :comparator \"i;ascii-numeric\" [\"to\", \"from\", \"x-none\"] \"2\"", require));
  CHECK(holds("header :count \"eq\" :comparator \"i;ascii-numeric\" \"x-none\" \"0\"", require));
  CHECK(holds("string :count \"eq\" [\"a\", \"\", \"b\"] \"2\"", require));
  CHECK(holds("header :value \"lt\" \"x-caffeine\" \"d\"", require));
  CHECK(errors_of("require \"relational\"; if header :value \"xx\" \"a\" \"b\" {}").size() == 1);
}

TEST_CASE("flags", "[sieve][rfc5232]") {
  const auto run = [](const std::string& script) {
    return actions_of({"require [\"imap4flags\", \"fileinto\", \"variables\", \"relational\", \"regex\"]; " + script});
  };
  CHECK(run("setflag \"\\\\Deleted\"; addflag [\"\\\\Flagged\", \"\\\\deleted\"];") ==
        Lines{"keep :flags \"\\\\Deleted \\\\Flagged\""});
  CHECK(run("setflag \"a b c\"; removeflag \"b\"; fileinto \"Lists\";") == Lines{"fileinto \"Lists\" :flags \"a c\""});
  CHECK(run("setflag \"a\"; keep :flags \"\";") == Lines{"keep"});
  CHECK(run("setflag \"a\"; fileinto :flags \"$x\" \"Lists\"; keep;") ==
        Lines{"fileinto \"Lists\" :flags \"$x\"", "keep :flags \"a\""});
  CHECK(run("setflag \"\\\\Recent (no) $yes\";") == Lines{"keep :flags \"$yes\""});
  CHECK(run("setflag \"v\" [\"\\\\Seen\", \"x\"]; removeflag \"v\" \"x\"; keep :flags \"${v}\";") ==
        Lines{"keep :flags \"\\\\Seen\""});
  CHECK(run("setflag \"A B\"; if hasflag :contains \"b\" { discard; }").empty());
  // A string with several is as good as a list of them, and flags that are asked for are no other case.
  CHECK(run("setflag \"A B\"; if hasflag :is \"b A\" { discard; }").empty());
  CHECK(run("setflag \"A B\"; if hasflag \"c b\" { discard; }").empty());
  CHECK_FALSE(run("setflag \"A B\"; if hasflag \"c d\" { discard; }").empty());
  CHECK(run("setflag \"A B\"; if hasflag :regex \"^(a |b)$\" { discard; }").empty());
  CHECK(run("setflag \"v\" \"A\"; if hasflag :is \"v\" \"a\" { discard; }").empty());
  CHECK(run("setflag \"v\" \"A B\"; if hasflag :count \"eq\" \"v\" \"2\" { discard; }").empty());
}

TEST_CASE("scripts include others", "[sieve][rfc6609]") {
  TestWorld world;
  world.scripts = {{"personal/lists",
                    "require [\"include\", \"variables\"]; set \"x\" \"inner\"; global \"g\"; set \"g\" \"${g}+\"; "
                    "return; discard;"},
                   {"global/spam", "discard; stop;"},
                   {"personal/loop", "require \"include\"; include \"loop\";"},
                   {"personal/bad", "quux;"}};
  CHECK(result("global \"g\"; set \"x\" \"outer\"; include :personal \"lists\"; include \"lists\"; set \"r\" "
               "\"${x}${g}${global.g}\";",
               &world) ==
        "outer+++"
        "+");
  CHECK(result("include :once \"lists\"; include :once \"lists\"; set \"r\" \"${global.g}\";", &world) == "+");
  CHECK(actions_of({"require \"include\"; include :global \"spam\"; keep;"}, world).empty());
  CHECK(actions_of({"require \"include\"; include \"loop\";"}, world)
            .back()
            .ends_with("the script \"loop\" is included within itself"));
  CHECK(actions_of({"require \"include\"; include \"none\";"}, world)
            .back()
            .ends_with("there is no script \"none\" to include"));
  CHECK(actions_of({"require \"include\"; include :optional \"none\";"}, world) == Lines{"keep"});
  CHECK(actions_of({"require \"include\"; include \"bad\";"}, world).back().contains("1:1: unknown command \"quux\""));
  const auto outcome = outcome_of({"require \"include\"; include \"loop\";"}, world);
  CHECK(outcome.error_script == "loop");
  CHECK(errors_of("require [\"include\", \"variables\"]; set \"a\" \"\"; global \"a\";").size() == 1);
  CHECK(errors_of("require [\"include\", \"variables\"]; include \"${a}\";") ==
        Lines{"1:43: the name of a script to include has no variables"});
}

TEST_CASE("no script is included within itself", "[sieve][rfc6609]") {
  TestWorld world;
  world.scripts = {
      {"personal/back", "require \"include\"; include \"main\";"},
      {"personal/once", "require [\"include\", \"fileinto\"]; include :once \"main\"; fileinto \"Lists\";"},
      {"personal/main", "discard;"},
      {"global/main", "require \"fileinto\"; fileinto \"Junk\";"}};
  CHECK(actions_of({.script = "require \"include\"; include \"back\";", .name = "main"}, world)
            .back()
            .ends_with("the script \"main\" is included within itself"));
  // With :once it counts as included, which is no error.
  CHECK(actions_of({.script = "require \"include\"; include \"once\";", .name = "main"}, world) ==
        Lines{"fileinto \"Lists\""});
  // One for all users may have the same name, and without a name of its own a script is none that can be included.
  CHECK(actions_of({.script = "require \"include\"; include :global \"main\";", .name = "main"}, world) ==
        Lines{"fileinto \"Junk\""});
  CHECK(actions_of({.script = "require \"include\"; include \"back\";"}, world).empty());
}
