// RFC 4314 section 6.
#include "parse.h"

using namespace quartet::imapd;

TEST_CASE("SETACL and its signs", "[imap]") {
  auto set = parsed<SetAcl>("a SETACL inbox bob@a.test lrs");
  CHECK(set.mailbox == "INBOX");
  CHECK(set.identifier == "bob@a.test");
  CHECK(set.mode == RightsMode::kReplace);
  CHECK(set.rights == "lrs");
  set = parsed<SetAcl>("a SETACL \"Other Users/x\" -anyone +te");
  CHECK(set.identifier == "-anyone");
  CHECK(set.mode == RightsMode::kAdd);
  CHECK(set.rights == "te");
  set = parsed<SetAcl>("a SETACL x {3+}\r\nbob -d");
  CHECK(set.mode == RightsMode::kRemove);
  CHECK(parsed<SetAcl>("a SETACL x bob \"\"").rights.empty());
  error_of("a SETACL x bob");
  error_of("a SETACL x bob LR");
  error_of("a SETACL x bob \"l r\"");
  error_of("a SETACL x \"\" l");
  error_of("a SETACL x bob l x");
}

TEST_CASE("the other commands on rights", "[imap]") {
  CHECK(parsed<GetAcl>("a GETACL Entw&APw-rfe").mailbox == "Entw\u00FCrfe");
  CHECK(parsed<MyRights>("a myrights inbox").mailbox == "INBOX");
  CHECK(parsed<DeleteAcl>("a DELETEACL x \"a b\"").identifier == "a b");
  CHECK(parsed<ListRights>("a LISTRIGHTS x anyone").identifier == "anyone");
  error_of("a GETACL");
  error_of("a DELETEACL x");
  error_of("a LISTRIGHTS x");
  CHECK(parsed<List>("a LIST \"\" * RETURN (MYRIGHTS CHILDREN)").return_my_rights);
}
