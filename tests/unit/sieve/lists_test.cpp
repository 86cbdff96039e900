// RFC 6134: extlists.
#include "common/sieve/external_list.h"
#include "tests/unit/sieve/helpers.h"

using namespace quartet;
using namespace quartet::sieve;

namespace {

const std::string kRequire = "\"extlists\", \"variables\", \"envelope\", \"date\", \"environment\", \"copy\"";
const std::string kFriends = "tag:b.example,2026:friends";

TestWorld world_with_lists() {
  TestWorld out;
  out.lists = {
      {kFriends, "# those we know\n\n  Coyote@Desert.example.org \r\nzo\u00eb@c.example\n"},
      {"tag:b.example,2026:words", "0015\nI have a present for you \u263a\ndesert.example.org\n2026-11-24\nMDA\n"},
      {"tag:b.example,2026:team", "one@c.example\nTwo <two@c.example>\nann@b.example\nONE@C.example\n"},
      {"tag:b.example,2026:words-only", "some\nwords\n"},
      {"tag:b.example,2026:others", "one@c.example\ntwo@c.example\nthree@c.example\n"}};
  return out;
}

bool holds_with_lists(const std::string& test, const Run& base = {}) {
  auto world = world_with_lists();
  return holds(test, kRequire, base, &world);
}

Lines actions_with_lists(const std::string& commands, const RunLimits& limits = {}, std::string_view letter = kLetter) {
  auto world = world_with_lists();
  return actions_of({.script = "require [" + kRequire + "];\n" + commands, .message = letter, .limits = limits}, world);
}

/// Errors of a script at a site that has the lists of `names`.
Lines errors_at_site(std::string_view script, ListNames names) {
  CompileOptions options;
  options.lists = std::move(names);
  const auto program = compile(script, options);
  Lines out;
  if (!program) {
    for (const auto& error : program.error()) out.push_back(to_string(error));
  }
  return out;
}

}  // namespace

TEST_CASE("names of lists are absolute URIs that may be written in several ways", "[sieve][rfc6134]") {
  for (const auto* same : {":addrbook:default", ":ADDRBOOK:DEFAULT", ":aDdRbOOk:DeFauLt", ":AddrBook:%44%65%66ault",
                           "URN:ietf:params:SIEVE:addrbook:Default"})
    CHECK(canonical_list_name(same) == kDefaultAddressBook);
  // Another name keeps its case.
  CHECK(canonical_list_name(":AddrBook:Pers%6Fnal") == "urn:ietf:params:sieve:addrbook:Personal");
  CHECK(canonical_list_name("TAG:example.org,2026:x%2fy") == "tag:example.org,2026:x%2Fy");
  CHECK(canonical_list_name("ldap://[::1]/dc=x?mail") == "ldap://[::1]/dc=x?mail");
  for (const auto* bad :
       {"", "friends", "tag:", "1a:b", "tag:a b", "tag:a#b", "tag:%4", "tag:%zz", "tag:\u00e4", "a/b:c", ":addrbook:"})
    CHECK_FALSE(canonical_list_name(bad));
}

TEST_CASE("what is announced is what names begin with", "[sieve][rfc6134]") {
  CHECK(list_types({}) == "urn:ietf:params:sieve:addrbook");
  CHECK(list_types({"tag:a.example,2026:x", "tag:a.example,2026:y", "ldap:///", "urn:ietf:params:sieve:addrbook:z"}) ==
        "urn:ietf:params:sieve:addrbook ldap tag");
}

TEST_CASE("members are the lines of a list", "[sieve][rfc6134]") {
  const ExternalList list("\xEF\xBB\xBF one \n#no\n\nTwo\r\none\nONE\nlast");
  CHECK(list.members() == Lines{"one", "Two", "last"});
  REQUIRE(list.find("\ttwo "));
  CHECK(*list.find("\ttwo ") == "Two");
  CHECK_FALSE(list.find(""));
  CHECK_FALSE(list.find("#no"));
  // Without regard to case in all scripts of the world, and what is no UTF-8 as it is.
  CHECK(ExternalList("ZO\u00cb@c.example\n").find("zoe\u0308@C.example") != nullptr);
  const ExternalList wrong("\xE4\n");
  CHECK(wrong.find("\xE4") != nullptr);
  CHECK(wrong.find("\xF6") == nullptr);
}

TEST_CASE("tests look values up in lists", "[sieve][rfc6134]") {
  CHECK(holds_with_lists("address :list \"from\" \"tag:b.example,2026:friends\""));
  CHECK(holds_with_lists("address :list \"from\" [\"tag:b.example,2026:words-only\", \"TAG:b.example,2026:friends\"]"));
  CHECK_FALSE(holds_with_lists("address :list \"to\" \"tag:b.example,2026:friends\""));
  CHECK(holds_with_lists("address :list :domain \"from\" \"tag:b.example,2026:words\""));
  CHECK(holds_with_lists("envelope :list \"from\" \"tag:b.example,2026:friends\""));
  CHECK(holds_with_lists("envelope :list \"from\" \"tag:b.example,2026:friends\"",
                         {.script = "", .from = "ZO\u00cb@c.example"}));
  CHECK_FALSE(holds_with_lists("envelope :list \"from\" \"tag:b.example,2026:friends\"", {.script = "", .from = ""}));
  CHECK(holds_with_lists("header :list [\"X-Caffeine\", \"X-Number\"] \"tag:b.example,2026:words\""));
  CHECK(holds_with_lists("header :list \"subject\" \"tag:b.example,2026:words\""));
  CHECK_FALSE(holds_with_lists("header :list [\"From\", \"X-None\"] \"tag:b.example,2026:words\""));
  CHECK(holds_with_lists("string :list [\"x\", \"mda\"] \"tag:b.example,2026:words\""));
  CHECK(holds_with_lists("currentdate :list :zone \"+0000\" \"date\" \"tag:b.example,2026:words\""));
  CHECK(holds_with_lists("date :list :originalzone \"date\" \"date\" \"tag:b.example,2026:words\""));
  CHECK(holds_with_lists("environment :list \"location\" \"tag:b.example,2026:words\""));
  // The default address book has nobody here.
  CHECK_FALSE(holds_with_lists("address :list \"from\" \":addrbook:default\""));
}

TEST_CASE("flags, annotations and verdicts are looked up as well", "[sieve][rfc6134]") {
  auto world = world_with_lists();
  world.lists["tag:b.example,2026:more"] = "\\Seen\nOf lists\nmailto:root@b.example\n0\nmaybe\n";
  const auto finds = [&world](const std::string& test, const std::string& extension) {
    return holds(test, "\"extlists\", \"" + extension + "\"", {}, &world);
  };
  const std::string more = " \"tag:b.example,2026:more\"";
  CHECK(finds("metadata :list \"Lists\" \"/private/comment\"" + more, "mboxmetadata"));
  CHECK(finds("servermetadata :list \"/shared/admin\"" + more, "servermetadata"));
  CHECK_FALSE(finds("servermetadata :list \"/shared/none\"" + more, "servermetadata"));
  CHECK(finds("spamtest :list" + more, "spamtest"));
  CHECK(finds("notify_method_capability :list \"mailto:x@b.example\" \"online\"" + more, "enotify"));
  CHECK(holds("hasflag :list" + more, "\"extlists\", \"imap4flags\"", {.script = "addflag \"\\\\Seen\";\n"}, &world));
  CHECK_FALSE(finds("body :list" + more, "body"));
}

TEST_CASE("the match variable is the member as the list has it", "[sieve][rfc6134]") {
  CHECK(holds_with_lists(
      "allof (header :matches \"subject\" \"*present*\",\n"
      "       envelope :list \"from\" \"tag:b.example,2026:friends\",\n"
      "       string :is :comparator \"i;octet\" \"${0}\" \"Coyote@Desert.example.org\", string \"${1}\" \"\")"));
  // What does not match leaves them.
  CHECK(
      holds_with_lists("allof (header :matches \"x-number\" \"*\",\n"
                       "       not envelope :list \"to\" \"tag:b.example,2026:friends\", string \"${0}\" \"0015\")"));
}

TEST_CASE("valid_ext_list is true if :list takes all the names", "[sieve][rfc6134]") {
  CHECK(holds_with_lists("valid_ext_list [\":addrbook:default\", \"tag:b.example,2026:friends\"]"));
  CHECK(holds_with_lists("valid_ext_list \"tag:b.example,2026:broken\""));
  CHECK_FALSE(holds_with_lists("valid_ext_list [\"tag:b.example,2026:none\", \"tag:b.example,2026:friends\"]"));
  CHECK_FALSE(holds_with_lists("valid_ext_list \"no URI\""));
}

TEST_CASE("to redirect to a list is to redirect to each of its members", "[sieve][rfc6134]") {
  // Ann has it already: she keeps it.
  CHECK(actions_with_lists("redirect :list \"tag:b.example,2026:team\";") ==
        Lines{"redirect \"one@c.example\"", "redirect \"two@c.example\"", "keep"});
  CHECK(actions_with_lists("redirect \"TWO@c.example\"; redirect :list \"tag:b.example,2026:others\";") ==
        Lines{"redirect \"TWO@c.example\"", "redirect \"one@c.example\"", "redirect \"two@c.example\"",
              "redirect \"three@c.example\""});
  CHECK(actions_with_lists("redirect :copy :list \"tag:b.example,2026:others\";").back() == "keep");
  CHECK(actions_with_lists("redirect :list :copy \"tag:b.example,2026:others\"; discard;").size() == 3);
  // Who has had it does not get it again.
  const auto back = "Delivered-To: two@c.example\r\n" + std::string(kLetter);
  CHECK(actions_with_lists("redirect :list \"tag:b.example,2026:others\";", {}, back) ==
        Lines{"redirect \"one@c.example\"", "redirect \"three@c.example\""});
  // Nobody is there to get it.
  CHECK(actions_with_lists("redirect :list \":addrbook:default\";") == Lines{"keep"});
}

TEST_CASE("limits of redirects hold for lists", "[sieve][rfc6134]") {
  CHECK(actions_with_lists("redirect :list \"tag:b.example,2026:others\";", {.redirects = 2}) ==
        Lines{"keep", "error 2:1: too many redirects"});
  auto world = world_with_lists();
  auto& many = world.lists["tag:b.example,2026:many"];
  for (int i = 0; i < 100'000; ++i) many += "ann+" + std::to_string(i) + "@b.example\n";
  CHECK(actions_of({.script = "require \"extlists\"; redirect :list \"tag:b.example,2026:many\";",
                    .limits = {.work = 10'000'000}},
                   world) == Lines{"keep", "error 1:21: the script takes too long"});
}

TEST_CASE("what goes wrong with a list keeps the message", "[sieve][rfc6134]") {
  CHECK(actions_with_lists("redirect :list \"tag:b.example,2026:words-only\";") ==
        Lines{"keep", "error 2:1: redirect to \"some\", which is no address"});
  CHECK(actions_with_lists("if header :list \"x\" \"tag:b.example,2026:broken\" {} discard;") ==
        Lines{"keep", "error 2:4: the list \"tag:b.example,2026:broken\" cannot be read: it is broken"});
  CHECK(actions_with_lists("set \"a\" \"none\"; redirect :list \"tag:b.example,2026:${a}\";") ==
        Lines{"keep", "error 2:17: there is no list \"tag:b.example,2026:none\""});
  CHECK(actions_with_lists("set \"a\" \"none\"; if header :list \"x\" [\"${a}\"] { stop; } discard;") ==
        Lines{"keep", "error 2:20: there is no list \"none\""});
}

TEST_CASE("a list that a script names must be there when it is compiled", "[sieve][rfc6134]") {
  const std::string script = "require \"extlists\"; redirect :list \"tag:b.example,2026:x\";";
  CHECK(errors_at_site(script, {}) == Lines{"1:36: there is no list \"tag:b.example,2026:x\" here"});
  CHECK(errors_at_site(script, {"tag:b.example,2026:x"}).empty());
  CHECK(errors_at_site("require \"extlists\"; if header :list \"a\" \":addrbook:DEFAULT\" {}", {}).empty());
  CHECK(errors_at_site("require [\"extlists\", \"spamtest\"]; if spamtest :list \"tag:x\" {}", {}) ==
        Lines{"1:53: there is no list \"tag:x\" here"});
  // Where nothing is known of the site, any may be there.
  CHECK(errors_of(script).empty());
  CHECK(errors_of("require \"extlists\"; redirect :list \"x@b.example\";") ==
        Lines{"1:36: \"x@b.example\" is no name of a list, which is a URI"});
  // A script that asks for one first may name it.
  CHECK(errors_at_site("require \"extlists\"; if valid_ext_list \"TAG:b.example,2026:x\" "
                       "{ redirect :list \"tag:b.example,2026:x\"; }",
                       {})
            .empty());
}

TEST_CASE("lists go without comparator, with tests alone, and not without their extension", "[sieve][rfc6134]") {
  CHECK(errors_of("require \"extlists\"; if header :list :comparator \"i;octet\" \"a\" \"tag:x\" {}") ==
        Lines{"1:49: \":list\" takes no comparator"});
  CHECK(errors_of("require \"extlists\"; if header :list :is \"a\" \"tag:x\" {}").size() == 1);
  CHECK(errors_of("require [\"extlists\", \"relational\"]; if header :list :count \"gt\" \"a\" \"tag:x\" {}") ==
        Lines{"1:40: header has two match types"});
  CHECK(errors_of("require [\"extlists\", \"editheader\"]; deleteheader :list \"a\" \"tag:x\";") ==
        Lines{"1:37: deleteheader takes no \":list\""});
  CHECK(errors_of("if header :list \"a\" \"tag:x\" {}") == Lines{"1:11: :list needs: require \"extlists\""});
  CHECK(errors_of("redirect :list \"tag:x\";") == Lines{"1:10: :list needs: require \"extlists\""});
  CHECK(errors_of("if valid_ext_list \"tag:x\" {}") == Lines{"1:4: valid_ext_list needs: require \"extlists\""});
}
