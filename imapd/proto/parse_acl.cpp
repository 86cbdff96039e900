// SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS: RFC 4314 section 6.
#include "common/base/ascii.h"
#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

/// SP mailbox.
template <typename Arguments>
bool parse_mailbox(Lexer& in, Arguments& out) {
  if (!in.space()) return false;
  auto mailbox = in.mailbox();
  if (!mailbox) return false;
  out.mailbox = std::move(*mailbox);
  return true;
}

/// SP mailbox SP identifier.
template <typename Arguments>
bool parse_whose(Lexer& in, Arguments& out) {
  if (!parse_mailbox(in, out) || !in.space()) return false;
  auto identifier = in.astring();
  if (!identifier) return false;
  out.identifier = std::move(*identifier);
  return !out.identifier.empty() || in.fail("Identifier expected");
}

}  // namespace

bool parse_set_acl(Lexer& in, Command& command) {
  SetAcl arguments;
  if (!parse_whose(in, arguments) || !in.space()) return false;
  auto rights = in.astring();
  if (!rights) return false;
  if (rights->starts_with('+')) arguments.mode = RightsMode::kAdd;
  if (rights->starts_with('-')) arguments.mode = RightsMode::kRemove;
  if (arguments.mode != RightsMode::kReplace) rights->erase(0, 1);
  for (const char letter : *rights)
    if (!ascii::is_alnum(letter) || ascii::to_upper(letter) == letter) return in.fail("No such right");
  arguments.rights = std::move(*rights);
  command.arguments = std::move(arguments);
  return true;
}

bool parse_delete_acl(Lexer& in, Command& command) { return parse_whose(in, command.arguments.emplace<DeleteAcl>()); }
bool parse_list_rights(Lexer& in, Command& command) { return parse_whose(in, command.arguments.emplace<ListRights>()); }
bool parse_get_acl(Lexer& in, Command& command) { return parse_mailbox(in, command.arguments.emplace<GetAcl>()); }
bool parse_my_rights(Lexer& in, Command& command) { return parse_mailbox(in, command.arguments.emplace<MyRights>()); }

}  // namespace quartet::imapd
