// What scripts see of a message and change in it: RFC 5173, RFC 5260, RFC 5293, RFC 5703.
#include "helpers.h"

using namespace quartet::sieve;

namespace {

constexpr std::string_view kMixed =
    "From: coyote@desert.example.org\r\nTo: ann@b.example\r\nSubject: parts\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=outer\r\n"
    "\r\n"
    "the prologue\r\n"
    "--outer\r\n"
    "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    "caf=E9 today\r\n"
    "--outer\r\n"
    "Content-Type: text/html\r\n\r\n<p>Buy <b>cheap</b> things</p>\r\n"
    "--outer\r\n"
    "Content-Type: application/octet-stream; name=\"x.exe\"\r\nContent-Disposition: attachment; filename=\"x.exe\"\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nTVqQ\r\n"
    "--outer\r\n"
    "Content-Type: message/rfc822\r\n\r\n"
    "From: inner@c.example\r\nSubject: inside\r\n\r\nwords within\r\n"
    "--outer--\r\n"
    "the epilogue\r\n";

const Run kBase{"", kMixed};

Lines run(const std::string& script, std::string_view message = kMixed) {
  return actions_of(
      {"require [\"foreverypart\", \"mime\", \"extracttext\", \"variables\", \"fileinto\", \"editheader\", "
       "\"reject\", \"index\", \"relational\"];\n" +
           script,
       message});
}

/// The message of a keep after a script.
std::string edited(const std::string& script, std::string_view message = kLetter) {
  const auto outcome =
      outcome_of({"require [\"editheader\", \"variables\", \"index\", \"relational\"]; " + script, message});
  REQUIRE(outcome.actions.size() == 1);
  const auto& keep = std::get<Keep>(outcome.actions[0]);
  return keep.message == nullptr ? std::string(message) : *keep.message;
}

}  // namespace

TEST_CASE("body: raw, content, text", "[sieve][rfc5173]") {
  const auto body = [](const std::string& test) { return holds("body " + test, "\"body\", \"variables\"", kBase); };
  CHECK(body(":raw :contains \"caf=E9\""));
  CHECK(body(":raw :contains \"the epilogue\""));
  CHECK_FALSE(body(":raw :contains \"Subject: parts\""));
  CHECK(body(":content \"text\" :contains \"caf\xC3\xA9\""));
  CHECK(body(":content \"text/html\" :contains \"<b>cheap\""));
  CHECK_FALSE(body(":content \"text/plain\" :contains \"cheap\""));
  CHECK(body(":content \"application/octet-stream\" :contains \"MZ\""));
  CHECK(body(":content \"multipart\" :contains \"the prologue\""));
  CHECK(body(":content \"multipart\" :contains \"the epilogue\""));
  CHECK_FALSE(body(":content \"multipart\" :contains \"cheap\""));
  CHECK(body(":content \"multipart\" :is \"the prologue\""));
  CHECK_FALSE(body(":content \"multipart\" :contains \"outer\""));
  const Run bare{"", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ncut off"};
  CHECK_FALSE(holds("body :content \"multipart\" :contains [\"b\", \"one\"]", "\"body\"", bare));
  CHECK(body(":content \"message/rfc822\" :contains \"inner@c.example\""));
  CHECK_FALSE(body(":content \"message/rfc822\" :contains \"words within\""));
  CHECK(body(":content \"\" :contains \"words within\""));
  CHECK(body(":text :contains \"Buy cheap things\""));
  CHECK(body(":contains [\"nothing\", \"words within\"]"));
  CHECK_FALSE(body(":text :contains \"the prologue\""));
  CHECK(holds("body :raw :contains \"really\"", "\"body\""));
  // RFC 5173 section 6: no match variables.
  CHECK(run("if header :matches \"subject\" \"*\" {} reject \"${1}\";") == Lines{"reject \"parts\""});
  CHECK(actions_of({"require [\"body\", \"variables\", \"reject\"]; if header :matches \"subject\" \"*\" {} "
                    "if body :matches \"*cheap*\" { reject \"${1}\"; }",
                    kMixed}) == Lines{"reject \"parts\""});
}

TEST_CASE("date and currentdate", "[sieve][rfc5260]") {
  const auto date = [](const std::string& test) {
    return holds(test, "\"date\", \"relational\", \"index\", \"comparator-i;ascii-numeric\"");
  };
  // The letter is of 11:05:09Z, local time is an hour ahead.
  CHECK(date("date \"date\" \"hour\" \"12\""));
  CHECK(date("date :originalzone \"date\" \"hour\" \"13\""));
  CHECK(date("date :zone \"-0500\" \"date\" \"time\" \"06:05:09\""));
  CHECK(date("date :originalzone \"date\" \"zone\" \"+0200\""));
  CHECK(date("date :zone \"+0000\" \"date\" \"iso8601\" \"2026-11-24T11:05:09+00:00\""));
  CHECK(date("date :zone \"+0000\" \"date\" \"std11\" \"Tue, 24 Nov 2026 11:05:09 +0000\""));
  CHECK(date("date \"date\" \"weekday\" \"2\""));
  CHECK(date("date \"date\" \"julian\" \"61368\""));
  CHECK(date("date \"received\" \"date\" \"2026-11-24\""));
  CHECK(date("date :index 1 :last \"received\" \"minute\" \"05\""));
  CHECK_FALSE(date("date :index 2 \"received\" \"minute\" \"05\""));
  CHECK_FALSE(date("date \"subject\" \"year\" \"2026\""));
  CHECK(date("currentdate :value \"ge\" \"date\" \"2026-11-24\""));
  CHECK(date("allof(currentdate :value \"ge\" \"hour\" \"13\", currentdate :value \"lt\" \"hour\" \"15\")"));
  CHECK(date("currentdate :zone \"+0000\" \"time\" \"13:05:09\""));
  CHECK(errors_of("require \"date\"; if currentdate \"fortnight\" \"1\" {}").size() == 1);
  CHECK(errors_of("require \"date\"; if currentdate :zone \"CET\" \"hour\" \"1\" {}") ==
        Lines{"1:38: \"CET\" is no time zone"});
  CHECK(actions_of({"require [\"date\", \"variables\"]; if currentdate :zone \"${none}\" \"hour\" \"1\" {}"})
            .back()
            .contains("no time zone"));
}

TEST_CASE("index picks one of several fields", "[sieve][rfc5260]") {
  const Run letter{"", "X-A: one\r\nX-A: two\r\nX-A: three\r\nTo: a@x.example, b@x.example\r\n\r\n"};
  const auto index = [&](const std::string& test) { return holds(test, "\"index\"", letter); };
  CHECK(index("header :index 1 \"x-a\" \"one\""));
  CHECK(index("header :index 1 :last \"x-a\" \"three\""));
  CHECK_FALSE(index("header :index 2 \"x-a\" [\"one\", \"three\"]"));
  CHECK_FALSE(index("header :index 4 \"x-a\" [\"one\", \"two\", \"three\"]"));
  CHECK(index("address :index 1 \"to\" \"b@x.example\""));
  // RFC 5260 section 6: all the named fields are counted, in the order of the names.
  CHECK(index("header :index 2 [\"to\", \"x-a\"] \"one\""));
  CHECK_FALSE(index("header :index 2 [\"to\", \"x-a\"] \"two\""));
  CHECK(index("header :index 2 [\"x-a\", \"to\"] \"two\""));
  CHECK(index("header :index 1 :last [\"x-a\", \"to\"] \"a@x.example, b@x.example\""));
  CHECK(index("address :index 1 [\"cc\", \"to\"] \"b@x.example\""));
  CHECK(errors_of("require \"index\"; if header :last \"a\" \"b\" {}").size() == 1);
  CHECK(errors_of("require \"index\"; if header :index 0 \"a\" \"b\" {}").size() == 1);
}

TEST_CASE("fields are added and deleted", "[sieve][rfc5293]") {
  CHECK(edited("addheader \"X-New\" \"a  b\";") == "X-New: a  b\r\n" + std::string(kLetter));
  CHECK(edited("addheader :last \"X-New\" \"\";").contains("+0200\r\nX-New:"));
  CHECK(edited("addheader \"X-New\" \"a\r\nBcc: evil@b.example\";").starts_with("X-New: a  Bcc: evil@b.example\r\n"));
  CHECK(edited("addheader \"X-New\" \"\xE2\x98\xBA\";").starts_with("X-New: =?utf-8?"));
  const std::string many = "X-A: one\r\nX-A: two\r\nX-A: three\r\n\r\nbody\r\n";
  CHECK(edited("deleteheader \"x-a\";", many) == "\r\nbody\r\n");
  CHECK(edited("deleteheader :index 2 \"x-a\";", many) == "X-A: one\r\nX-A: three\r\n\r\nbody\r\n");
  CHECK(edited("deleteheader :index 1 :last \"x-a\";", many) == "X-A: one\r\nX-A: two\r\n\r\nbody\r\n");
  CHECK(edited("deleteheader :contains \"x-a\" \"o\";", many) == "X-A: three\r\n\r\nbody\r\n");
  CHECK(edited("deleteheader :index 1 :contains \"x-a\" \"two\";", many) == many);
  CHECK(edited("deleteheader \"received\"; deleteheader \"x-none\";") == kLetter);
  // Later tests see the change; what was done before does not.
  CHECK(edited("deleteheader \"subject\"; if exists \"subject\" { stop; } addheader \"X-New\" \"y\";")
            .starts_with("X-New"));
  CHECK(run("fileinto \"Lists\"; addheader \"X-New\" \"y\"; keep;") ==
        Lines{"fileinto \"Lists\"", "keep (header edited)"});
}

TEST_CASE("a field that is added leaves a header whole that is longer than what is looked at", "[sieve][rfc5293]") {
  const auto long_field = "X-Long: " + std::string(1'200'000, 'x') + "\r\n";
  const auto message = "Subject: s\r\n" + long_field + "X-Last: z\r\n\r\ntext\r\n";
  CHECK(edited("addheader \"X-New\" \"1\";", message) == "X-New: 1\r\n" + message);
}

TEST_CASE("a field that is edited has a name", "[sieve][rfc5293]") {
  const std::string require = "require [\"editheader\", \"variables\"]; ";
  for (const auto* wrong : {"\"a b\"", "\"a:\"", "\"\""}) {
    CHECK(errors_of(require + "addheader " + wrong + " \"x\";").size() == 1);
    CHECK(errors_of(require + "deleteheader " + wrong + ";").size() == 1);
  }
  const std::string named = require + "set \"n\" \"a b\"; ";
  CHECK(actions_of({named + "addheader \"${n}\" \"x\";"}).back().contains("no name of a header"));
  CHECK(actions_of({named + "deleteheader \"${n}\";"}).back().contains("no name of a header"));
}

TEST_CASE("parts are walked and read", "[sieve][rfc5703]") {
  CHECK(run("if header :mime :anychild :contenttype :is \"Content-Type\" \"text/html\" { discard; }").empty());
  CHECK(run("if header :mime :contenttype :is \"Content-Type\" \"text/html\" { discard; }") == Lines{"keep"});
  CHECK(run("if header :mime :type :is \"Content-Type\" \"multipart\" { discard; }").empty());
  CHECK(run("if header :mime :subtype :is \"Content-Type\" \"mixed\" { discard; }").empty());
  CHECK(run("if header :mime :anychild :param \"filename\" :matches \"Content-Disposition\" \"*.exe\" { discard; }")
            .empty());
  CHECK(run("if address :mime :anychild :domain \"from\" \"c.example\" { discard; }").empty());
  CHECK(run("if exists :mime :anychild \"content-disposition\" { discard; }").empty());
  CHECK(run("if exists :mime \"content-disposition\" { discard; }") == Lines{"keep"});
  CHECK(run("set \"n\" \"\"; foreverypart { set \"n\" \"${n}x\"; } reject \"${n}\";") == Lines{"reject \"xxxxxx\""});
  CHECK(
      run("foreverypart { if header :mime :type :is \"Content-Type\" \"text\" { extracttext :first 4 \"t\"; break; } } "
          "reject \"${t}\";") == Lines{"reject \"caf\xC3\xA9\""});
  CHECK(run("set \"n\" \"\"; foreverypart :name \"out\" { foreverypart { set \"n\" \"${n}y\"; break :name \"out\"; } } "
            "reject \"${n}\";") == Lines{"reject \"y\""});
  CHECK(run("set \"n\" \"\"; foreverypart { set \"n\" \"${n}(\"; foreverypart { set \"n\" \"${n}.\"; } set \"n\" "
            "\"${n})\"; } "
            "reject \"${n}\";") == Lines{"reject \"(.....)()()()(.)()\""});
  CHECK(run("set \"n\" \"\"; foreverypart { set \"n\" \"${n}x\"; } reject \"${n}\";", kLetter) ==
        Lines{"reject \"x\""});
  CHECK(errors_of("require \"foreverypart\"; break;").size() == 1);
  CHECK(errors_of("require [\"extracttext\", \"variables\"]; extracttext \"a\";").size() == 1);
}
