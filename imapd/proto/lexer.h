// Tokens of one command: RFC 9051 section 9. What is taken is gone; the first thing that goes wrong is kept as the
// error of the whole command, so callers only pass failure on.
#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "imapd/proto/command_reader.h"
#include "imapd/proto/parser.h"
#include "imapd/proto/sequence_set.h"

namespace quartet::imapd {

class Lexer {
 public:
  /// `raw` outlives the lexer; literals are moved out of it. Starts behind the tag.
  Lexer(RawCommand& raw, ParseOptions options);

  /// Becomes false or nullopt, as the caller returns. It is bool alone that it turns into: anything that bool converts
  /// to would make a failure the value 0.
  struct Failure {
    template <std::same_as<bool> Bool>
    operator Bool() const {
      return false;
    }
    template <typename T>
    operator std::optional<T>() const {
      return std::nullopt;
    }
  };
  /// Notes the error unless there is one already.
  Failure fail(std::string text, ParseError::Kind kind = ParseError::Kind::kSyntax);
  ParseError take_error();

  bool at_end() const { return rest_.empty() && piece_ == raw_.literals.size(); }
  /// The next octet; NUL at a literal and at the end.
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool at_literal() const { return rest_.empty() && piece_ < raw_.literals.size(); }
  /// Whether the text goes on with this, without regard to case.
  bool looking_at(std::string_view text) const;
  bool take(char c);                      // no error if it is not there
  bool take_text(std::string_view text);  // as take, without regard to case
  bool expect(char c);
  bool space() { return expect(' '); }
  /// The longest run of octets for which `belongs` holds; may be empty.
  template <typename Predicate>
  std::string_view run(Predicate belongs) {
    std::size_t size = 0;
    while (size < rest_.size() && belongs(rest_[size])) ++size;
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

  /// Letters, digits, "-" and "." in upper case: a keyword of the grammar; may be "".
  std::string word();
  std::optional<std::string> atom();
  std::optional<std::string> quoted();
  std::optional<std::string> string();
  std::optional<std::string> astring();
  /// NIL gives an empty inner optional.
  std::optional<std::optional<std::string>> nstring();
  /// Literals that messages come in; the only ones that may be binary.
  std::optional<Literal> literal();
  std::optional<std::uint64_t> number64();     // up to 2^63 - 1
  std::optional<std::uint64_t> nz_number64();  // not 0
  std::optional<std::uint32_t> number();
  std::optional<std::uint32_t> nz_number();
  std::optional<SequenceSet> sequence_set();
  /// Without "*" and "$".
  std::optional<SequenceSet> known_set();
  /// UTF-8, INBOX in capitals.
  std::optional<std::string> mailbox();
  /// A pattern of LIST, UTF-8.
  std::optional<std::string> list_mailbox();
  /// "(\\Seen word)"; see Store::flags.
  std::optional<std::vector<std::string>> flag_list();
  /// Adds one flag.
  bool flag(std::vector<std::string>& flags);

 private:
  std::optional<std::string> decode_name(std::string text);

  RawCommand& raw_;
  ParseOptions options_;
  std::size_t piece_ = 0;
  std::string_view rest_;  // of raw_.texts[piece_]
  std::optional<ParseError> error_;
};

/// "(" item *(SP item) ")"; `item` returns false after a failure. An empty list only if `may_be_empty`.
template <typename Item>
bool in_parentheses(Lexer& in, bool may_be_empty, Item item) {
  if (!in.expect('(')) return false;
  if (may_be_empty && in.take(')')) return true;
  do {
    if (!item()) return false;
  } while (in.take(' '));
  return in.expect(')');
}

}  // namespace quartet::imapd
