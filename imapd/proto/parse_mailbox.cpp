// Commands on mailboxes as wholes: RFC 9051 section 6.3.
#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMaxUses = 16;      // of one mailbox
constexpr std::size_t kMaxPatterns = 64;  // each one is matched with every mailbox

constexpr std::array<std::pair<std::string_view, StatusItem>, 11> kStatusItems = {
    {{"MESSAGES", StatusItem::kMessages},
     {"RECENT", StatusItem::kRecent},
     {"UIDNEXT", StatusItem::kUidNext},
     {"UIDVALIDITY", StatusItem::kUidValidity},
     {"UNSEEN", StatusItem::kUnseen},
     {"DELETED", StatusItem::kDeleted},
     {"SIZE", StatusItem::kSize},
     {"HIGHESTMODSEQ", StatusItem::kHighestModSeq},
     {"MAILBOXID", StatusItem::kMailboxId},
     {"APPENDLIMIT", StatusItem::kAppendLimit},
     {"DELETED-STORAGE", StatusItem::kDeletedStorage}}};

template <typename Arguments>
bool parse_name_only(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto mailbox = in.mailbox();
  if (!mailbox) return false;
  Arguments arguments;
  arguments.mailbox = std::move(*mailbox);
  command.arguments = std::move(arguments);
  return true;
}

/// "(67890007 20050715194045000 41,43:211 (1:3 41:43))", RFC 7162 section 3.2.5.
bool parse_qresync(Lexer& in, Qresync& out) {
  if (!in.space() || !in.expect('(')) return false;
  const auto uidvalidity = in.nz_number();
  if (!uidvalidity || !in.space()) return false;
  const auto modseq = in.nz_number64();
  if (!modseq) return false;
  out.uidvalidity = *uidvalidity;
  out.modseq = *modseq;
  if (in.looking_at(" ") && !in.looking_at(" (")) {
    in.take(' ');
    out.known_uids = in.known_set();
    if (!out.known_uids) return false;
  }
  if (in.take_text(" (")) {
    auto numbers = in.known_set();
    if (!numbers || !in.space()) return false;
    auto uids = in.known_set();
    if (!uids || !in.expect(')')) return false;
    if (numbers->count() != uids->count()) return in.fail("Sets of different size");
    out.known_pairs.emplace(std::move(*numbers), std::move(*uids));
  }
  return in.expect(')');
}

bool parse_status_items(Lexer& in, std::vector<StatusItem>& items) {
  return in_parentheses(in, false, [&] {
    const auto name = in.word();
    const auto* item = std::ranges::find(kStatusItems, name, &std::pair<std::string_view, StatusItem>::first);
    if (item == kStatusItems.end()) {
      in.fail("No such status item");
      return false;
    }
    if (std::ranges::find(items, item->second) == items.end()) items.push_back(item->second);
    return true;
  });
}

/// "(SUBSCRIBED RECURSIVEMATCH) ", RFC 5258 section 3.1.
bool parse_select_options(Lexer& in, List& list) {
  const bool listed = in_parentheses(in, true, [&] {
    const auto name = in.word();
    if (name == "SUBSCRIBED") return list.select_subscribed = true;
    if (name == "REMOTE") return list.select_remote = true;
    if (name == "RECURSIVEMATCH") return list.select_recursive_match = true;
    if (name == "SPECIAL-USE") return list.select_special_use = true;
    in.fail("No such selection option");
    return false;
  });
  if (!listed) return false;
  if (list.select_recursive_match && !list.select_subscribed && !list.select_special_use)
    return in.fail("RECURSIVEMATCH needs another selection option");
  return in.space();
}

bool parse_return_options(Lexer& in, List& list) {
  return in_parentheses(in, true, [&] {
    const auto name = in.word();
    if (name == "SUBSCRIBED") return list.return_subscribed = true;
    if (name == "CHILDREN") return list.return_children = true;
    if (name == "SPECIAL-USE") return list.return_special_use = true;
    if (name == "MYRIGHTS") return list.return_my_rights = true;
    if (name == "METADATA") return in.space() && parse_metadata_entries(in, list.return_metadata);
    if (name == "STATUS") return in.space() && parse_status_items(in, list.return_status);
    in.fail("No such return option");
    return false;
  });
}

bool parse_pattern(Lexer& in, List& list) {
  auto pattern = in.list_mailbox();
  if (!pattern) return false;
  if (list.patterns.size() == kMaxPatterns) return in.fail("Too many patterns", ParseError::Kind::kLimit);
  list.patterns.push_back(std::move(*pattern));
  return true;
}

}  // namespace

std::string_view to_string(StatusItem item) {
  return std::ranges::find(kStatusItems, item, &std::pair<std::string_view, StatusItem>::second)->first;
}

bool parse_select(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto mailbox = in.mailbox();
  if (!mailbox) return false;
  Select arguments;
  arguments.mailbox = std::move(*mailbox);
  arguments.examine = command.name == "EXAMINE";
  const auto parameter = [&] {
    const auto name = in.word();
    if (name == "CONDSTORE") return arguments.condstore = true;
    if (name == "QRESYNC" && !arguments.qresync) return parse_qresync(in, arguments.qresync.emplace());
    in.fail("No such parameter");
    return false;
  };
  if (in.take(' ') && !in_parentheses(in, false, parameter)) return false;
  command.arguments = std::move(arguments);
  return true;
}

bool parse_create(Lexer& in, Command& command) {
  if (!parse_name_only<Create>(in, command)) return false;
  auto& uses = std::get<Create>(command.arguments).special_use;
  if (!in.take(' ')) return true;
  if (!in.take_text("(USE ")) return in.fail("USE expected");
  const auto use = [&] {
    if (!in.expect('\\')) return false;
    const auto name = in.atom();
    if (!name) return false;
    if (uses.size() == kMaxUses) {
      in.fail("Too many attributes", ParseError::Kind::kLimit);
      return false;
    }
    uses.push_back("\\" + *name);
    return true;
  };
  return in_parentheses(in, true, use) && in.expect(')');
}

bool parse_delete(Lexer& in, Command& command) { return parse_name_only<Delete>(in, command); }

bool parse_rename(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto from = in.mailbox();
  if (!from || !in.space()) return false;
  auto to = in.mailbox();
  if (!to) return false;
  command.arguments = Rename{std::move(*from), std::move(*to)};
  return true;
}

bool parse_subscribe(Lexer& in, Command& command) { return parse_name_only<Subscribe>(in, command); }
bool parse_unsubscribe(Lexer& in, Command& command) { return parse_name_only<Unsubscribe>(in, command); }
bool parse_get_quota_root(Lexer& in, Command& command) { return parse_name_only<GetQuotaRoot>(in, command); }

bool parse_get_quota(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto root = in.mailbox();  // those we name are names of mailboxes, and ""
  if (!root) return false;
  command.arguments = GetQuota{std::move(*root)};
  return true;
}

bool parse_list(Lexer& in, Command& command) {
  if (!in.space()) return false;
  List list;
  if (in.peek() == '(') {
    list.extended = true;
    if (!parse_select_options(in, list)) return false;
  }
  auto reference = in.mailbox();
  if (!reference || !in.space()) return false;
  list.reference = std::move(*reference);
  if (in.peek() == '(') {
    list.extended = true;
    if (!in_parentheses(in, false, [&] { return parse_pattern(in, list); })) return false;
  } else if (!parse_pattern(in, list)) {
    return false;
  }
  if (in.take(' ')) {
    list.extended = true;
    if (!in.take_text("RETURN ")) return in.fail("RETURN expected");
    if (!parse_return_options(in, list)) return false;
  }
  command.arguments = std::move(list);
  return true;
}

bool parse_lsub(Lexer& in, Command& command) {
  if (!in.space()) return false;
  List list;
  list.lsub = true;
  auto reference = in.mailbox();
  if (!reference || !in.space()) return false;
  list.reference = std::move(*reference);
  if (!parse_pattern(in, list)) return false;
  command.arguments = std::move(list);
  return true;
}

bool parse_status(Lexer& in, Command& command) {
  if (!parse_name_only<Status>(in, command)) return false;
  return in.space() && parse_status_items(in, std::get<Status>(command.arguments).items);
}

}  // namespace quartet::imapd
