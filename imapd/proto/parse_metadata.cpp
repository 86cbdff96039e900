// GETMETADATA and SETMETADATA: RFC 5464 section 5.
#include "common/base/ascii.h"
#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMaxEntries = 1000;

bool parse_entry(Lexer& in, std::vector<std::string>& entries) {
  auto entry = in.astring();
  if (!entry) return false;
  if (entries.size() == kMaxEntries) return in.fail("Too many entries", ParseError::Kind::kLimit);
  entries.push_back(std::move(*entry));
  return true;
}

bool parse_option(Lexer& in, GetMetadata& out) {
  const auto name = in.word();
  if (name != "MAXSIZE" && name != "DEPTH") return in.fail("No such option");
  if (!in.space()) return false;
  if (name == "DEPTH" && in.take_text("infinity")) {
    out.depth = GetMetadata::kInfinite;
    return true;
  }
  const auto number = in.number();
  if (!number) return false;
  if (name == "MAXSIZE")
    out.max_size = *number;
  else if (*number > 1)
    return in.fail("Depth is 0, 1 or infinity");
  else
    out.depth = *number;
  return true;
}

/// The grammar has the options before the mailbox, an example of section 4.2.2 behind it; clients do either.
bool parse_options(Lexer& in, GetMetadata& out) {
  return in_parentheses(in, false, [&] { return parse_option(in, out); }) && in.space();
}

}  // namespace

bool parse_metadata_entries(Lexer& in, std::vector<std::string>& entries) {
  if (in.peek() != '(') return parse_entry(in, entries);
  return in_parentheses(in, false, [&] { return parse_entry(in, entries); });
}

bool parse_get_metadata(Lexer& in, Command& command) {
  GetMetadata arguments;
  if (!in.space()) return false;
  if (in.peek() == '(' && !parse_options(in, arguments)) return false;
  auto mailbox = in.mailbox();
  if (!mailbox || !in.space()) return false;
  arguments.mailbox = std::move(*mailbox);
  if ((in.looking_at("(MAXSIZE") || in.looking_at("(DEPTH")) && !parse_options(in, arguments)) return false;
  if (!parse_metadata_entries(in, arguments.entries)) return false;
  command.arguments = std::move(arguments);
  return true;
}

bool parse_set_metadata(Lexer& in, Command& command) {
  SetMetadata arguments;
  if (!in.space()) return false;
  auto mailbox = in.mailbox();
  if (!mailbox || !in.space()) return false;
  arguments.mailbox = std::move(*mailbox);
  const auto pair = [&] {
    auto entry = in.astring();
    if (!entry || !in.space()) return false;
    if (arguments.entries.size() == kMaxEntries) {
      in.fail("Too many entries", ParseError::Kind::kLimit);
      return false;
    }
    std::optional<std::string> value;
    if (in.at_literal()) {
      // literal8 as well: a value may hold NUL.
      auto literal = in.literal();
      if (!literal) return false;
      value = std::move(literal->bytes);
    } else {
      auto text = in.nstring();
      if (!text) return false;
      value = std::move(*text);
    }
    arguments.entries.emplace_back(std::move(*entry), std::move(value));
    return true;
  };
  if (!in_parentheses(in, false, pair)) return false;
  command.arguments = std::move(arguments);
  return true;
}

}  // namespace quartet::imapd
