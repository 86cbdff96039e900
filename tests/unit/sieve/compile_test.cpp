// Scripts that are wrong, and where: RFC 5228 sections 2 and 8.
#include "helpers.h"

using namespace quartet::sieve;

TEST_CASE("an error names its line and column", "[sieve]") {
  CHECK(errors_of("keep;\nfilefoo \"x\";") == Lines{"2:1: unknown command \"filefoo\""});
  CHECK(errors_of("if header \"subject\" { keep; }") ==
        Lines{"1:4: header needs its keys: a string or a list of strings"});
  CHECK(errors_of("if true { keep; ") == Lines{"1:17: expected a command or \"}\", not the end of the script"});
  CHECK(errors_of("keep") == Lines{"1:5: expected \";\" or a block, not the end of the script"});
  CHECK(errors_of("redirect \"abc") == Lines{"1:10: this string has no end"});
  CHECK(errors_of("keep; /* no end") == Lines{"1:7: this comment has no end"});
  CHECK(errors_of("redirect text:\nx\n") == Lines{"1:10: this text has no line with a single dot to end it"});
  CHECK(errors_of("if size :over 99999999999999999999 { }") == Lines{"1:15: this number is too large"});
  CHECK(errors_of("if size :over 9000000000G { }") == Lines{"1:15: this number is too large"});
  CHECK(errors_of("if size :over 10X { }") == Lines{"1:17: a number ends with a digit, K, M or G"});
  CHECK(errors_of("\xC3\x28;") == Lines{"1:1: a script is in UTF-8"});
  CHECK(errors_of("if size :over \"x\" {}") == Lines{"1:15: expected a number as limit of size"});
}

TEST_CASE("what only begins a reference is text, however much of it there is", "[sieve]") {
  std::string encoded, variables;
  for (int i = 0; i < 150'000; ++i) encoded += "${hex:";
  for (int i = 0; i < 250'000; ++i) variables += "${a";
  CHECK(errors_of("require \"encoded-character\"; if header \"a\" \"" + encoded + "41}\" {}").empty());
  const std::string require = "require [\"encoded-character\", \"fileinto\"];";
  CHECK(actions_of({require + "fileinto \"${hex:${Unicode:263A}${hex: 41 62}${hex:}${hex:4\";"}) ==
        Lines{"fileinto \"${hex:\u263aAb${hex:}${hex:4\""});
  CHECK(errors_of("require \"variables\"; set \"a\" \"" + variables + "}\";").empty());
}

TEST_CASE("all regular expressions of a script have a limit together", "[sieve][regex]") {
  const auto script = [](int count) {
    std::string keys;
    for (int i = 0; i < count; ++i) keys += (i == 0 ? "" : ",") + std::string("\"[a-z]{999}\"");
    return "require \"regex\"; if header :regex \"subject\" [" + keys + "] {}";
  };
  CHECK(errors_of(script(50)).empty());
  const auto errors = errors_of(script(2000));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].ends_with("too many regular expressions, or too large ones"));
}

TEST_CASE("all errors of meaning are told at once, in order", "[sieve]") {
  CHECK(errors_of("fileinto \"a\";\nredirect \"nobody\";\nstop 1;") ==
        Lines{"1:1: fileinto needs: require \"fileinto\"", "2:10: \"nobody\" is no address",
              "3:6: one argument too many for stop"});
}

TEST_CASE("arguments are held against what a command knows", "[sieve]") {
  CHECK(errors_of("keep :copy;") == Lines{"1:6: keep knows no \":copy\" here"});
  CHECK(errors_of("if header :is :contains \"a\" \"b\" {}") ==
        Lines{"1:15: \":is\" and \":contains\" exclude each other"});
  CHECK(errors_of("if header :is :is \"a\" \"b\" {}") == Lines{"1:15: \":is\" is there twice"});
  CHECK(errors_of("require \"vacation\"; vacation :days 1 :days 2 \"x\";") == Lines{"1:30: \":days\" is there twice"});
  // So many that to follow them one within the other would leave no stack.
  std::string days = "require \"vacation\"; vacation", plain = days;
  for (int i = 0; i < 100'000; ++i) {
    days += " :days 1";
    plain += " :mime";
  }
  CHECK(errors_of(days + " \"x\";").front() == "1:30: \":days\" is there twice");
  CHECK(errors_of(plain + " \"x\";") == Lines{"1:36: \":mime\" is there twice"});
  CHECK(errors_of("if header \"a\" :is \"b\" {}") == Lines{"1:15: tags of header come before its other arguments"});
  CHECK(errors_of("redirect [\"a@b.example\"];") ==
        Lines{"1:10: expected a string as address of redirect, not a list"});
  CHECK(errors_of("if header :comparator \"i;x\" \"a\" \"b\" {}") ==
        Lines{"1:23: there is no comparator \"i;x\" here"});
  CHECK(
      errors_of(
          "require \"comparator-i;ascii-numeric\"; if header :contains :comparator \"i;ascii-numeric\" \"a\" \"b\" {}")
          .size() == 1);
  CHECK(errors_of("if address \"subject\" \"b\" {}") == Lines{"1:12: \"subject\" is no field with addresses"});
  CHECK(errors_of("if not {}") == Lines{"1:4: not needs one test"});
  CHECK(errors_of("if not true, false {}").size() == 1);
  CHECK(errors_of("elsif true {}") == Lines{"1:1: elsif without if"});
  CHECK(errors_of("if true {} keep; else {}") == Lines{"1:18: else without if"});
  CHECK(errors_of("if true {} else {} else {}") == Lines{"1:20: else without if"});
  CHECK(errors_of("keep {}") == Lines{"1:1: keep has no block"});
  CHECK(errors_of("stop true;") == Lines{"1:6: stop takes no test"});
}

TEST_CASE("a list of tests stands where a list is due", "[sieve]") {
  CHECK(errors_of("if (true) {}") == Lines{"1:5: if needs a test without parentheses"});
  CHECK(errors_of("if true {} elsif (true) {}").size() == 1);
  CHECK(errors_of("if not (true) {}") == Lines{"1:9: not needs a test without parentheses"});
  CHECK(errors_of("if allof true {}") == Lines{"1:4: allof needs tests in parentheses"});
  CHECK(errors_of("if anyof {}") == Lines{"1:4: anyof needs tests in parentheses"});
  CHECK(errors_of("if allof(true) {}").empty());
}

TEST_CASE("mail goes to addresses only", "[sieve]") {
  for (const auto* wrong : {"a b@c.example", "a@c.example.", "a@c..example", "a@b.example, c@d.example",
                            "list:a@b.example;", "<@route.example:a@b.example>", "a", "@b.example", ""})
    CHECK(errors_of("redirect \"" + std::string(wrong) + "\";").size() == 1);
  for (const auto* right : {"a@b.example", "Ann <a@b.example>", "<a@b.example>", " a@b.example ", "a@[192.0.2.1]",
                            "\\\"a b\\\"@c.example", "\\\"Ann, she\\\" <a@b.example>"})
    CHECK(errors_of("redirect \"" + std::string(right) + "\";").empty());
  CHECK(errors_of("require \"enotify\"; notify \"mailto:a%20b@c.example\";").size() == 1);
}

TEST_CASE("require comes first and names what there is", "[sieve]") {
  CHECK(errors_of("require \"fileinto\"; fileinto \"x\";").empty());
  CHECK(errors_of("require [\"comparator-i;octet\", \"comparator-i;ascii-casemap\"];").empty());
  CHECK(errors_of("require \"notthere\";") == Lines{"1:9: there is no extension \"notthere\" here"});
  CHECK(errors_of("keep; require \"fileinto\";") == Lines{"1:7: require comes before all other commands"});
}

TEST_CASE("comments, case and line ends do not matter", "[sieve]") {
  CHECK(errors_of("# one\r\nKEEP; /* two\n */ IF TRUE { Stop; }\n# end").empty());
  CHECK(actions_of({"require \"reject\";\nreject text: # comment\nOne\n..two\n.\n;"}) ==
        Lines{"reject \"One\\n.two\\n\""});
  CHECK(actions_of({"require \"reject\"; reject \"say \\\"no\\\" \\\\ \\x\";"}) ==
        Lines{"reject \"say \\\"no\\\" \\\\ x\""});
}

TEST_CASE("nesting and size have limits", "[sieve]") {
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "if true {";
  CHECK(errors_of(deep + std::string(33, '}')) == Lines{"1:297: blocks are nested deeper than 32"});
  std::string tests = "if ";
  for (int i = 0; i < 33; ++i) tests += "not ";
  CHECK(errors_of(tests + "true {}").size() == 1);
  CHECK(errors_of(std::string(1024 * 1024 + 1, ' ')) == Lines{"1:1: a script has at most 1048576 octets"});
  std::string many = "require \"variables\";";
  for (int i = 0; i < 501; ++i) many += "set \"v" + std::to_string(i) + "\" \"\";";
  CHECK(errors_of(many).size() == 1);
}

TEST_CASE("every extension has a name, and a name its extension", "[sieve]") {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Extension::kCount); ++i) {
    const auto extension = static_cast<Extension>(i);
    CHECK(find_extension(to_string(extension)) == extension);
    CHECK(errors_of("require \"" + std::string(to_string(extension)) + "\";").empty());
  }
  CHECK(capability_text().contains("fileinto foreverypart"));
}

TEST_CASE("ihave defers what is not there", "[sieve][rfc5463]") {
  // RFC 5463 section 4: no error unless it is executed.
  CHECK(actions_of({"require \"ihave\"; if ihave \"vnd.none\" { quux \"x\"; } else { discard; }"}).empty());
  CHECK(actions_of({"require \"ihave\"; if ihave \"vnd.none\" { keep; } quux;"}) ==
        Lines{"keep", "error 1:48: unknown command \"quux\""});
  CHECK(actions_of({"require \"ihave\"; if ihave \"fileinto\" { fileinto \"Lists\"; }"}) ==
        Lines{"fileinto \"Lists\""});
  CHECK(actions_of({"require \"ihave\"; if not ihave [\"fileinto\", \"vnd.none\"] { error \"too old\"; }"}) ==
        Lines{"keep", "error 1:58: too old"});
  CHECK(actions_of({"require \"ihave\"; if ihave \"vnd.none\" { frob :x \"y\" { quux; } } else { discard; }"}).empty());
  // What is wrong does not run, not even up to its error: these have no variable to write to.
  const std::string none =
      "require [\"ihave\", \"variables\", \"imap4flags\", \"foreverypart\", \"fileinto\"]; if ihave \"vnd.none\" {} ";
  CHECK(actions_of({none + "set \"1\" \"x\";"}).back().ends_with("\"1\" is no name of a variable"));
  CHECK(actions_of({none + "addflag \"a; s\" \"top\";"}).back().ends_with("is no name of a variable"));
  CHECK(actions_of({none + "if hasflag \"1\" \"x\" {}"}).back().ends_with("is no name of a variable"));
  CHECK(actions_of({none + "foreverypart { if true { break :quux; } } fileinto \"Lists\";"}).back().ends_with("here"));
  CHECK(actions_of({none + "if false { set \"1\" \"x\"; foreverypart :quux { break; } } fileinto \"Lists\";"}) ==
        Lines{"fileinto \"Lists\""});
  CHECK(errors_of("require \"ihave\"; quux;") == Lines{"1:18: unknown command \"quux\""});
}
