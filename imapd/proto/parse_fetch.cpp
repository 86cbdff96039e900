// Commands on messages by number: RFC 9051 sections 6.4.5 to 6.4.9, CONDSTORE (RFC 7162), PARTIAL (RFC 9394).
#include <algorithm>

#include "common/base/ascii.h"
#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

using Kind = FetchItem::Kind;

constexpr std::size_t kMaxItems = 128;   // of one FETCH: each may be the whole message again
constexpr std::size_t kMaxFields = 256;  // of one HEADER.FIELDS: each is compared with every field

struct Word {
  std::string_view text;
  Kind kind;
};
constexpr Word kWords[] = {{"UID", Kind::kUid},
                           {"FLAGS", Kind::kFlags},
                           {"INTERNALDATE", Kind::kInternalDate},
                           {"ENVELOPE", Kind::kEnvelope},
                           {"BODY", Kind::kBody},
                           {"BODY.PEEK", Kind::kBodySection},
                           {"BODYSTRUCTURE", Kind::kBodyStructure},
                           {"RFC822", Kind::kRfc822},
                           {"RFC822.HEADER", Kind::kRfc822Header},
                           {"RFC822.TEXT", Kind::kRfc822Text},
                           {"RFC822.SIZE", Kind::kRfc822Size},
                           {"MODSEQ", Kind::kModSeq},
                           {"BINARY", Kind::kBinary},
                           {"BINARY.PEEK", Kind::kBinary},
                           {"BINARY.SIZE", Kind::kBinarySize},
                           {"EMAILID", Kind::kEmailId},
                           {"THREADID", Kind::kThreadId},
                           {"PREVIEW", Kind::kPreview},
                           {"SAVEDATE", Kind::kSaveDate}};

std::vector<FetchItem> items_of(std::initializer_list<Kind> kinds) {
  std::vector<FetchItem> items;
  for (const auto kind : kinds) items.emplace_back().kind = kind;
  return items;
}

/// ALL, FAST and FULL stand alone; empty for other words.
std::vector<FetchItem> macro(std::string_view word) {
  if (word == "ALL") return items_of({Kind::kFlags, Kind::kInternalDate, Kind::kRfc822Size, Kind::kEnvelope});
  if (word == "FAST") return items_of({Kind::kFlags, Kind::kInternalDate, Kind::kRfc822Size});
  if (word == "FULL")
    return items_of({Kind::kFlags, Kind::kInternalDate, Kind::kRfc822Size, Kind::kEnvelope, Kind::kBody});
  return {};
}

/// What follows "[", with the "]".
bool parse_section(Lexer& in, mime::Section& out) {
  const std::string words(in.run([](char c) { return ascii::is_alnum(c) || c == '.'; }));
  std::vector<std::string> fields;
  const bool listed = in.take(' ');
  const auto field = [&] {
    auto name = in.astring();
    if (!name) return false;
    if (fields.size() == kMaxFields) {
      in.fail("Too many header fields", ParseError::Kind::kLimit);
      return false;
    }
    fields.push_back(std::move(*name));
    return true;
  };
  if (listed && !in_parentheses(in, false, field)) return false;
  // The words say whether a list belongs there; its names may be literals, so they are not for mime to read.
  auto section = mime::parse_section(listed ? words + " (x)" : words);
  if (!section) return in.fail("No such section");
  section->fields = std::move(fields);
  out = std::move(*section);
  return in.expect(']');
}

bool parse_partial(Lexer& in, FetchItem& item) {
  const auto offset = in.number64();
  if (!offset || !in.expect('.')) return false;
  const auto count = in.nz_number64();
  if (!count) return false;
  item.partial = {*offset, *count};
  return in.expect('>');
}

bool parse_item_named(Lexer& in, std::string_view name, FetchItem& item) {
  const auto* word = std::ranges::find(kWords, name, &Word::text);
  if (word == std::end(kWords)) return in.fail("No such fetch item");
  item.kind = word->kind;
  item.peek = name.ends_with(".PEEK");
  if (item.kind == Kind::kPreview) item.lazy = in.take_text(" (LAZY)");
  if (item.kind == Kind::kBody && in.peek() == '[') item.kind = Kind::kBodySection;
  const bool binary = item.kind == Kind::kBinary || item.kind == Kind::kBinarySize;
  if (item.kind != Kind::kBodySection && !binary) return true;
  if (!in.expect('[') || !parse_section(in, item.section)) return false;
  if (binary && item.section.what != mime::Section::What::kAll) return in.fail("BINARY takes part numbers only");
  if (item.kind == Kind::kBinarySize || !in.take('<')) return true;
  return parse_partial(in, item);
}

bool add_item(Lexer& in, std::string_view name, std::vector<FetchItem>& items) {
  FetchItem item;
  if (!parse_item_named(in, name, item)) return false;
  if (std::ranges::find(items, item) != items.end()) return true;
  if (items.size() == kMaxItems) return in.fail("Too many fetch items", ParseError::Kind::kLimit);
  items.push_back(std::move(item));
  return true;
}

/// "(CHANGEDSINCE 12345 VANISHED)", RFC 7162 sections 3.1.4.1 and 3.2.6.
bool parse_modifiers(Lexer& in, const Command& command, Fetch& fetch) {
  const auto modifier = [&] {
    const auto name = in.word();
    if (name == "CHANGEDSINCE" && !fetch.changed_since) {
      if (!in.space()) return false;
      fetch.changed_since = in.number64();
      return fetch.changed_since.has_value();
    }
    if (name == "VANISHED" && command.uid) return fetch.vanished = true;
    if (name == "PARTIAL" && command.uid && !fetch.partial) {
      if (!in.space()) return false;
      fetch.partial = parse_partial_range(in);
      return fetch.partial.has_value();
    }
    in.fail("No such fetch modifier");
    return false;
  };
  if (!in_parentheses(in, false, modifier)) return false;
  if (fetch.vanished && !fetch.changed_since) return in.fail("VANISHED needs CHANGEDSINCE");
  return true;
}

/// "(UNCHANGEDSINCE 12345)" and a space, RFC 7162 section 3.1.3.
bool parse_unchanged_since(Lexer& in, Store& store) {
  if (!in.take_text("(UNCHANGEDSINCE ")) return in.fail("UNCHANGEDSINCE expected");
  store.unchanged_since = in.number64();
  return store.unchanged_since && in.expect(')') && in.space();
}

template <typename Arguments>
bool parse_set_and_mailbox(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto set = in.sequence_set();
  if (!set || !in.space()) return false;
  auto mailbox = in.mailbox();
  if (!mailbox) return false;
  command.arguments = Arguments{std::move(*set), std::move(*mailbox)};
  return true;
}

}  // namespace

bool parse_fetch_items(Lexer& in, std::vector<FetchItem>& items) {
  return in_parentheses(in, false, [&] { return add_item(in, in.word(), items); });
}

bool parse_fetch(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto set = in.sequence_set();
  if (!set || !in.space()) return false;
  Fetch fetch;
  fetch.set = std::move(*set);
  if (in.peek() == '(') {
    if (!parse_fetch_items(in, fetch.items)) return false;
  } else {
    const auto name = in.word();
    fetch.items = macro(name);
    if (fetch.items.empty() && !add_item(in, name, fetch.items)) return false;
  }
  if (in.take(' ') && !parse_modifiers(in, command, fetch)) return false;
  command.arguments = std::move(fetch);
  return true;
}

bool parse_store(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto set = in.sequence_set();
  if (!set || !in.space()) return false;
  Store store;
  store.set = std::move(*set);
  if (in.peek() == '(' && !parse_unchanged_since(in, store)) return false;
  if (in.take('+')) {
    store.mode = Store::Mode::kAdd;
  } else if (in.take('-')) {
    store.mode = Store::Mode::kRemove;
  }
  const auto name = in.word();
  store.silent = name == "FLAGS.SILENT";
  if (!store.silent && name != "FLAGS") return in.fail("FLAGS expected");
  if (!in.space()) return false;
  if (in.peek() == '(') {
    auto flags = in.flag_list();
    if (!flags) return false;
    store.flags = std::move(*flags);
  } else {
    do {
      if (!in.flag(store.flags)) return false;
    } while (in.take(' '));
  }
  command.arguments = std::move(store);
  return true;
}

bool parse_copy(Lexer& in, Command& command) { return parse_set_and_mailbox<Copy>(in, command); }
bool parse_move(Lexer& in, Command& command) { return parse_set_and_mailbox<Move>(in, command); }

bool parse_expunge(Lexer& in, Command& command) {
  Expunge arguments;
  if (command.uid) {
    if (!in.space()) return false;
    arguments.uids = in.sequence_set();
    if (!arguments.uids) return false;
  }
  command.arguments = std::move(arguments);
  return true;
}

}  // namespace quartet::imapd
