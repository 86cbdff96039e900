// The two forms of a line.
#include <fmt/format.h>

#include <algorithm>

#include "common/log/log.h"

namespace quartet::log {
namespace {

const char* name_of(Level level) {
  static constexpr const char* kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<int>(level)];
}

/// Bytes of the UTF-8 sequence that starts `text`; 0 if it is none (RFC 3629 section 4).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&byte](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool in_range = !(first == 0xe0 && byte(1) < 0xa0) && !(first == 0xed && byte(1) > 0x9f);
    return in_range && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool in_range = !(first == 0xf0 && byte(1) < 0x90) && !(first == 0xf4 && byte(1) > 0x8f);
    return in_range && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

/// What peers send may be anything; what comes out is valid JSON, on one line.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    // Nearly all of it, at once.
    const auto plain = static_cast<std::size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const char c = text.front();
    const auto length = utf8_length(text);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else if (length == 0) {
      out += "\xef\xbf\xbd";  // U+FFFD
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  out += '"';
}

void append_text(std::string& out, Format format, std::string_view text) {
  const bool plain =
      format == Format::kLogfmt && !text.empty() &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:/@+<>[]%") ==
          std::string_view::npos;
  if (plain) {
    out.append(text);
  } else {
    append_quoted(out, text);
  }
}

void append_value(std::string& out, Format format, const Field& field) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) return append_text(out, format, *text);
  if (const auto* truth = std::get_if<bool>(&field.value)) {
    out += *truth ? "true" : "false";
  } else if (const auto* real = std::get_if<double>(&field.value)) {
    // JSON has no infinity and no NaN.
    if (*real - *real == 0)
      fmt::format_to(std::back_inserter(out), "{}", *real);
    else
      out += "null";
  } else {
    fmt::format_to(std::back_inserter(out), "{}", std::get<std::int64_t>(field.value));
  }
}

void append_field(std::string& out, Format format, const Field& field) {
  if (format == Format::kJson) {
    out += out.size() > 1 ? "," : "";
    append_quoted(out, field.key);
    out += ':';
  } else {
    out += out.empty() ? "" : " ";
    out.append(field.key);
    out += '=';
  }
  append_value(out, format, field);
}

}  // namespace

std::string format_line(Format format, std::string_view time, std::string_view agent, Level level,
                        std::string_view event, std::initializer_list<Field> fields) {
  std::string line;
  line.reserve(256);
  if (format == Format::kJson) line += '{';
  append_field(line, format, {"time", time});
  append_field(line, format, {"level", name_of(level)});
  append_field(line, format, {"agent", agent});
  append_field(line, format, {"event", event});
  for (const auto& field : fields) append_field(line, format, field);
  if (format == Format::kJson) line += '}';
  return line;
}

}  // namespace quartet::log
