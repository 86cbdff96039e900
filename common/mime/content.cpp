#include "common/mime/content.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/mime/lexer.h"

namespace quartet::mime {
namespace {

constexpr std::string_view kTspecials = "()<>@,;:\\\"/[]?=";
constexpr std::size_t kMostParameters = 100;

/// A parameter as it stands in the field: RFC 2231 splits "title*1*=..." into name, section and extended.
struct RawParameter {
  std::string_view name;
  std::optional<unsigned> section;
  bool extended = false;
  std::string value;
};

void split_marks(std::string_view token, RawParameter& raw) {
  if (token.ends_with('*')) {
    raw.extended = true;
    token.remove_suffix(1);
  }
  const std::size_t star = token.rfind('*');
  if (star != std::string_view::npos) {
    raw.section = ascii::to_number<unsigned>(token.substr(star + 1));
    if (raw.section) token = token.substr(0, star);
  }
  raw.name = token;
}

int hex_digit(char c) {
  if (ascii::is_digit(c)) return c - '0';
  const char lower = ascii::to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 32 && byte < 127 && std::string_view("*'%").find(c) == std::string_view::npos &&
        kTspecials.find(c) == std::string_view::npos) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

/// "charset'language'text" to UTF-8.
std::string decode_extended(std::string_view text) {
  const std::size_t first = text.find('\'');
  const std::size_t second = first == std::string_view::npos ? first : text.find('\'', first + 1);
  if (second == std::string_view::npos) return to_utf8(percent_decode(text), "");
  return to_utf8(percent_decode(text.substr(second + 1)), text.substr(0, first));
}

std::string parameter_value(Lexer& in) {
  in.skip_space();
  std::string value;
  if (in.take('"')) {
    in.quoted(value);
    return value;
  }
  // Unquoted values with specials in them are wrong but common: boundary=----=_Part, name=a/b.txt. Taken to the
  // semicolon or white space.
  value = in.run(";\"");
  return value;
}

std::vector<RawParameter> scan_parameters(Lexer& in) {
  std::vector<RawParameter> found;
  while (!in.done() && found.size() < kMostParameters) {
    in.skip_space();
    if (in.take(';')) continue;
    RawParameter raw;
    const std::string_view token = in.run("=;\"(");
    in.skip_space();
    if (token.empty() || !in.take('=')) {
      if (token.empty() && !in.done()) ++in.at;
      continue;
    }
    split_marks(token, raw);
    raw.value = parameter_value(in);
    found.push_back(std::move(raw));
    while (!in.done() && in.peek() != ';') {  // whatever else there is before the next one
      if (!in.skip_space()) ++in.at;
    }
  }
  return found;
}

/// Puts the sections of one parameter together, in the order of their numbers, from 0 and without a gap.
Parameter join(const std::vector<RawParameter>& raws, std::size_t first) {
  std::vector<const RawParameter*> sections;
  for (const RawParameter& raw : raws)
    if (raw.section && ascii::iequals(raw.name, raws[first].name)) sections.push_back(&raw);
  // All point into one vector: the address keeps equal numbers in the order of their occurrence.
  std::ranges::sort(sections, {}, [](const RawParameter* raw) { return std::pair(*raw->section, raw); });
  const bool extended = std::ranges::any_of(sections, &RawParameter::extended);
  Parameter out{std::string(raws[first].name), {}, {}};
  unsigned expected = 0;
  for (const RawParameter* raw : sections) {
    if (*raw->section != expected) continue;
    ++expected;
    if (extended) {
      out.extended += raw->extended ? raw->value : percent_encode(raw->value);
    } else {
      out.value += raw->value;
    }
  }
  if (extended) out.value = decode_extended(out.extended);
  return out;
}

/// The first of each form. The extended one goes before a plain one of the same name, which is there for old readers.
void add(std::vector<Parameter>& out, Parameter parameter) {
  const auto same = [&parameter](const Parameter& p) { return ascii::iequals(p.name, parameter.name); };
  const bool plain = parameter.extended.empty();
  if (std::ranges::any_of(out, [&](const Parameter& p) { return same(p) && p.extended.empty() == plain; })) return;
  const auto place = plain ? out.end() : std::ranges::find_if(out, same);
  out.insert(place, std::move(parameter));
}

std::vector<Parameter> parse_parameters(Lexer& in) {
  const std::vector<RawParameter> raws = scan_parameters(in);
  std::vector<Parameter> out;
  for (std::size_t i = 0; i < raws.size(); ++i) {
    const RawParameter& raw = raws[i];
    if (raw.section) {
      add(out, join(raws, i));
    } else if (raw.extended) {
      add(out, {std::string(raw.name), decode_extended(raw.value), raw.value});
    } else {
      add(out, {std::string(raw.name), raw.value, {}});
    }
  }
  return out;
}

}  // namespace

std::string_view ContentValue::parameter(std::string_view name) const {
  for (const Parameter& p : parameters)
    if (ascii::iequals(p.name, name)) return p.value;
  return {};
}

bool ContentValue::is(std::string_view a_type, std::string_view a_subtype) const {
  return ascii::iequals(type, a_type) && ascii::iequals(subtype, a_subtype);
}

ContentValue parse_content_type(std::string_view value) {
  Lexer in{value};
  ContentValue out;
  in.skip_space();
  const std::string_view type = in.run(kTspecials);
  in.skip_space();
  const bool slash = in.take('/');
  in.skip_space();
  const std::string_view subtype = in.run(kTspecials);
  if (!type.empty() && slash && !subtype.empty()) {
    out.type = type;
    out.subtype = subtype;
  }
  out.parameters = parse_parameters(in);
  return out;
}

ContentValue parse_disposition(std::string_view value) {
  Lexer in{value};
  ContentValue out;
  in.skip_space();
  out.type = in.run(kTspecials);
  out.parameters = parse_parameters(in);
  return out;
}

std::vector<std::string> parse_languages(std::string_view value) {
  std::vector<std::string> out;
  const std::string text = without_comments(value);
  for (const std::string_view piece : ascii::split(text, ','))
    if (const std::string_view tag = ascii::trim(piece); !tag.empty()) out.emplace_back(tag);
  return out;
}

std::string without_comments(std::string_view value) {
  Lexer in{value};
  std::string out;
  while (!in.done()) {
    if (in.skip_space()) {
      if (!out.empty() && !in.done()) out.push_back(' ');
    } else if (in.take('"')) {
      std::string text;
      in.quoted(text);
      out += quote(text);
    } else {
      out.push_back(in.in[in.at++]);
    }
  }
  return out;
}

}  // namespace quartet::mime
