#include "common/mime/html_text.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/base/ascii.h"

namespace quartet::mime {
namespace {

struct Entity {
  std::string_view name;
  std::string_view text;
};
/// Those that mail programs write. Characters without width, which senders pad previews with, give nothing.
constexpr Entity kEntities[] = {
    {"amp", "&"},   {"lt", "<"},     {"gt", ">"},     {"quot", "\""},  {"apos", "'"},   {"nbsp", " "},
    {"ensp", " "},  {"emsp", " "},   {"zwnj", ""},    {"zwj", ""},     {"shy", ""},     {"ndash", "–"},
    {"mdash", "—"}, {"hellip", "…"}, {"lsquo", "‘"},  {"rsquo", "’"},  {"sbquo", "‚"},  {"ldquo", "“"},
    {"rdquo", "”"}, {"bdquo", "„"},  {"laquo", "«"},  {"raquo", "»"},  {"bull", "•"},   {"middot", "·"},
    {"copy", "©"},  {"reg", "®"},    {"trade", "™"},  {"euro", "€"},   {"pound", "£"},  {"deg", "°"},
    {"auml", "ä"},  {"ouml", "ö"},   {"uuml", "ü"},   {"Auml", "Ä"},   {"Ouml", "Ö"},   {"Uuml", "Ü"},
    {"szlig", "ß"}, {"eacute", "é"}, {"egrave", "è"}, {"agrave", "à"}, {"ccedil", "ç"}, {"ntilde", "ñ"}};

constexpr std::string_view kInline[] = {"a",     "b",   "i", "u",    "em", "strong", "span", "font", "sub", "sup",
                                        "small", "big", "s", "code", "tt", "mark",   "abbr", "wbr",  "img", "o:p"};

void append_code_point(std::string& out, std::uint32_t c) {
  if (c < 32 || c == 0x7F || c == 0xA0) {
    out.push_back(' ');
  } else if (c == 0xAD || c == 0x34F || (c >= 0x200B && c <= 0x200F) || c == 0xFEFF) {
    return;  // no width
  } else if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | c >> 6));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    if (c >= 0xD800 && c < 0xE000) return;
    out.push_back(static_cast<char>(0xE0 | c >> 12));
    out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x110000) {
    out.push_back(static_cast<char>(0xF0 | c >> 18));
    out.push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

class Stripper {
 public:
  explicit Stripper(std::string_view html) : in_(html) {}

  std::string run() {
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == '<' && tag()) continue;
      if (c == '&' && entity()) continue;
      out_.push_back(c);
      ++at_;
    }
    return std::move(out_);
  }

 private:
  bool tag() {
    const std::string_view rest = in_.substr(at_);
    if (rest.starts_with("<!--")) {
      skip_past("-->", at_ + 4);
      return true;
    }
    if (rest.size() > 1 && (rest[1] == '!' || rest[1] == '?')) {
      skip_past(">", at_ + 2);
      return true;
    }
    const bool closing = rest.size() > 1 && rest[1] == '/';
    const std::size_t name_at = at_ + (closing ? 2 : 1);
    if (name_at >= in_.size() || !ascii::is_alpha(in_[name_at])) return false;  // "a < b"
    const std::size_t name_end = std::min(in_.find_first_of(" \t\r\n/>", name_at), in_.size());
    const std::string name = ascii::lower(in_.substr(name_at, std::min<std::size_t>(name_end - name_at, 16)));
    skip_attributes(name_end);
    if (!closing && (name == "style" || name == "script" || name == "head" || name == "title")) skip_element(name);
    if (std::ranges::find(kInline, name) == std::end(kInline)) out_.push_back(' ');
    return true;
  }

  void skip_past(std::string_view end, std::size_t from) {
    const std::size_t found = in_.find(end, std::min(from, in_.size()));
    at_ = found == std::string_view::npos ? in_.size() : found + end.size();
  }

  /// To after the ">" that is not inside a quoted attribute.
  void skip_attributes(std::size_t from) {
    char quote = 0;
    for (at_ = from; at_ < in_.size(); ++at_) {
      const char c = in_[at_];
      if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        ++at_;
        return;
      }
    }
  }

  void skip_element(std::string_view name) {
    for (;;) {
      skip_past("</", at_);
      if (at_ >= in_.size()) return;
      if (!ascii::istarts_with(in_.substr(at_), name)) continue;
      skip_past(">", at_);
      return;
    }
  }

  bool entity() {
    const std::string_view name = in_.substr(at_ + 1, 10);
    const std::size_t end = name.find(';');
    if (end == std::string_view::npos || end == 0) return false;
    if (!append_entity(name.substr(0, end))) return false;
    at_ += end + 2;
    return true;
  }

  bool append_entity(std::string_view name) {
    if (name.front() == '#') {
      const bool hex = name.size() > 1 && ascii::to_lower(name[1]) == 'x';
      const auto number = ascii::to_number<std::uint32_t>(name.substr(hex ? 2 : 1), hex ? 16 : 10);
      if (number) append_code_point(out_, *number);
      return number.has_value();
    }
    const auto* known = std::ranges::find(kEntities, name, &Entity::name);
    if (known == std::end(kEntities)) return false;
    out_ += known->text;
    return true;
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string html_text(std::string_view html) { return Stripper(html).run(); }

}  // namespace quartet::mime
