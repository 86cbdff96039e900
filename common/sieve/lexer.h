// The tokens of a script: RFC 5228 section 8.1. Line ends are CRLF, or LF as editors write them; in strings both are
// CRLF.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "common/sieve/error.h"

namespace quartet::sieve {

struct Token {
  enum class Kind : std::uint8_t {
    kIdentifier,   // `text` in lower case
    kTag,          // `text` in lower case, without the colon
    kNumber,       // `number`, the quantifier applied
    kString,       // `text`: quoted or multi-line
    kPunctuation,  // `text`: one of [ ] ( ) { } , ;
    kEnd,
  };
  Kind kind = Kind::kEnd;
  Position at;
  std::string text;
  std::uint64_t number = 0;

  bool is(char punctuation) const { return kind == Kind::kPunctuation && text[0] == punctuation; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view script) : in_(script) {}
  /// After kEnd and after an error the same comes again.
  std::expected<Token, Error> next();

 private:
  std::expected<void, Error> skip();
  std::expected<Token, Error> quoted(Token token);
  std::expected<Token, Error> multi_line(Token token);
  std::expected<Token, Error> number(Token token);
  std::string name();
  std::string_view line();
  bool done() const { return at_ >= in_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
  char take();
  std::unexpected<Error> fault(Position at, std::string text) const {
    return std::unexpected(Error{at, std::move(text)});
  }

  std::string_view in_;
  std::size_t at_ = 0;
  Position position_;
};

}  // namespace quartet::sieve
