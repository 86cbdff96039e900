#include "imapd/proto/parser.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "imapd/proto/grammar.h"
#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMaxIdFields = 30;  // RFC 2971 section 3.3

bool parse_nothing(Lexer&, Command&) { return true; }

struct Entry {
  std::string_view name;
  bool (*parse)(Lexer&, Command&);
  bool uid = false;  // may stand after UID
};
constexpr Entry kCommands[] = {
    {"CAPABILITY", parse_nothing},
    {"NOOP", parse_nothing},
    {"LOGOUT", parse_nothing},
    {"STARTTLS", parse_nothing},
    {"CHECK", parse_nothing},
    {"CLOSE", parse_nothing},
    {"UNSELECT", parse_nothing},
    {"NAMESPACE", parse_nothing},
    {"IDLE", parse_nothing},
    {"UNAUTHENTICATE", parse_nothing},
    {"LOGIN", parse_login},
    {"AUTHENTICATE", parse_authenticate},
    {"ID", parse_id},
    {"COMPRESS", parse_compress},
    {"ENABLE", parse_enable},
    {"SELECT", parse_select},
    {"EXAMINE", parse_select},
    {"CREATE", parse_create},
    {"DELETE", parse_delete},
    {"RENAME", parse_rename},
    {"SUBSCRIBE", parse_subscribe},
    {"UNSUBSCRIBE", parse_unsubscribe},
    {"LIST", parse_list},
    {"LSUB", parse_lsub},
    {"STATUS", parse_status},
    {"GETQUOTA", parse_get_quota},
    {"GETQUOTAROOT", parse_get_quota_root},
    {"SETACL", parse_set_acl},
    {"DELETEACL", parse_delete_acl},
    {"GETACL", parse_get_acl},
    {"LISTRIGHTS", parse_list_rights},
    {"MYRIGHTS", parse_my_rights},
    {"GETMETADATA", parse_get_metadata},
    {"SETMETADATA", parse_set_metadata},
    {"APPEND", parse_append},
    {"REPLACE", parse_replace, true},
    {"FETCH", parse_fetch, true},
    {"STORE", parse_store, true},
    {"COPY", parse_copy, true},
    {"MOVE", parse_move, true},
    {"SEARCH", parse_search, true},
    {"SORT", parse_sort, true},
    {"THREAD", parse_thread, true},
    {"EXPUNGE", parse_expunge, true},
    {"CANCELUPDATE", parse_cancel_update},
    {"ESEARCH", parse_multi_search, true},
    {"NOTIFY", parse_notify},
};

/// Up to the end of the command.
bool parse(Lexer& in, Command& command) {
  if (!in.expect(' ')) return false;
  command.name = in.word();
  if (command.name == "UID") {
    command.uid = true;
    if (!in.expect(' ')) return false;
    command.name = in.word();
  }
  const auto* entry = std::ranges::find(kCommands, command.name, &Entry::name);
  const bool ended = in.at_end() || in.peek() == ' ';
  if (entry == std::end(kCommands) || (command.uid && !entry->uid) || !ended)
    return in.fail("Unknown command", ParseError::Kind::kUnknown);
  if (!entry->parse(in, command)) return false;
  return in.at_end() || in.fail("Something follows the arguments");
}

}  // namespace

bool parse_login(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto user = in.astring();
  if (!user || !in.space()) return false;
  auto password = in.astring();
  if (!password) return false;
  command.arguments = Login{std::move(*user), std::move(*password)};
  return true;
}

bool parse_authenticate(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto mechanism = in.atom();
  if (!mechanism) return false;
  Authenticate arguments{ascii::upper(*mechanism), {}};
  if (in.take(' ')) {
    const auto response = in.run([](char c) { return ascii::is_alnum(c) || c == '+' || c == '/' || c == '='; });
    if (response.empty()) return in.fail("Initial response expected");
    arguments.response = response == "=" ? "" : response;
  }
  command.arguments = std::move(arguments);
  return true;
}

bool parse_id(Lexer& in, Command& command) {
  if (!in.space()) return false;
  Id arguments;
  const auto pair = [&] {
    auto name = in.string();
    if (!name || !in.space()) return false;
    auto value = in.nstring();
    if (!value) return false;
    if (arguments.fields.size() == kMaxIdFields) {
      in.fail("Too many fields", ParseError::Kind::kLimit);
      return false;
    }
    arguments.fields.emplace_back(std::move(*name), std::move(*value));
    return true;
  };
  if (!in.take_text("NIL") && !in_parentheses(in, true, pair)) return false;
  command.arguments = std::move(arguments);
  return true;
}

bool parse_compress(Lexer& in, Command& command) {
  if (!in.space()) return false;
  const auto mechanism = in.atom();
  if (!mechanism) return false;
  command.arguments = Compress{ascii::upper(*mechanism)};
  return true;
}

bool parse_enable(Lexer& in, Command& command) {
  Enable arguments;
  do {
    if (!in.space()) return false;
    const auto name = in.atom();
    if (!name) return false;
    arguments.capabilities.push_back(ascii::upper(*name));
  } while (in.peek() == ' ');
  command.arguments = std::move(arguments);
  return true;
}

std::expected<Command, ParseError> parse_command(RawCommand raw, ParseOptions options) {
  if (raw.texts.empty() || raw.tag.empty()) return std::unexpected(ParseError{"", "Tag expected", {}});
  Command command;
  command.tag = raw.tag;
  Lexer in(raw, options);
  if (parse(in, command)) return command;
  auto error = in.take_error();
  error.saves = saves_result(command.arguments);
  return std::unexpected(std::move(error));
}

std::expected<Command, ParseError> parse_command(std::string_view line, ParseOptions options) {
  RawCommand raw;
  raw.tag = tag_of(line);
  raw.texts.emplace_back(line);
  return parse_command(std::move(raw), options);
}

}  // namespace quartet::imapd
