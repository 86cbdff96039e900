#include "common/smtp/reply.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/ascii.h"
#include "common/base/utf8.h"

namespace quartet::smtp {
namespace {

// RFC 5321 section 4.5.3.1.5 promises 512; servers in the field send more.
constexpr std::size_t kMostLine = 2048;
constexpr std::size_t kMostLines = 512;
// What people read of a reply, and what is kept of it for each recipient. No single line is cut.
constexpr std::size_t kMostText = 2048;

/// Takes "2.1.0 " from the front if it is an enhanced code of the reply's class (RFC 2034 section 4).
std::string take_enhanced(std::string_view& text, int code) {
  const auto space = text.find(' ');
  const auto word = text.substr(0, space);
  const auto parts = ascii::split(word, '.');
  if (parts.size() != 3 || parts[0].size() != 1 || parts[0][0] != '0' + code / 100) return {};
  for (const auto part : {parts[1], parts[2]}) {
    if (part.empty() || part.size() > 3 || !ascii::to_number(part)) return {};
  }
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return std::string(word);
}

}  // namespace

std::string Reply::text() const {
  std::string all;
  for (const auto& line : lines) {
    if (!all.empty()) all += ' ';
    all += line;
    if (all.size() > kMostText) {
      all.resize(utf8::within(all, kMostText).size());
      return all + "...";
    }
  }
  return all;
}

std::string format(const Reply& reply) {
  std::string out;
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    out += fmt::format("{}{}", reply.code, i + 1 < reply.lines.size() ? '-' : ' ');
    if (!reply.enhanced.empty()) out += reply.enhanced + ' ';
    for (const char c : reply.lines[i]) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    out += "\r\n";
  }
  return out;
}

std::optional<std::expected<Reply, ReplyError>> ReplyParser::next() {
  for (;;) {
    const auto rest = unconsumed();
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) {
      // One more may be the CR of the line end.
      if (rest.size() > kMostLine + 1) return std::unexpected(ReplyError::kTooLong);
      buffer_.erase(0, taken_);
      taken_ = 0;
      return std::nullopt;
    }
    auto line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > kMostLine || partial_.lines.size() >= kMostLines) return std::unexpected(ReplyError::kTooLong);
    const auto code = ascii::to_number<int>(line.substr(0, 3));
    const char separator = line.size() > 3 ? line[3] : ' ';
    if (line.size() < 3 || !code || *code < 200 || *code > 599 || (separator != ' ' && separator != '-') ||
        (partial_.code != 0 && partial_.code != *code)) {
      return std::unexpected(ReplyError::kMalformed);
    }
    auto text = line.size() > 4 ? line.substr(4) : std::string_view();
    // Either every line has one, or what looks like it is text.
    if (partial_.code == 0)
      partial_.enhanced = take_enhanced(text, *code);
    else if (!partial_.enhanced.empty())
      take_enhanced(text, *code);
    partial_.code = *code;
    partial_.lines.emplace_back(text);
    taken_ += end + 1;
    if (separator == ' ') return std::exchange(partial_, {});
  }
}

}  // namespace quartet::smtp
