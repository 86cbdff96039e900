// RFC 5228: control, actions and tests, with its examples where it has them.
#include "helpers.h"

using namespace quartet::sieve;

TEST_CASE("without an action the message is kept", "[sieve]") {
  CHECK(actions_of({""}) == Lines{"keep"});
  CHECK(actions_of({"keep;"}) == Lines{"keep"});
  CHECK(actions_of({"keep; keep;"}) == Lines{"keep"});
  CHECK(actions_of({"discard;"}).empty());
  CHECK(actions_of({"discard; keep;"}) == Lines{"keep"});
  CHECK(actions_of({"stop; discard;"}) == Lines{"keep"});
  CHECK(actions_of({"require \"fileinto\"; fileinto \"Lists\"; fileinto \"Lists\";"}) == Lines{"fileinto \"Lists\""});
  CHECK(actions_of({"redirect \"Bart@example.com\"; redirect \"Bart@EXAMPLE.com\";"}) ==
        Lines{"redirect \"Bart@example.com\""});
}

TEST_CASE("the message gets into the INBOX once", "[sieve]") {
  // RFC 5228 section 2.10.3 and 4.3.
  const std::string require = "require [\"fileinto\", \"copy\", \"imap4flags\"]; ";
  CHECK(actions_of({require + "keep; fileinto \"Inbox\";"}) == Lines{"keep"});
  CHECK(actions_of({require + "fileinto \"INBOX\"; keep;"}) == Lines{"fileinto \"INBOX\""});
  CHECK(actions_of({require + "fileinto \"INBOX\"; fileinto \"inbox\";"}) == Lines{"fileinto \"INBOX\""});
  CHECK(actions_of({require + "fileinto :copy \"INBOX\"; setflag \"$a\";"}) ==
        Lines{"fileinto \"INBOX\" :flags \"$a\""});
  CHECK(actions_of({require + "keep; fileinto \"Inbox.x\";"}).size() == 2);
}

TEST_CASE("if, elsif and else take the first that is true", "[sieve]") {
  const auto run = [](const char* a, const char* b) {
    return actions_of({std::string("require \"fileinto\"; if ") + a + " { fileinto \"1\"; } elsif " + b +
                       " { fileinto \"2\"; } else { fileinto \"3\"; }"});
  };
  CHECK(run("true", "true") == Lines{"fileinto \"1\""});
  CHECK(run("false", "true") == Lines{"fileinto \"2\""});
  CHECK(run("false", "false") == Lines{"fileinto \"3\""});
}

TEST_CASE("allof, anyof and not", "[sieve]") {
  CHECK(holds("allof(true, true)"));
  CHECK_FALSE(holds("allof(true, false, true)"));
  CHECK(holds("anyof(false, true)"));
  CHECK_FALSE(holds("anyof(false, false)"));
  CHECK(holds("not anyof(false, not true)"));
  CHECK(holds("allof(anyof(false, allof(true, true)), not false)"));
}

TEST_CASE("header compares what a reader sees", "[sieve]") {
  CHECK(holds("header :contains \"subject\" \"a present for you \xE2\x98\xBA\""));
  CHECK(holds("header :is [\"x-nothing\", \"X-Caffeine\"] [\"\", \"c8h10n4o2\"]"));
  // RFC 5228 section 5.7: an empty field is there, a missing one is not.
  CHECK(holds("header :is \"X-Empty\" \"\""));
  CHECK_FALSE(holds("header :is \"X-Nothing\" \"\""));
  CHECK_FALSE(holds("header :contains \"X-Nothing\" \"\""));
  CHECK(holds("header :contains \"X-Caffeine\" \"\""));
  CHECK_FALSE(holds("header :comparator \"i;octet\" :is \"x-caffeine\" \"c8h10n4o2\""));
  CHECK(holds("header :matches \"x-caffeine\" \"C*O?\""));
  CHECK_FALSE(holds("header :matches \"x-caffeine\" \"C?O\""));
}

TEST_CASE("what is no name of a field fits none", "[sieve]") {
  // RFC 5228 section 2.4.2.2: and it is no error.
  for (const auto* name : {"\"Subject:\"", "\"sub ject\"", "\"\""}) {
    CHECK_FALSE(holds(std::string("header :contains ") + name + " \"\""));
    CHECK_FALSE(holds(std::string("address :contains ") + name + " \"\""));
    CHECK_FALSE(holds(std::string("exists ") + name));
  }
}

TEST_CASE("the comparator of all languages", "[sieve][rfc5051]") {
  const auto* unicode = "\"comparator-i;unicode-casemap\", \"relational\", \"regex\", \"variables\"";
  const Run cafe{"", "Subject: Caf\u00e9 \u00dcber \u01c4\u0001\uff2bx\r\nX-Bad: \xFFz\r\n\r\n"};
  const auto matches = [&](const std::string& test) {
    return holds("header :comparator \"i;unicode-casemap\" " + test, unicode, cafe);
  };
  CHECK(matches(":contains \"subject\" \"CAFE\u0301 u\u0308BER\""));
  CHECK(matches(":contains \"subject\" \"cafe\""));
  CHECK(matches(":is \"x-bad\" \"Y\u0308Z\""));
  CHECK(matches(":value \"gt\" \"subject\" \"CAF\""));
  CHECK(matches(":matches \"subject\" \"caf? \u00fcb*\\\\\u0001KX\""));
  CHECK_FALSE(matches(":matches \"subject\" \"caf \u00fcb*\""));
  CHECK(matches(":regex \"subject\" \"^caf\u00c9 \""));
  CHECK(errors_of("if header :comparator \"i;unicode-casemap\" \"a\" \"b\" {}").size() == 1);
  // What a wildcard stands for is as it came.
  const auto captured = [&](const std::string& pattern) {
    return actions_of({"require [" + std::string(unicode) +
                           ", \"reject\"]; if header :comparator \"i;unicode-casemap\" "
                           ":matches \"subject\" \"" +
                           pattern + "\" { reject \"${1}|${2}\"; }",
                       cafe.message})
        .front();
  };
  CHECK(captured("CAF? *ber*") == "reject \"\u00e9|\u00dc\"");
  CHECK(captured("*\u0301*ber *") == "reject \"Caf| \u00dc\"");
  CHECK(captured("*?") == "reject \"Caf\u00e9 \u00dcber \u01c4\u0001\uff2b|x\"");
}

TEST_CASE("the numeric comparator has numbers and infinity", "[sieve][rfc4790]") {
  const auto* numeric = "\"comparator-i;ascii-numeric\", \"relational\"";
  CHECK(holds("header :is :comparator \"i;ascii-numeric\" \"x-number\" \"15\"", numeric));
  CHECK(holds("header :is :comparator \"i;ascii-numeric\" \"subject\" \"none\"", numeric));
  CHECK(holds("header :value \"gt\" :comparator \"i;ascii-numeric\" \"x-number\" \"9\"", numeric));
  CHECK(holds("header :value \"gt\" :comparator \"i;ascii-numeric\" \"subject\" \"99999999999999999999999\"", numeric));
  CHECK_FALSE(holds("header :value \"lt\" :comparator \"i;ascii-numeric\" \"x-number\" \"015\"", numeric));
}

TEST_CASE("address takes addresses apart", "[sieve]") {
  CHECK(holds("address :all \"from\" \"coyote@desert.example.org\""));
  CHECK(holds("address :domain :is \"from\" \"DESERT.example.org\""));
  CHECK(holds("address :localpart \"to\" \"roadrunner\""));
  CHECK(holds("address :localpart \"to\" \"ann+sieve\""));
  CHECK_FALSE(holds("address :is :all \"from\" \"tweety@example.org\""));
  CHECK_FALSE(holds("address :contains \"from\" \"Wile\""));
  // RFC 5228 section 2.7.4: what is no address has no parts.
  const Run odd{"", "From: root\r\nTo: \"a b\"@c.example, nobody@\r\n\r\n"};
  CHECK(holds("address \"from\" \"root\"", "", odd));
  CHECK_FALSE(holds("address :localpart \"from\" \"root\"", "", odd));
  CHECK_FALSE(holds("address :domain \"from\" \"\"", "", odd));
  CHECK_FALSE(holds("address :user \"from\" \"root\"", "\"subaddress\"", odd));
  CHECK(holds("address :localpart \"to\" \"a b\"", "", odd));
  CHECK(holds("address :all \"to\" \"\\\"a b\\\"@c.example\"", "", odd));
}

TEST_CASE("regular expressions are those that people write", "[sieve][regex]") {
  CHECK(holds("header :regex \"subject\" \"\\\\bpresent\\\\b\"", "\"regex\""));
  CHECK_FALSE(holds("header :regex \"subject\" \"\\\\bresent\\\\b\"", "\"regex\""));
  CHECK(holds("header :regex \"x-number\" \"^\\\\d+$\"", "\"regex\""));
  CHECK(holds("header :regex \"subject\" \"a\\\\s+(present|gift)\\\\W\"", "\"regex\""));
}

TEST_CASE("to regular expressions a line end is a character", "[sieve][regex]") {
  CHECK(holds("body :raw :regex \"^Look\"", "\"body\", \"regex\""));
  CHECK_FALSE(holds("body :raw :regex \"^and I\"", "\"body\", \"regex\""));
  CHECK_FALSE(holds("body :raw :regex \"thing,.$\"", "\"body\", \"regex\""));
  CHECK(holds("body :raw :regex \"thing,..and\"", "\"body\", \"regex\""));
}

TEST_CASE("subaddress: user and detail", "[sieve][rfc5233]") {
  CHECK(holds("address :detail \"to\" \"sieve\"", "\"subaddress\""));
  CHECK(holds("address :user \"to\" \"ann\"", "\"subaddress\""));
  CHECK(holds("envelope :detail \"to\" \"sieve\"", "\"subaddress\", \"envelope\""));
  // Without a separator there is no detail, not an empty one.
  CHECK_FALSE(holds("address :detail \"from\" \"\"", "\"subaddress\""));
  CHECK(holds("envelope :detail \"to\" \"\"", "\"subaddress\", \"envelope\"", {.script = "", .to = "ann+@b.example"}));
  CHECK(errors_of("if address :detail \"to\" \"x\" {}").size() == 1);
}

TEST_CASE("envelope is that of the transaction", "[sieve]") {
  CHECK(holds("envelope :is \"from\" \"coyote@desert.example.org\"", "\"envelope\""));
  CHECK(holds("envelope :domain \"to\" \"b.example\"", "\"envelope\""));
  CHECK(holds("envelope :domain :is \"from\" \"\"", "\"envelope\"", {.script = "", .from = ""}));
  const Run quoted{.script = "", .from = "\"a b\"@x.example", .to = "\"ann+sieve\"@b.example"};
  CHECK(holds("envelope :localpart \"from\" \"a b\"", "\"envelope\"", quoted));
  CHECK(holds("envelope :all \"from\" \"\\\"a b\\\"@x.example\"", "\"envelope\"", quoted));
  CHECK(holds("envelope :detail \"to\" \"sieve\"", "\"envelope\", \"subaddress\"", quoted));
  CHECK(holds("envelope :all \"to\" \"ann+sieve@b.example\"", "\"envelope\"", quoted));
  CHECK(errors_of("require \"envelope\"; if envelope \"auth\" \"x\" {}").size() == 1);
}

TEST_CASE("exists and size", "[sieve]") {
  CHECK(holds("exists [\"From\", \"date\"]"));
  CHECK_FALSE(holds("exists [\"From\", \"x-nothing\"]"));
  const auto size = std::to_string(kLetter.size());
  CHECK_FALSE(holds("size :over " + size));
  CHECK_FALSE(holds("size :under " + size));
  CHECK(holds("size :over " + std::to_string(kLetter.size() - 1)));
  CHECK(holds("size :under 1K"));
}

TEST_CASE("encoded characters", "[sieve]") {
  const auto reject = [](const std::string& text) {
    return actions_of({"require [\"encoded-character\", \"reject\"]; reject \"" + text + "\";"})[0].substr(7);
  };
  // RFC 5228 section 2.4.2.4.
  CHECK(reject("$${hex:40}") == "\"$@\"");
  CHECK(reject("${hex: 40 }") == "\"@\"");
  CHECK(reject("${HEX: 40}") == "\"@\"");
  CHECK(reject("${hex:40") == "\"${hex:40\"");
  CHECK(reject("${hex:400}") == "\"${hex:400}\"");
  CHECK(reject("${hex:4${hex:30}}") == "\"${hex:40}\"");
  CHECK(reject("${unicode:40}") == "\"@\"");
  CHECK(reject("${ unicode:40}") == "\"${ unicode:40}\"");
  CHECK(reject("${UNICODE:40}") == "\"@\"");
  CHECK(reject("${UnICoDE:0000040}") == "\"@\"");
  CHECK(reject("${Unicode:263A 20AC}") == "\"\xE2\x98\xBA\xE2\x82\xAC\"");
  CHECK(errors_of("require [\"encoded-character\", \"reject\"]; reject \"${unicode:200000}\";").size() == 1);
  CHECK(errors_of("require [\"encoded-character\", \"reject\"]; reject \"${Unicode:DF01}\";").size() == 1);
  // No error unless all of it is well-formed.
  CHECK(reject("${unicode:200000 cool}") == "\"${unicode:200000 cool}\"");
}

TEST_CASE("copy leaves the implicit keep", "[sieve][rfc3894]") {
  CHECK(actions_of({"require [\"copy\", \"fileinto\"]; fileinto :copy \"Lists\"; redirect :copy \"a@b.example\";"}) ==
        Lines{"fileinto \"Lists\"", "redirect \"a@b.example\"", "keep"});
}

TEST_CASE("what a redirect would bring back is kept at once", "[sieve]") {
  for (const auto* own : {"ann@b.example", "ann@C.example", "ann+sieve@b.example", "ann+x@c.example"})
    CHECK(actions_of({"redirect \"" + std::string(own) + "\";"}) == Lines{"keep"});
  CHECK(actions_of({"require \"copy\"; redirect :copy \"ann@b.example\"; discard;"}).empty());
  CHECK(actions_of({"require \"imap4flags\"; setflag \"\\\\Seen\"; redirect \"ann@b.example\";"}) ==
        Lines{"keep :flags \"\\\\Seen\""});
  CHECK(actions_of({"redirect \"ann@d.example\";"}) == Lines{"redirect \"ann@d.example\""});
}

TEST_CASE("a message is not sent back to who had it first", "[sieve]") {
  const auto marked = "Delivered-To: zoe@c.example\r\nDelivered-To:  bob@b.example \r\n" + std::string(kLetter);
  CHECK(actions_of({"redirect \"bob@B.example\";", marked}) == Lines{"keep"});
  CHECK(actions_of({"redirect \"zoe@c.example\"; redirect \"yan@c.example\";", marked}) ==
        Lines{"redirect \"yan@c.example\""});
  CHECK(outcome_of({"redirect \"bob@b.example\";", marked}).no_redirect ==
        "bob@b.example: the message comes from there");
}

TEST_CASE("reject excludes delivery", "[sieve][rfc5429]") {
  CHECK(actions_of({"require \"ereject\"; ereject \"no\";"}) == Lines{"ereject \"no\""});
  CHECK(actions_of({"require \"reject\"; discard; reject \"no\";"}) == Lines{"reject \"no\""});
  CHECK(actions_of({"require \"reject\"; keep; reject \"no\";"}) ==
        Lines{"keep", "error 1:25: reject after another action that excludes it"});
  CHECK(actions_of({"require \"reject\"; reject \"no\"; keep;"}) == Lines{"keep", "error 1:32: keep after reject"});
  CHECK(actions_of({"require \"reject\"; reject \"no\"; reject \"no\";"}).back().starts_with("error"));
}

TEST_CASE("what a script may do has limits", "[sieve]") {
  std::string redirects;
  for (int i = 0; i < 11; ++i) redirects += "redirect \"r" + std::to_string(i) + "@b.example\";";
  CHECK(actions_of({redirects}).front() == "keep");
  CHECK(actions_of({redirects}).back().ends_with("too many redirects"));
  Run few{"if true {} if true {} if true {} discard;"};
  few.limits.instructions = 5;
  CHECK(actions_of(few).back().ends_with("the script takes too long"));
  std::string doubled = "require \"variables\"; set \"a\" \"" + std::string(70'000, 'x') + "\";";
  doubled += "if string :is \"" + std::string(400, 'y') + "\" [";
  for (int i = 0; i < 100; ++i) doubled += i == 0 ? "\"${a}\"" : ",\"${a}\"";
  CHECK(actions_of({doubled + "] {}"}).back().ends_with("a list of strings is too long"));
  std::string versions = "require [\"editheader\", \"fileinto\"];";
  for (int i = 0; i < 6; ++i) versions += "addheader \"X\" \"y\"; fileinto \"" + std::to_string(i) + "\";";
  CHECK(actions_of({versions}).back().ends_with("between too many actions"));
  const auto letter = "Subject: " + std::string(900'000, 'a') + "\r\n\r\n";
  Run glob{"if header :matches \"subject\" \"*a*a*a*a*b\" { discard; }", letter};
  glob.limits.work = 1'000'000;
  CHECK(actions_of(glob).back().ends_with("the script takes too long"));
}

TEST_CASE("all that takes time is counted", "[sieve]") {
  const auto letter = "Subject: " + std::string(900'000, 'a') + "\r\n\r\n";
  // By the product of both lengths this would take minutes.
  const auto key = std::string(400'000, 'a') + "b";
  CHECK_FALSE(holds("header :contains \"subject\" \"" + key + "\"", "", {.script = {}, .message = letter}));
  Run regex{"require \"regex\"; if header :regex \"subject\" \"a[ab]{900}c\" { discard; }", letter};
  regex.limits.work = 10'000'000;
  CHECK(actions_of(regex).back().ends_with("the script takes too long"));
  std::string keys;
  for (int i = 0; i < 60; ++i) keys += i == 0 ? "\"${a}\"" : ",\"${a}\"";
  Run lists{"require \"variables\"; set \"a\" \"" + std::string(60'000, 'x') + "\";"};
  for (int i = 0; i < 10; ++i) lists.script += "if header :is \"x-none\" [" + keys + "] {}";
  lists.limits.work = 20'000'000;
  CHECK(actions_of(lists).back().ends_with("the script takes too long"));
  std::string header = "Subject: x\r\n";
  for (int i = 0; i < 10'000; ++i) header += "A:\r\n";
  Run fields{"require \"editheader\";", header};
  for (int i = 0; i < 20; ++i) fields.script += "deleteheader \"x-none\";";
  fields.limits.work = 1'000'000;
  CHECK(actions_of(fields).back().ends_with("the script takes too long"));
}

TEST_CASE("after an error nothing but a keep is left", "[sieve]") {
  CHECK(actions_of({"require \"variables\"; redirect \"a@b.example\"; set \"x\" \"none\"; redirect \"${x}\";"}) ==
        Lines{"keep", "error 1:62: redirect to \"none\", which is no address"});
}
