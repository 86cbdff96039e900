// APPEND: RFC 9051 section 6.3.12, MULTIAPPEND (RFC 3502), UTF8 (RFC 6855 section 4), REPLACE (RFC
// 8508).
#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

/// date-time with its quotes.
bool parse_date_time(Lexer& in, AppendItem& item) {
  const auto text = in.quoted();
  if (!text) return false;
  item.date = mime::parse_imap_date_time(*text);
  return item.date.has_value() || in.fail("No such date");
}

/// [SP flag-list] [SP date-time] SP append-data, without the first space.
bool parse_item(Lexer& in, AppendItem& item) {
  if (in.peek() == '(') {
    auto flags = in.flag_list();
    if (!flags || !in.space()) return false;
    item.flags = std::move(*flags);
  }
  if (in.peek() == '"' && (!parse_date_time(in, item) || !in.space())) return false;
  item.utf8 = in.take_text("UTF8 (");
  auto message = in.literal();
  if (!message) return false;
  item.binary = message->binary;
  item.message = std::move(message->bytes);
  if (!item.utf8) return true;
  if (!item.binary) return in.fail("UTF8 takes a binary literal");
  return in.expect(')');
}

}  // namespace

bool parse_append(Lexer& in, Command& command) {
  if (!in.space()) return false;
  Append arguments;
  auto mailbox = in.mailbox();
  if (!mailbox) return false;
  arguments.mailbox = std::move(*mailbox);
  do {
    if (!in.space() || !parse_item(in, arguments.items.emplace_back())) return false;
  } while (!in.at_end());
  command.arguments = std::move(arguments);
  return true;
}

bool parse_replace(Lexer& in, Command& command) {
  if (!in.space()) return false;
  Replace arguments;
  auto message = in.sequence_set();
  if (!message) return false;
  const auto& ranges = message->ranges();
  if (ranges.size() != 1 || ranges.front().first != ranges.front().last) return in.fail("Number of a message expected");
  if (!in.space()) return false;
  auto mailbox = in.mailbox();
  if (!mailbox || !in.space() || !parse_item(in, arguments.item)) return false;
  arguments.message = std::move(*message);
  arguments.mailbox = std::move(*mailbox);
  command.arguments = std::move(arguments);
  return true;
}

}  // namespace quartet::imapd
