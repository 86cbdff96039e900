#include "common/sieve/lexer.h"

#include <fmt/format.h>

#include <limits>

#include "common/base/ascii.h"

namespace quartet::sieve {
namespace {

bool begins_name(char c) { return ascii::is_alpha(c) || c == '_'; }
bool in_name(char c) { return begins_name(c) || ascii::is_digit(c); }

}  // namespace

std::string to_string(const Error& error) {
  return fmt::format("{}:{}: {}", error.at.line, error.at.column, error.text);
}

char Lexer::take() {
  const char c = in_[at_++];
  if (c == '\n') {
    ++position_.line;
    position_.column = 1;
  } else {
    ++position_.column;
  }
  return c;
}

std::expected<void, Error> Lexer::skip() {
  while (!done()) {
    if (ascii::is_space(peek())) {
      take();
    } else if (peek() == '#') {
      line();
    } else if (peek() == '/' && peek(1) == '*') {
      const auto begin = position_;
      const auto end = in_.find("*/", at_ + 2);
      if (end == std::string_view::npos) return fault(begin, "this comment has no end");
      while (at_ < end + 2) take();
    } else {
      break;
    }
  }
  return {};
}

std::string Lexer::name() {
  std::string out;
  while (in_name(peek())) out += ascii::to_lower(take());
  return out;
}

/// The rest of the line without its end, which is passed over.
std::string_view Lexer::line() {
  const auto begin = at_;
  while (!done() && peek() != '\n') take();
  auto out = in_.substr(begin, at_ - begin);
  if (!done()) take();
  if (out.ends_with('\r')) out.remove_suffix(1);
  return out;
}

std::expected<Token, Error> Lexer::next() {
  if (const auto skipped = skip(); !skipped) return std::unexpected(skipped.error());
  Token token;
  token.at = position_;
  if (done()) return token;
  const char c = peek();
  if (c == '"') return quoted(std::move(token));
  if (ascii::is_digit(c)) return number(std::move(token));
  if (std::string_view("[](){},;").contains(c)) {
    token.kind = Token::Kind::kPunctuation;
    token.text = std::string(1, take());
    return token;
  }
  const bool tag = c == ':';
  if (!begins_name(peek(tag ? 1 : 0))) return fault(position_, tag ? "a tag's name is missing" : "no word begins so");
  if (tag) take();
  token.kind = tag ? Token::Kind::kTag : Token::Kind::kIdentifier;
  token.text = name();
  if (!tag && token.text == "text" && peek() == ':') {
    take();
    return multi_line(std::move(token));
  }
  return token;
}

std::expected<Token, Error> Lexer::quoted(Token token) {
  token.kind = Token::Kind::kString;
  take();
  while (!done()) {
    char c = take();
    if (c == '"') return token;
    if (c == '\\' && !done()) c = take();
    if (c == '\n' && !token.text.ends_with('\r')) token.text += '\r';
    token.text += c;
  }
  return fault(token.at, "this string has no end");
}

std::expected<Token, Error> Lexer::multi_line(Token token) {
  token.kind = Token::Kind::kString;
  token.text.clear();
  while (peek() == ' ' || peek() == '\t') take();
  if (const auto at = position_; peek() != '#') {
    if (!ascii::trim(line()).empty()) return fault(at, "expected the end of the line after \"text:\"");
  } else {
    line();
  }
  while (!done()) {
    auto text = line();
    if (text == ".") return token;
    if (text.starts_with("..")) text.remove_prefix(1);
    token.text += text;
    token.text += "\r\n";
  }
  return fault(token.at, "this text has no line with a single dot to end it");
}

std::expected<Token, Error> Lexer::number(Token token) {
  token.kind = Token::Kind::kNumber;
  const auto begin = at_;
  while (ascii::is_digit(peek())) take();
  auto value = ascii::to_number(in_.substr(begin, at_ - begin));
  unsigned shift = 0;
  switch (ascii::to_upper(peek())) {
    case 'K':
      shift = 10;
      break;
    case 'M':
      shift = 20;
      break;
    case 'G':
      shift = 30;
      break;
    default:
      break;
  }
  if (shift != 0) take();
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value || *value > (kMost >> shift)) return fault(token.at, "this number is too large");
  if (in_name(peek())) return fault(position_, "a number ends with a digit, K, M or G");
  token.number = *value << shift;
  return token;
}

}  // namespace quartet::sieve
