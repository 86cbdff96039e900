// Which mailboxes a command is about: RFC 5465 section 6, RFC 7377 section 2.2.
#include <algorithm>

#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

using Kind = MailboxFilter::Kind;

constexpr std::size_t kMostMailboxes = 1000;

constexpr std::pair<std::string_view, Kind> kWords[] = {
    {"SELECTED", Kind::kSelected},      {"SELECTED-DELAYED", Kind::kSelectedDelayed},
    {"INBOXES", Kind::kInboxes},        {"PERSONAL", Kind::kPersonal},
    {"SUBSCRIBED", Kind::kSubscribed},  {"SUBTREE", Kind::kSubtree},
    {"SUBTREE-ONE", Kind::kSubtreeOne}, {"MAILBOXES", Kind::kMailboxes},
};

bool takes_names(Kind kind) { return kind == Kind::kSubtree || kind == Kind::kSubtreeOne || kind == Kind::kMailboxes; }

}  // namespace

bool parse_mailbox_filter(Lexer& in, MailboxFilter& filter) {
  const auto word = in.word();
  const auto* known = std::ranges::find(kWords, word, &std::pair<std::string_view, Kind>::first);
  if (known == std::end(kWords)) return in.fail("No such kind of mailboxes");
  filter.kind = known->second;
  if (!takes_names(filter.kind)) return true;
  if (!in.space()) return false;
  const auto name = [&]() -> bool {
    auto mailbox = in.mailbox();
    if (!mailbox) return false;
    if (filter.mailboxes.size() == kMostMailboxes) return in.fail("Too many mailboxes", ParseError::Kind::kLimit);
    filter.mailboxes.push_back(std::move(*mailbox));
    return true;
  };
  return in.peek() == '(' ? in_parentheses(in, false, name) : name();
}

}  // namespace quartet::imapd
