// Tags, names, and the commands of RFC 9051 sections 6.1 and 6.2, ID and ENABLE.
#include "imapd/proto/parser.h"

#include "parse.h"

using namespace quartet::imapd;
using Kind = ParseError::Kind;

TEST_CASE("commands without arguments", "[imap]") {
  const std::string name = GENERATE("CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "CHECK", "CLOSE", "UNSELECT",
                                    "NAMESPACE", "IDLE", "UNAUTHENTICATE");
  const auto command = parse_command("A.1 " + name);
  REQUIRE(command);
  CHECK(command->tag == "A.1");
  CHECK(command->name == name);
  CHECK_FALSE(command->uid);
  CHECK(std::holds_alternative<NoArguments>(command->arguments));
  error_of("a " + name + " x");
  error_of("a " + name + " ");
  error_of("a UID " + name);
}

TEST_CASE("names are read without regard to case", "[imap]") {
  CHECK(parse_command("a noOp")->name == "NOOP");
  const auto command = parse_command("a uid fetch 1 flags");
  REQUIRE(command);
  CHECK(command->name == "FETCH");
  CHECK(command->uid);
}

TEST_CASE("lines without a tag get an untagged answer", "[imap]") {
  const auto* line = GENERATE("", " ", " NOOP", "a+ NOOP", "(a NOOP", "\"a\" NOOP", "\xC3\xA9 NOOP", "a\tNOOP");
  const auto command = parse_command(line);
  REQUIRE_FALSE(command);
  CHECK(command.error().tag.empty());
}

TEST_CASE("what is no command", "[imap]") {
  CHECK(error_of("a XYZZY").kind == Kind::kUnknown);
  CHECK(error_of("a XYZZY 1 2").kind == Kind::kUnknown);
  CHECK(error_of("a NOOP\r").kind == Kind::kUnknown);
  CHECK(error_of("a NOOP{1+}\r\nx").kind == Kind::kUnknown);
  error_of("a");
  error_of("a ");
  error_of("a  NOOP");
  error_of("a {4+}\r\nNOOP");
  error_of("a UID");
  error_of("a UID ");
}

TEST_CASE("LOGIN", "[imap]") {
  auto login = parsed<Login>("a LOGIN joe \"pass word\"");
  CHECK(login.user == "joe");
  CHECK(login.password == "pass word");
  login = parsed<Login>("a LOGIN \"a\\\"b\\\\c\" {5+}\r\nx\r\ny\xFF");
  CHECK(login.user == "a\"b\\c");
  CHECK(login.password == "x\r\ny\xFF");
  CHECK(parsed<Login>("a LOGIN x \"\u00E9\"").password == "\u00E9");
  CHECK(parsed<Login>("a LOGIN x y]z").password == "y]z");
  const auto* wrong =
      GENERATE("a LOGIN", "a LOGIN ", "a LOGIN x", "a LOGIN x ", "a LOGIN x y z", "a LOGIN  x y", "a LOGIN x \"y",
               "a LOGIN x \"y\\z\"", "a LOGIN x \"\xE9\"", "a LOGIN x \"y\rz\"", "a LOGIN x y\\z", "a LOGIN x (y)",
               "a LOGIN x ~{1+}\r\ny", "a LOGIN x{1+}\r\ny", "a LOGIN x {1+}\r\ny{1+}\r\nz", "a LOGIN x y%");
  CHECK(error_of(wrong).kind == Kind::kSyntax);
  CHECK(error_of({"a LOGIN x {1+}\r\n\0", 18}).text == "NUL in a literal that is not binary");
}

TEST_CASE("AUTHENTICATE", "[imap]") {
  auto authenticate = parsed<Authenticate>("a authenticate plain");
  CHECK(authenticate.mechanism == "PLAIN");
  CHECK_FALSE(authenticate.response);
  CHECK(parsed<Authenticate>("a AUTHENTICATE PLAIN AGpvZQBw+/==").response == "AGpvZQBw+/==");
  CHECK(parsed<Authenticate>("a AUTHENTICATE SCRAM-SHA-256 =").response == "");
  const auto* wrong = GENERATE("a AUTHENTICATE", "a AUTHENTICATE ", "a AUTHENTICATE PLAIN ", "a AUTHENTICATE PLAIN *",
                               "a AUTHENTICATE PLAIN x y", "a AUTHENTICATE \"PLAIN\"");
  error_of(wrong);
}

TEST_CASE("ID", "[imap]") {
  CHECK(parsed<Id>("a ID NIL").fields.empty());
  CHECK(parsed<Id>("a ID ()").fields.empty());
  const auto id = parsed<Id>("a ID (\"name\" \"x\" \"version\" nil {2+}\r\nos {1+}\r\ny)");
  REQUIRE(id.fields.size() == 3);
  CHECK(id.fields[0] == std::pair<std::string, std::optional<std::string>>("name", "x"));
  CHECK_FALSE(id.fields[1].second);
  CHECK(id.fields[2] == std::pair<std::string, std::optional<std::string>>("os", "y"));
  std::string many = "a ID (\"n\" \"v\"";
  for (int i = 1; i < 30; ++i) many += " \"n\" NIL";
  CHECK(parsed<Id>(many + ")").fields.size() == 30);
  CHECK(error_of(many + " \"n\" NIL)").kind == Kind::kLimit);
  const auto* wrong = GENERATE("a ID", "a ID (\"name\")", "a ID (name \"x\")", "a ID (\"name\" \"x\"", "a ID NILS");
  error_of(wrong);
}

TEST_CASE("ENABLE", "[imap]") {
  CHECK(parsed<Enable>("a ENABLE condstore UTF8=ACCEPT").capabilities ==
        std::vector<std::string>{"CONDSTORE", "UTF8=ACCEPT"});
  error_of("a ENABLE");
  error_of("a ENABLE ");
  error_of("a ENABLE (IMAP4rev2)");
}
