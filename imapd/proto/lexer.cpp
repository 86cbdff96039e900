#include "imapd/proto/lexer.h"

#include <algorithm>
#include <array>
#include <limits>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/mime/mutf7.h"
#include "imapd/proto/grammar.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMaxFlags = 128;  // in one list; an account has fewer keywords
constexpr std::array<std::string_view, 5> kSystemFlags = {"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"};

constexpr bool is_set_char(char c) { return ascii::is_digit(c) || c == ':' || c == ',' || c == '*' || c == '$'; }

}  // namespace

Lexer::Lexer(RawCommand& raw, ParseOptions options) : raw_(raw), options_(options), rest_(raw.texts.front()) {
  rest_.remove_prefix(std::min(raw.tag.size(), rest_.size()));
}

Lexer::Failure Lexer::fail(std::string text, ParseError::Kind kind) {
  if (!error_) error_ = ParseError{raw_.tag, std::move(text), kind};
  return {};
}

ParseError Lexer::take_error() {
  fail("Syntax error");
  return std::move(*error_);
}

bool Lexer::looking_at(std::string_view text) const { return ascii::istarts_with(rest_, text); }

bool Lexer::take(char c) {
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  return true;
}

bool Lexer::take_text(std::string_view text) {
  if (!looking_at(text)) return false;
  rest_.remove_prefix(text.size());
  return true;
}

bool Lexer::expect(char c) {
  if (take(c)) return true;
  if (at_end()) return fail("Arguments missing");
  return fail(c == ' ' ? std::string("Space expected") : std::string("\"") + c + "\" expected");
}

std::string Lexer::word() {
  return ascii::upper(run([](char c) { return ascii::is_alnum(c) || c == '-' || c == '.'; }));
}

std::optional<std::string> Lexer::atom() {
  const auto text = run(is_atom_char);
  if (text.empty()) return fail("Atom expected");
  return std::string(text);
}

std::optional<std::string> Lexer::quoted() {
  if (!take('"')) return fail("String expected");
  std::string text;
  for (;;) {
    if (rest_.empty()) return fail("Quoted string has no end");
    char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '"') break;
    if (c == '\\') {
      c = peek();
      if (c != '"' && c != '\\') return fail("Wrong escape in quoted string");
      rest_.remove_prefix(1);
    }
    if (c == '\0' || c == '\r' || c == '\n') return fail("Control character in quoted string");
    text.push_back(c);
  }
  // UTF-8 is taken from everybody: passwords come so without any ENABLE.
  if (!mime::is_utf8(text)) return fail("Quoted string is not UTF-8");
  return text;
}

std::optional<std::string> Lexer::string() {
  if (!at_literal()) return quoted();
  auto taken = literal();
  if (!taken) return std::nullopt;
  if (taken->binary) return fail("Binary literal not allowed here");
  return std::move(taken->bytes);
}

std::optional<std::string> Lexer::astring() {
  if (peek() == '"' || at_literal()) return string();
  const auto text = run(is_astring_char);
  if (text.empty()) return fail(at_end() ? "Arguments missing" : "Atom or string expected");
  return std::string(text);
}

std::optional<std::optional<std::string>> Lexer::nstring() {
  if (take_text("NIL")) return std::optional<std::string>();
  auto text = string();
  if (!text) return std::nullopt;
  return text;
}

std::optional<Literal> Lexer::literal() {
  if (!at_literal()) return fail(at_end() ? "Arguments missing" : "Literal expected");
  auto taken = std::move(raw_.literals[piece_]);
  rest_ = raw_.texts[++piece_];
  if (!taken.binary && taken.bytes.contains('\0')) return fail("NUL in a literal that is not binary");
  return taken;
}

std::optional<std::uint64_t> Lexer::number64() {
  const auto value = ascii::to_number<std::uint64_t>(run(ascii::is_digit));
  if (!value || *value > std::numeric_limits<std::int64_t>::max()) return fail("Number expected");
  return value;
}

std::optional<std::uint64_t> Lexer::nz_number64() {
  if (!rest_.empty() && rest_.front() == '0') return fail("Number other than 0 expected");
  return number64();
}

std::optional<std::uint32_t> Lexer::number() {
  const auto value = ascii::to_number<std::uint32_t>(run(ascii::is_digit));
  if (!value) return fail("Number expected");
  return value;
}

std::optional<std::uint32_t> Lexer::nz_number() {
  if (!rest_.empty() && rest_.front() == '0') return fail("Number other than 0 expected");
  return number();
}

std::optional<SequenceSet> Lexer::sequence_set() {
  auto set = SequenceSet::parse(run(is_set_char));
  if (!set) return fail("Sequence set expected");
  return set;
}

std::optional<SequenceSet> Lexer::known_set() {
  auto set = SequenceSet::parse_numbers(run(is_set_char));
  if (!set) return fail("Set of numbers expected");
  return set;
}

/// From what the client has enabled to UTF-8.
std::optional<std::string> Lexer::decode_name(std::string text) {
  if (!options_.utf8) {
    auto name = mime::from_mutf7(text);
    if (!name) return fail("Mailbox name is not modified UTF-7", ParseError::Kind::kBadName);
    return name;
  }
  if (!mime::is_utf8(text)) return fail("Mailbox name is not UTF-8", ParseError::Kind::kBadName);
  return text;
}

std::optional<std::string> Lexer::mailbox() {
  auto text = astring();
  if (!text) return std::nullopt;
  if (ascii::iequals(*text, "INBOX")) return "INBOX";
  return decode_name(std::move(*text));
}

std::optional<std::string> Lexer::list_mailbox() {
  std::optional<std::string> text;
  if (peek() == '"' || at_literal()) {
    text = string();
    if (!text) return std::nullopt;
  } else {
    text = run(is_list_char);
    if (text->empty()) return fail("Mailbox pattern expected");
  }
  // A pattern that is no name asks for nothing that exists: it stands for itself, and that is no error.
  if (options_.utf8) return text;
  return mime::from_mutf7(*text).value_or(*text);
}

std::optional<std::vector<std::string>> Lexer::flag_list() {
  std::vector<std::string> flags;
  if (!in_parentheses(*this, true, [&] { return flag(flags); })) return std::nullopt;
  return flags;
}

bool Lexer::flag(std::vector<std::string>& flags) {
  const bool system = take('\\');
  const auto name = run(is_atom_char);
  if (name.empty()) return fail("Flag expected");
  std::string text(name);
  if (system) {
    text.insert(text.begin(), '\\');
    const auto* known =
        std::ranges::find_if(kSystemFlags, [&text](std::string_view flag) { return ascii::iequals(flag, text); });
    // \Recent is the server's alone, and other names with a backslash are not for clients to invent.
    if (known == kSystemFlags.end()) return fail("No such system flag");
    text = *known;
  }
  if (std::ranges::any_of(flags, [&text](const auto& seen) { return ascii::iequals(seen, text); })) return true;
  if (flags.size() == kMaxFlags) return fail("Too many flags", ParseError::Kind::kLimit);
  flags.push_back(std::move(text));
  return true;
}

}  // namespace quartet::imapd
