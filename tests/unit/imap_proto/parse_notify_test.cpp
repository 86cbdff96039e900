// NOTIFY: RFC 5465 section 8.
#include "parse.h"

using namespace quartet::imapd;
using Error = ParseError::Kind;
using Kind = MailboxFilter::Kind;

TEST_CASE("NOTIFY SET and NONE", "[imap]") {
  const auto command = parsed<Notify>(
      "a notify set status (selected (MessageNew (uid body.peek[header.fields (from to)]) MessageExpunge)) "
      "(subtree Lists (MessageNew FlagChange MessageExpunge)) (personal (MailboxName SubscriptionChange "
      "MailboxMetadataChange ServerMetadataChange)) (mailboxes (a inbox) none)");
  CHECK(command.status);
  CHECK_FALSE(command.unsupported);
  REQUIRE(command.groups.size() == 4);
  CHECK(command.groups[0].filter.kind == Kind::kSelected);
  CHECK(command.groups[0].messages);
  CHECK_FALSE(command.groups[0].flags);
  CHECK(command.groups[0].items.size() == 2);
  CHECK(command.groups[1].filter.mailboxes == std::vector<std::string>{"Lists"});
  CHECK(command.groups[1].flags);
  const auto& personal = command.groups[2];
  CHECK((personal.names && personal.subscriptions && personal.metadata && personal.server_metadata));
  CHECK_FALSE(personal.messages);
  CHECK(command.groups[3].filter.mailboxes == std::vector<std::string>{"a", "INBOX"});
  CHECK_FALSE(command.groups[3].messages);
  CHECK(parsed<Notify>("a NOTIFY NONE").groups.empty());
  CHECK(parsed<Notify>("a NOTIFY SET (selected-delayed NONE)").groups[0].filter.kind == Kind::kSelectedDelayed);
  CHECK(parsed<Notify>("a NOTIFY SET (inboxes (AnnotationChange)) (subscribed (x-other))").unsupported);
  CHECK(parsed<Search>("a SEARCH RETURN (UPDATE (UID FLAGS) COUNT) ALL").results.update_items.size() == 2);
  CHECK(parsed<Search>("a SEARCH RETURN (UPDATE(UID)) ALL").results.update_items.size() == 1);
}

TEST_CASE("what NOTIFY refuses", "[imap]") {
  const auto* wrong = GENERATE(
      "a NOTIFY", "a NOTIFY ALL", "a NOTIFY NONE x", "a NOTIFY SET", "a NOTIFY SET STATUS", "a NOTIFY SET ()",
      "a NOTIFY SET (personal)", "a NOTIFY SET (personal ())", "a NOTIFY SET (personal MessageNew MessageExpunge)",
      "a NOTIFY SET (personal (MessageNew))", "a NOTIFY SET (personal (MessageExpunge))",
      "a NOTIFY SET (personal (FlagChange))", "a NOTIFY SET (selected (MailboxName))",
      "a NOTIFY SET (selected-delayed (MessageNew MessageExpunge ServerMetadataChange))",
      "a NOTIFY SET (selected NONE) (selected-delayed NONE)",
      "a NOTIFY SET (personal (MessageNew (UID) MessageExpunge))",
      "a NOTIFY SET (selected (MessageNew () MessageExpunge))", "a NOTIFY SET (everything (MailboxName))",
      "a NOTIFY SET (subtree (MailboxName))", "a UID NOTIFY NONE", "a SEARCH RETURN (UPDATE ()) ALL");
  CHECK(error_of(wrong).tag == "a");
}
