// APPEND: RFC 9051 section 6.3.12, MULTIAPPEND (RFC 3502), UTF8 (RFC 9755 section 4), CATENATE (RFC 4469), REPLACE (RFC
// 8508).
#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMaxParts = 1000;  // of one message: each may be a whole message again

/// date-time with its quotes.
bool parse_date_time(Lexer& in, AppendItem& item) {
  const auto text = in.quoted();
  if (!text) return false;
  item.date = mime::parse_imap_date_time(*text);
  return item.date.has_value() || in.fail("No such date");
}

/// What follows "UTF8 (": a literal8 and ")".
std::optional<std::string> parse_utf8(Lexer& in) {
  auto message = in.literal();
  if (!message) return std::nullopt;
  if (!message->binary) return in.fail("UTF8 takes a binary literal");
  if (!in.expect(')')) return std::nullopt;
  return std::move(message->bytes);
}

/// cat-part of RFC 4469 section 5 and RFC 9755 section 4.
bool parse_part(Lexer& in, AppendItem& item) {
  if (item.parts.size() == kMaxParts) return in.fail("Too many parts", ParseError::Kind::kLimit);
  auto& part = item.parts.emplace_back();
  if (in.take_text("URL ")) {
    part.url = in.astring();
    return part.url.has_value();
  }
  if (in.take_text("UTF8 (")) {
    item.utf8 = true;
    auto text = parse_utf8(in);
    if (text) part.text = *std::move(text);
    return text.has_value();
  }
  if (!in.take_text("TEXT ")) return in.fail("TEXT or URL expected");
  auto text = in.literal();
  if (!text) return false;
  if (text->binary) return in.fail("TEXT takes no binary literal");
  part.text = std::move(text->bytes);
  return true;
}

/// [SP flag-list] [SP date-time] SP append-data, without the first space.
bool parse_item(Lexer& in, AppendItem& item) {
  if (in.peek() == '(') {
    auto flags = in.flag_list();
    if (!flags || !in.space()) return false;
    item.flags = std::move(*flags);
  }
  if (in.peek() == '"' && (!parse_date_time(in, item) || !in.space())) return false;
  if (in.take_text("CATENATE ")) return in_parentheses(in, false, [&] { return parse_part(in, item); });
  if (in.take_text("UTF8 (")) {
    item.utf8 = item.binary = true;
    auto message = parse_utf8(in);
    if (message) item.message = *std::move(message);
    return message.has_value();
  }
  auto message = in.literal();
  if (!message) return false;
  item.binary = message->binary;
  item.message = std::move(message->bytes);
  return true;
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
