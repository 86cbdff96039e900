// Strings of a script: encoded characters (RFC 5228 section 2.4.2.4) and variables (RFC 5229 section 3).
#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/sieve/compiler.h"

namespace quartet::sieve {
namespace {

constexpr std::uint64_t kLastMatchVariable = 99;
/// What encoded characters, and references to variables, are made of.
constexpr std::string_view kOfEncoded = "0123456789abcdefABCDEF \t\r\nxXuUnNiIoO:hH";
constexpr std::string_view kOfReference = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.";

/// Where the "}" is behind `begin` that only characters of `set` come before. A text of many "${" is not searched to
/// its end for each of them.
std::size_t end_of(std::string_view text, std::size_t begin, std::string_view set) {
  const auto end = text.find_first_not_of(set, begin);
  return end != std::string_view::npos && text[end] == '}' ? end : std::string_view::npos;
}

void append_code_point(std::string& out, std::uint32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

struct Encoded {
  enum class Fault : std::uint8_t { kNone, kNotEncoded, kNoCharacter };
  std::string text;
  Fault fault = Fault::kNone;
};

/// What is between "${" and "}".
Encoded decode_one(std::string_view inside) {
  const bool hex = ascii::istarts_with(inside, "hex:");
  if (!hex && !ascii::istarts_with(inside, "unicode:")) return {{}, Encoded::Fault::kNotEncoded};
  inside.remove_prefix(inside.find(':') + 1);
  Encoded out;
  bool any = false;
  while (!inside.empty()) {
    if (ascii::is_space(inside.front())) {
      inside.remove_prefix(1);
      continue;
    }
    const auto digits = inside.substr(0, inside.find_first_of(" \t\r\n"));
    const auto code = ascii::to_number<std::uint32_t>(digits, 16);
    if (!code && digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      return {{}, Encoded::Fault::kNotEncoded};
    if (hex && digits.size() > 2) return {{}, Encoded::Fault::kNotEncoded};
    any = true;
    // An error only if the whole is well-formed, which what follows may change (RFC 5228 section 2.4.2.4).
    if (!code || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000))
      out.fault = Encoded::Fault::kNoCharacter;
    else if (hex)
      out.text += static_cast<char>(*code);
    else
      append_code_point(out.text, *code);
    inside.remove_prefix(digits.size());
  }
  if (!any) out.fault = Encoded::Fault::kNotEncoded;
  return out;
}

}  // namespace

std::optional<std::string> decode_characters(std::string_view text) {
  std::string out;
  for (;;) {
    const auto begin = text.find("${");
    if (begin == std::string_view::npos) break;
    const auto end = end_of(text, begin + 2, kOfEncoded);
    const auto decoded = end == std::string_view::npos ? Encoded{{}, Encoded::Fault::kNotEncoded}
                                                       : decode_one(text.substr(begin + 2, end - begin - 2));
    if (decoded.fault == Encoded::Fault::kNoCharacter) return std::nullopt;
    if (decoded.fault == Encoded::Fault::kNotEncoded) {
      // Another may begin inside of what only looked like one.
      out += text.substr(0, begin + 2);
      text.remove_prefix(begin + 2);
      continue;
    }
    out += text.substr(0, begin);
    out += decoded.text;
    text.remove_prefix(end + 1);
  }
  return out += text;
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || ascii::is_digit(name.front()) || name.size() > 64) return false;
  for (const char c : name) {
    if (!ascii::is_alnum(c) && c != '_') return false;
  }
  return true;
}

bool is_field_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c > ' ' && c < 127 && c != ':'; });
}

Text Compiler::text(const StringNode& node) {
  Text out;
  std::string storage;
  std::string_view in = node.text;
  if (has(Extension::kEncodedCharacter)) {
    auto decoded = decode_characters(in);
    if (!decoded) fault(node.at, "an encoded character that there is not");
    in = storage = std::move(decoded).value_or("");
  }
  if (has(Extension::kVariables))
    interpolate(node, in, out);
  else if (!in.empty())
    out.pieces.push_back({Text::Piece::Kind::kLiteral, std::string(in), 0});
  return out;
}

Texts Compiler::texts(const std::vector<StringNode>& nodes) {
  Texts out;
  for (const auto& node : nodes) out.push_back(text(node));
  return out;
}

std::optional<Text> Compiler::maybe_text(const StringNode* node) {
  return node == nullptr ? std::nullopt : std::optional(text(*node));
}

void Compiler::interpolate(const StringNode& node, std::string_view in, Text& out) {
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) out.pieces.push_back({Text::Piece::Kind::kLiteral, std::exchange(literal, {}), 0});
  };
  while (!in.empty()) {
    const auto end = in.starts_with("${") ? end_of(in, 2, kOfReference) : std::string_view::npos;
    const auto piece = end == std::string_view::npos ? std::nullopt : reference(node, in.substr(2, end - 2));
    if (!piece) {
      literal += in.front();
      in.remove_prefix(1);
      continue;
    }
    flush();
    out.pieces.push_back(*piece);
    in.remove_prefix(end + 1);
  }
  flush();
}

/// nullopt: not a reference, so the text stays as it is.
std::optional<Text::Piece> Compiler::reference(const StringNode& node, std::string_view inside) {
  using Kind = Text::Piece::Kind;
  if (!inside.empty() && inside.find_first_not_of("0123456789") == std::string_view::npos) {
    const auto number = ascii::to_number(inside);
    if (!number || *number > kLastMatchVariable) {
      fault(node.at, fmt::format("match variables end with ${{{}}}", kLastMatchVariable));
      return std::nullopt;
    }
    return Text::Piece{Kind::kMatch, {}, static_cast<std::uint32_t>(*number)};
  }
  const auto lower = ascii::lower(inside);
  const auto dot = lower.find('.');
  if (dot != std::string::npos) {
    const auto space = std::string_view(lower).substr(0, dot);
    const auto name = lower.substr(dot + 1);
    if (!is_variable_name(space) || !is_variable_name(name)) return std::nullopt;
    if (space != "global" || !has(Extension::kInclude)) {
      fault(node.at, fmt::format("there are no variables \"{}.\" here", space));
      return std::nullopt;
    }
    return Text::Piece{Kind::kGlobal, name, 0};
  }
  if (!is_variable_name(lower)) return std::nullopt;
  if (globals_.contains(lower)) return Text::Piece{Kind::kGlobal, lower, 0};
  return Text::Piece{Kind::kLocal, {}, slot(node.at, lower)};
}

std::uint32_t Compiler::slot(Position at, const std::string& name) {
  const auto [found, added] = slots_.try_emplace(name, program_->variables);
  if (added && ++program_->variables > options_.variables) fault(at, "too many variables");
  return found->second;
}

Variable Compiler::variable(const StringNode& node) {
  auto name = ascii::lower(node.text);
  Variable out;
  if (name.starts_with("global.") && has(Extension::kInclude)) {
    out.global = true;
    name.erase(0, 7);
  }
  if (!is_variable_name(name)) {
    fault(node.at, fmt::format("\"{}\" is no name of a variable", node.text));
    return out;
  }
  if (globals_.contains(name)) out.global = true;
  if (!out.global) out.slot = slot(node.at, name);
  out.name = std::move(name);
  return out;
}

}  // namespace quartet::sieve
