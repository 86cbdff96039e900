// RFC 9051 sections 6.3.12 and 6.4.5 to 6.4.9, and the extensions of FETCH and STORE.
#include "parse.h"

using namespace quartet;
using namespace quartet::imapd;
using namespace std::literals;
using Error = ParseError::Kind;
using Item = FetchItem::Kind;
using Strings = std::vector<std::string>;

namespace {

/// The names of the items as they come in the response, with what the name does not say.
std::string items(std::string_view text) {
  std::string out;
  for (const auto& item : parsed<Fetch>("a FETCH 1 " + std::string(text)).items) {
    if (!out.empty()) out += ", ";
    out += response_name(item);
    if (item.partial) out += std::to_string(item.partial->count);
    if (item.peek) out += " peek";
    if (item.lazy) out += " lazy";
    if (item.sets_seen()) out += " seen";
  }
  return out;
}

}  // namespace

TEST_CASE("macros of FETCH", "[imap]") {
  CHECK(items("ALL") == "FLAGS, INTERNALDATE, RFC822.SIZE, ENVELOPE");
  CHECK(items("fast") == "FLAGS, INTERNALDATE, RFC822.SIZE");
  CHECK(items("FULL") == "FLAGS, INTERNALDATE, RFC822.SIZE, ENVELOPE, BODY");
}

TEST_CASE("items of FETCH", "[imap]") {
  CHECK(items("flags") == "FLAGS");
  CHECK(items("(UID FLAGS INTERNALDATE ENVELOPE BODY BODYSTRUCTURE RFC822.SIZE RFC822.HEADER)") ==
        "UID, FLAGS, INTERNALDATE, ENVELOPE, BODY, BODYSTRUCTURE, RFC822.SIZE, RFC822.HEADER");
  CHECK(items("(RFC822 RFC822.TEXT)") == "RFC822 seen, RFC822.TEXT seen");
  CHECK(items("(MODSEQ EMAILID THREADID SAVEDATE)") == "MODSEQ, EMAILID, THREADID, SAVEDATE");
  CHECK(items("PREVIEW") == "PREVIEW");
  CHECK(items("PREVIEW (LAZY)") == "PREVIEW lazy");
  CHECK(items("(PREVIEW (LAZY) UID)") == "PREVIEW lazy, UID");
  CHECK(items("(UID UID FLAGS uid)") == "UID, FLAGS");
}

TEST_CASE("sections", "[imap]") {
  CHECK(items("BODY[]") == "BODY[] seen");
  CHECK(items("body.peek[text]") == "BODY[TEXT] peek");
  CHECK(items("BODY.PEEK[1.2.HEADER]<0.100>") == "BODY[1.2.HEADER]<0>100 peek");
  CHECK(items("BODY[3.MIME]<5.4294967296>") == "BODY[3.MIME]<5>4294967296 seen");
  CHECK(items("BODY.PEEK[HEADER.FIELDS (From \"To\" {2+}\r\nCc)]") == "BODY[HEADER.FIELDS (From To Cc)] peek");
  CHECK(items("BODY.PEEK[4.HEADER.FIELDS.NOT (X)]<1.1>") == "BODY[4.HEADER.FIELDS.NOT (X)]<1>1 peek");
  CHECK(items("BODY.PEEK[HEADER.FIELDS (\"a b\")]") == "BODY[HEADER.FIELDS (\"a b\")] peek");
  CHECK(items("BODY.PEEK[HEADER.FIELDS (x])]") == "BODY[HEADER.FIELDS (\"x]\")] peek");
  CHECK(items("(BINARY[1.2] BINARY.PEEK[]<0.5> BINARY.SIZE[3])") ==
        "BINARY[1.2] seen, BINARY[]<0>5 peek, BINARY.SIZE[3]");
}

TEST_CASE("the set and modifiers of FETCH", "[imap]") {
  CHECK(parsed<Fetch>("a FETCH 2:4,* UID").set.to_string() == "2:4,*");
  CHECK(parsed<Fetch>("a UID FETCH $ UID").set.saved_result());
  const auto fetch = parsed<Fetch>("a UID FETCH 1:* FLAGS (CHANGEDSINCE 12345 VANISHED)");
  CHECK(fetch.changed_since == 12345);
  CHECK(fetch.vanished);
  CHECK(parsed<Fetch>("a FETCH 1 (UID) (changedsince 0)").changed_since == 0);
  CHECK(parsed<Fetch>("a FETCH 1 PREVIEW (CHANGEDSINCE 5)").changed_since == 5);
}

TEST_CASE("what FETCH refuses", "[imap]") {
  const auto* wrong =
      GENERATE("a FETCH", "a FETCH 1", "a FETCH 1 ", "a FETCH 1 ()", "a FETCH 1 FOO", "a FETCH 1 (ALL)",
               "a FETCH 1 (UID", "a FETCH x UID", "a FETCH 0 UID", "a FETCH 1 UID FLAGS", "a FETCH 1 (UID  FLAGS)",
               "a FETCH 1 ALL FLAGS", "a FETCH 1 BODY.PEEK", "a FETCH 1 BODY[", "a FETCH 1 BODY[FOO]",
               "a FETCH 1 BODY[MIME]", "a FETCH 1 BODY[0]", "a FETCH 1 BODY[1.]", "a FETCH 1 BODY[.1]",
               "a FETCH 1 BODY[HEADER.FIELDS]", "a FETCH 1 BODY[HEADER.FIELDS ()]", "a FETCH 1 BODY[HEADER (X)]",
               "a FETCH 1 BODY[ (X)]", "a FETCH 1 BODY[TEXT", "a FETCH 1 BODY[]<1>", "a FETCH 1 BODY[]<1.0>",
               "a FETCH 1 BODY[]<1.2", "a FETCH 1 BODY[]<-1.2>", "a FETCH 1 BINARY", "a FETCH 1 BINARY[TEXT]",
               "a FETCH 1 BINARY.SIZE[1]<0.1>", "a FETCH 1 UID[]", "a FETCH 1 BODY[]<9223372036854775808.1>",
               "a FETCH 1 FLAGS (CHANGEDSINCE)", "a FETCH 1 FLAGS (FOO 1)", "a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
               "a UID FETCH 1 FLAGS (VANISHED)", "a FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)",
               "a FETCH 1 FLAGS ()", "a FETCH 1{3+}\r\nUID", "a FETCH 1 {3+}\r\nUID");
  CHECK(error_of(wrong).kind == Error::kSyntax);
}

TEST_CASE("FETCH is bounded", "[imap]") {
  std::string many = "a FETCH 1 (BODY[1]";
  for (int i = 2; i <= 128; ++i) many += " BODY[" + std::to_string(i) + "]";
  CHECK(parsed<Fetch>(many + ")").items.size() == 128);
  CHECK(error_of(many + " UID)").kind == Error::kLimit);
  std::string fields = "a FETCH 1 BODY[HEADER.FIELDS (X";
  for (int i = 1; i < 256; ++i) fields += " X";
  CHECK(parsed<Fetch>(fields + ")]").items.front().section.fields.size() == 256);
  CHECK(error_of(fields + " X)]").kind == Error::kLimit);
}

TEST_CASE("STORE", "[imap]") {
  auto store = parsed<Store>("a STORE 2:4 +FLAGS (\\Deleted $Junk)");
  CHECK(store.mode == Store::Mode::kAdd);
  CHECK_FALSE(store.silent);
  CHECK(store.flags == Strings{"\\Deleted", "$Junk"});
  CHECK(store.set.to_string() == "2:4");
  store = parsed<Store>("a UID STORE 1 -flags.silent \\seen \\ANSWERED x");
  CHECK(store.mode == Store::Mode::kRemove);
  CHECK(store.silent);
  CHECK(store.flags == Strings{"\\Seen", "\\Answered", "x"});
  store = parsed<Store>("a STORE $ (UNCHANGEDSINCE 320162338) FLAGS ()");
  CHECK(store.mode == Store::Mode::kReplace);
  CHECK(store.unchanged_since == 320162338);
  CHECK(store.flags.empty());
  CHECK(parsed<Store>("a STORE 1 FLAGS (\\Seen x \\SEEN X)").flags == Strings{"\\Seen", "x"});
  const auto* wrong = GENERATE(
      "a STORE", "a STORE 1", "a STORE 1 FLAGS", "a STORE 1 FLAGS ", "a STORE 1 FOO ()", "a STORE 1 * FLAGS ()",
      "a STORE 1 FLAGS (\\Recent)", "a STORE 1 FLAGS (\\)", "a STORE 1 FLAGS (\\Foo)", "a STORE 1 FLAGS (x",
      "a STORE 1 FLAGS (\"x\")", "a STORE 1 (UNCHANGEDSINCE) FLAGS ()", "a STORE 1 (FOO 1) FLAGS ()",
      "a STORE 1 (UNCHANGEDSINCE 1 ) FLAGS ()", "a STORE 1 FLAGS () x", "a STORE 1 FLAGS () (x)");
  CHECK(error_of(wrong).kind == Error::kSyntax);
  std::string many = "a STORE 1 FLAGS (k0";
  for (int i = 1; i <= 128; ++i) many += " k" + std::to_string(i);
  CHECK(error_of(many + ")").kind == Error::kLimit);
}

TEST_CASE("COPY, MOVE, EXPUNGE", "[imap]") {
  const auto copy = parsed<Copy>("a COPY 1:3,7 inbox");
  CHECK(copy.set.to_string() == "1:3,7");
  CHECK(copy.mailbox == "INBOX");
  CHECK(parsed<Move>("a UID MOVE * \"x y\"").mailbox == "x y");
  CHECK_FALSE(parsed<Expunge>("a EXPUNGE").uids);
  CHECK(parsed<Expunge>("a UID EXPUNGE 3:5").uids->to_string() == "3:5");
  const auto* wrong = GENERATE("a COPY", "a COPY 1", "a COPY x y", "a COPY 1 x y", "a MOVE 1", "a EXPUNGE 1",
                               "a UID EXPUNGE", "a UID EXPUNGE x", "a UID EXPUNGE 1 2");
  CHECK(error_of(wrong).kind == Error::kSyntax);
}

TEST_CASE("APPEND", "[imap]") {
  auto append = parsed<Append>("a APPEND Sent {5+}\r\na\r\n\r\n");
  CHECK(append.mailbox == "Sent");
  REQUIRE(append.items.size() == 1);
  CHECK(append.items[0].message == "a\r\n\r\n");
  CHECK(append.items[0].flags.empty());
  CHECK_FALSE(append.items[0].date);
  append = parsed<Append>("a APPEND {5+}\r\ninbox (\\Seen x) \"24-Nov-2026 13:05:09 +0100\" {1+}\r\nx");
  CHECK(append.mailbox == "INBOX");
  CHECK(append.items[0].flags == Strings{"\\Seen", "x"});
  CHECK(append.items[0].date == mime::Date{1795521909, 60});
  CHECK(parsed<Append>("a APPEND x \" 4-Nov-2026 13:05:09 +0000\" {1+}\r\nx").items[0].date);
}

TEST_CASE("APPEND of several, binary and UTF-8 messages", "[imap]") {
  const auto append = parsed<Append>(
      "a APPEND x (\\Seen) {1+}\r\n1 \" 4-Nov-2026 13:05:09 +0000\" ~{2+}\r\n\0002 UTF8 "
      "(~{1+}\r\n3)"sv);
  REQUIRE(append.items.size() == 3);
  CHECK(append.items[0].flags == Strings{"\\Seen"});
  CHECK(append.items[1].flags.empty());
  CHECK(append.items[1].binary);
  CHECK(append.items[1].message == "\0002"sv);
  CHECK(append.items[2].utf8);
  CHECK(append.items[2].message == "3");
}

TEST_CASE("what APPEND refuses", "[imap]") {
  const auto* wrong = GENERATE("a APPEND", "a APPEND x", "a APPEND x ", "a APPEND x y", "a APPEND x \"y\"",
                               "a APPEND x{1+}\r\nx", "a APPEND x  {1+}\r\nx", "a APPEND x (\\Seen){1+}\r\nx",
                               "a APPEND x (\\Recent) {1+}\r\nx", "a APPEND x \"24-Foo-2026 13:05:09 +0100\" {1+}\r\nx",
                               "a APPEND x {1+}\r\nx ", "a APPEND x {1+}\r\nx{1+}\r\ny", "a APPEND x {1+}\r\nx ()",
                               "a APPEND x UTF8 ({1+}\r\nx)", "a APPEND x UTF8 (~{1+}\r\nx", "a APPEND x CATENATE ()");
  CHECK(error_of(wrong).kind == Error::kSyntax);
  CHECK(error_of({"a APPEND x {2+}\r\n\0y", 19}).kind == Error::kSyntax);
}
