// RFC 9051 section 6.3, LIST-EXTENDED, STATUS, QRESYNC, quota.
#include "parse.h"

using namespace quartet::imapd;
using Kind = ParseError::Kind;
using Strings = std::vector<std::string>;

namespace {
constexpr ParseOptions kUtf8{.utf8 = true};
}

TEST_CASE("names of mailboxes are UTF-8 inside", "[imap]") {
  CHECK(parsed<Select>("a SELECT inBOX").mailbox == "INBOX");
  CHECK(parsed<Select>("a SELECT {5+}\r\ninbox").mailbox == "INBOX");
  CHECK(parsed<Select>("a SELECT inbox/x").mailbox == "inbox/x");
  CHECK(parsed<Select>("a SELECT Entw&APw-rfe").mailbox == "Entw\u00FCrfe");
  CHECK(parsed<Select>("a SELECT \"R&-D 1\"").mailbox == "R&D 1");
  CHECK(parsed<Select>("a SELECT R&D", kUtf8).mailbox == "R&D");
  CHECK(parsed<Select>("a SELECT \"Entw\u00FCrfe\"", kUtf8).mailbox == "Entw\u00FCrfe");
  CHECK(parsed<Select>("a SELECT Entw&APw-rfe", kUtf8).mailbox == "Entw&APw-rfe");
  CHECK(error_of("a SELECT R&D").kind == Kind::kBadName);
  CHECK(error_of("a SELECT \"Entw\u00FCrfe\"").kind == Kind::kBadName);
  CHECK(error_of("a SELECT {1+}\r\n\xE9", kUtf8).kind == Kind::kBadName);
}

TEST_CASE("SELECT and EXAMINE", "[imap]") {
  CHECK_FALSE(parsed<Select>("a SELECT x").examine);
  CHECK(parsed<Select>("a EXAMINE x").examine);
  CHECK(parsed<Select>("a EXAMINE x (condstore)").condstore);
  auto select = parsed<Select>("a SELECT x (QRESYNC (67890007 20050715194045000 41,43:211,214:541 (1:3,5 40:43)))");
  REQUIRE(select.qresync);
  CHECK(select.qresync->uidvalidity == 67890007);
  CHECK(select.qresync->modseq == 20050715194045000);
  CHECK(select.qresync->known_uids->to_string() == "41,43:211,214:541");
  CHECK(select.qresync->known_pairs->second.to_string() == "40:43");
  select = parsed<Select>("a SELECT x (QRESYNC (1 2 (1 9)) CONDSTORE)");
  CHECK_FALSE(select.qresync->known_uids);
  CHECK(select.qresync->known_pairs);
  CHECK(select.condstore);
  CHECK_FALSE(parsed<Select>("a SELECT x (QRESYNC (1 2 3))").qresync->known_pairs);
  const auto* wrong =
      GENERATE("a SELECT", "a SELECT ", "a SELECT x y", "a SELECT x ()", "a SELECT x (FOO)", "a SELECT x (CONDSTORE",
               "a SELECT x (QRESYNC)", "a SELECT x (QRESYNC (1))", "a SELECT x (QRESYNC (0 1))",
               "a SELECT x (QRESYNC (1 0))", "a SELECT x (QRESYNC (1 2 *))", "a SELECT x (QRESYNC (1 2 $))",
               "a SELECT x (QRESYNC (1 2 3 (1:2 4)))", "a SELECT x (QRESYNC (1 2) QRESYNC (1 2))", "a SELECT x*");
  CHECK(error_of(wrong).kind == Kind::kSyntax);
}

TEST_CASE("CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE", "[imap]") {
  CHECK(parsed<Create>("a CREATE x/").mailbox == "x/");
  CHECK(parsed<Create>("a CREATE x (USE (\\Sent \\Drafts))").special_use == Strings{"\\Sent", "\\Drafts"});
  CHECK(parsed<Create>("a CREATE x (USE ())").special_use.empty());
  CHECK(parsed<Delete>("a DELETE x").mailbox == "x");
  const auto rename = parsed<Rename>("a RENAME {1+}\r\nx \"y\"");
  CHECK(rename.from == "x");
  CHECK(rename.to == "y");
  CHECK(parsed<Subscribe>("a SUBSCRIBE x").mailbox == "x");
  CHECK(parsed<Unsubscribe>("a UNSUBSCRIBE x").mailbox == "x");
  CHECK(parsed<GetQuota>("a GETQUOTA \"\"").root.empty());
  CHECK(parsed<GetQuotaRoot>("a GETQUOTAROOT INBOX").mailbox == "INBOX");
  const auto* wrong =
      GENERATE("a CREATE", "a CREATE x y", "a CREATE x (USE)", "a CREATE x (USE (Sent))", "a CREATE x (USE (\\Sent)",
               "a DELETE", "a DELETE x y", "a RENAME x", "a RENAME x y z", "a SUBSCRIBE", "a GETQUOTA");
  CHECK(error_of(wrong).kind == Kind::kSyntax);
  std::string uses = "a CREATE x (USE (\\a";
  for (int i = 1; i < 17; ++i) uses += " \\a";
  CHECK(error_of(uses + "))").kind == Kind::kLimit);
}

TEST_CASE("LIST as in RFC 3501", "[imap]") {
  auto list = parsed<List>("a LIST \"\" *");
  CHECK(list.reference.empty());
  CHECK(list.patterns == Strings{"*"});
  CHECK_FALSE(list.extended);
  CHECK_FALSE(list.lsub);
  list = parsed<List>("a LIST ref \"a b/%\"");
  CHECK(list.reference == "ref");
  CHECK(list.patterns == Strings{"a b/%"});
  CHECK(parsed<List>("a LIST \"\" \"\"").patterns == Strings{""});
  CHECK(parsed<List>("a LIST \"\" Entw&APw-*").patterns == Strings{"Entw\u00FC*"});
  CHECK(parsed<List>("a LIST \"\" {2+}\r\n%]").patterns == Strings{"%]"});
  list = parsed<List>("a LSUB \"\" %");
  CHECK(list.lsub);
  const auto* wrong = GENERATE("a LIST", "a LIST \"\"", "a LIST \"\" ", "a LIST * *", "a LIST \"\" * *",
                               "a LIST \"\" \\x", "a LSUB \"\" (a b)", "a LSUB \"\" * RETURN ()", "a LSUB () \"\" *");
  CHECK(error_of(wrong).kind == Kind::kSyntax);
}

TEST_CASE("LIST-EXTENDED: RFC 5258, RFC 6154, RFC 5819", "[imap]") {
  auto list = parsed<List>("a LIST (SUBSCRIBED recursivematch REMOTE SPECIAL-USE) \"\" (a% \"b\" {1+}\r\nc)");
  CHECK(list.extended);
  CHECK(list.select_subscribed);
  CHECK(list.select_recursive_match);
  CHECK(list.select_remote);
  CHECK(list.select_special_use);
  CHECK(list.patterns == Strings{"a%", "b", "c"});
  list = parsed<List>("a LIST () \"\" % RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UNSEEN MESSAGES))");
  CHECK_FALSE(list.select_subscribed);
  CHECK(list.return_subscribed);
  CHECK(list.return_children);
  CHECK(list.return_special_use);
  CHECK(list.return_status == std::vector{StatusItem::kMessages, StatusItem::kUnseen});
  CHECK(parsed<List>("a LIST \"\" % RETURN ()").extended);
  const auto* wrong =
      GENERATE("a LIST (FOO) \"\" *", "a LIST (RECURSIVEMATCH) \"\" *", "a LIST (RECURSIVEMATCH REMOTE) \"\" *",
               "a LIST (SUBSCRIBED)\"\" *", "a LIST \"\" ()", "a LIST \"\" * RETURN", "a LIST \"\" * RETURN (FOO)",
               "a LIST \"\" * RETURN (STATUS)", "a LIST \"\" * RETURN (STATUS ())",
               "a LIST \"\" * RETURN (STATUS (FOO))", "a LIST \"\" * (SUBSCRIBED)");
  CHECK(error_of(wrong).kind == Kind::kSyntax);
  std::string many = "a LIST \"\" (a";
  for (int i = 0; i < 64; ++i) many += " a";
  CHECK(error_of(many + ")").kind == Kind::kLimit);
}

TEST_CASE("STATUS", "[imap]") {
  const auto status = parsed<Status>(
      "a STATUS x (messages RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT "
      "deleted-storage)");
  CHECK(status.mailbox == "x");
  std::string names;
  for (const auto item : status.items) names.append(to_string(item)).append(" ");
  CHECK(names ==
        "MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT DELETED-STORAGE ");
  const auto* wrong = GENERATE("a STATUS x", "a STATUS x MESSAGES", "a STATUS x ()", "a STATUS x (FOO)",
                               "a STATUS x (MESSAGES", "a STATUS (MESSAGES)", "a STATUS x (MESSAGES) y");
  CHECK(error_of(wrong).kind == Kind::kSyntax);
}
