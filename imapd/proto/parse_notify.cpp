// NOTIFY: RFC 5465 section 8.
#include <algorithm>

#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

using Kind = MailboxFilter::Kind;

constexpr std::size_t kMostGroups = 100;

/// What was named in one group, before it is known to fit together.
struct Named {
  bool message_new = false;
  bool message_expunge = false;
  bool others = false;  // events that are not about messages
};

bool is_selected(const Notify::Group& group) {
  return group.filter.kind == Kind::kSelected || group.filter.kind == Kind::kSelectedDelayed;
}

bool parse_event(Lexer& in, Notify& notify, Notify::Group& group, Named& named) {
  const auto name = in.word();
  if (name.empty()) return in.fail("Event expected");
  if (name == "MESSAGENEW") {
    named.message_new = true;
    if (!in.looking_at(" (")) return true;
    return in.space() && parse_fetch_items(in, group.items);
  }
  if (name == "MESSAGEEXPUNGE") return named.message_expunge = true;
  if (name == "FLAGCHANGE") return group.flags = true;
  if (name == "MAILBOXNAME") return named.others = group.names = true;
  if (name == "SUBSCRIPTIONCHANGE") return named.others = group.subscriptions = true;
  if (name == "MAILBOXMETADATACHANGE") return named.others = group.metadata = true;
  if (name == "SERVERMETADATACHANGE") return named.others = group.server_metadata = true;
  return notify.unsupported = true;
}

/// RFC 5465 sections 5 and 6.1: which events may stand together, and where.
bool check(Lexer& in, const Notify::Group& group, const Named& named) {
  if (named.message_new != named.message_expunge) return in.fail("MessageNew and MessageExpunge go together");
  if (group.flags && !named.message_new) return in.fail("FlagChange needs MessageNew and MessageExpunge");
  if (is_selected(group) && named.others) return in.fail("The selected mailbox has events of messages only");
  if (!is_selected(group) && !group.items.empty()) return in.fail("Only the selected mailbox has messages to fetch");
  return true;
}

bool parse_group(Lexer& in, Notify& notify) {
  if (notify.groups.size() == kMostGroups) return in.fail("Too many groups of events", ParseError::Kind::kLimit);
  auto& group = notify.groups.emplace_back();
  if (!in.expect('(') || !parse_mailbox_filter(in, group.filter) || !in.space()) return false;
  if (std::ranges::count_if(notify.groups, is_selected) > 1) return in.fail("The selected mailbox was named before");
  Named named;
  const bool none = in.take_text("NONE");
  if (!none && !in_parentheses(in, false, [&] { return parse_event(in, notify, group, named); })) return false;
  // A client that asks for what there is not is told that first.
  if (!notify.unsupported && !check(in, group, named)) return false;
  group.messages = named.message_new;
  return in.expect(')');
}

}  // namespace

bool parse_notify(Lexer& in, Command& command) {
  Notify notify;
  if (!in.space()) return false;
  const auto what = in.word();
  if (what == "SET") {
    notify.status = in.take_text(" STATUS");
    do {
      if (!in.space() || !parse_group(in, notify)) return false;
    } while (in.peek() == ' ');
  } else if (what != "NONE") {
    return in.fail("SET or NONE expected");
  }
  command.arguments = std::move(notify);
  return true;
}

}  // namespace quartet::imapd
