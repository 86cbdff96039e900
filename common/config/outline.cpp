#include "common/config/outline.h"

#include "common/base/ascii.h"

namespace quartet::config {
namespace {

constexpr int kDeepest = 32;

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// Up to `close`, which is not taken; 0: up to the end of the text.
  bool fields(char close, int depth, std::vector<Written>& out) {
    for (skip(); at_ < text_.size() && text_[at_] != close; skip()) {
      Written field;
      if (!read_field(depth, field)) return false;
      out.push_back(std::move(field));
    }
    return close == 0 || at_ < text_.size();
  }

 private:
  /// White space and comments.
  void skip() {
    while (at_ < text_.size() && (ascii::is_space(text_[at_]) || text_[at_] == '#')) {
      if (text_[at_] == '#')
        at_ = std::min(text_.find('\n', at_), text_.size());
      else
        ++at_;
    }
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool read_field(int depth, Written& field) {
    field.begin = at_;
    while (at_ < text_.size() && (ascii::is_alnum(text_[at_]) || text_[at_] == '_')) ++at_;
    field.name = text_.substr(field.begin, at_ - field.begin);
    if (field.name.empty()) return false;
    skip();
    const bool colon = take(':');
    skip();
    if (at_ >= text_.size()) return false;
    const char open = text_[at_];
    if (open == '{' || open == '<') {
      if (!read_message(open == '{' ? '}' : '>', depth, field)) return false;
    } else if (!colon || !(open == '[' ? read_list() : read_value())) {
      return false;
    }
    field.end = at_;
    skip();
    if (take(',') || take(';')) field.end = at_;
    at_ = field.end;
    return true;
  }

  bool read_message(char close, int depth, Written& field) {
    if (depth >= kDeepest) return false;
    ++at_;
    if (!fields(close, depth + 1, field.fields)) return false;
    field.close = at_++;
    return true;
  }

  /// Strings that follow each other are one value.
  bool read_value() {
    if (text_[at_] != '"' && text_[at_] != '\'') return read_word();
    auto end = at_;
    while (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      if (!read_string()) return false;
      end = at_;
      skip();
    }
    at_ = end;
    return true;
  }

  bool read_string() {
    const char quote = text_[at_++];
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == quote) {
        ++at_;
        return true;
      }
    }
    return false;
  }

  /// A number or a name; in it, ${NAME} stands for one.
  bool read_word() {
    const auto begin = at_;
    while (at_ < text_.size()) {
      if (text_.substr(at_).starts_with("${")) {
        const auto close = text_.find('}', at_);
        if (close == std::string_view::npos) return false;
        at_ = close + 1;
      } else if (ascii::is_alnum(text_[at_]) || std::string_view("_-+.").contains(text_[at_])) {
        ++at_;
      } else {
        break;
      }
    }
    return at_ != begin;
  }

  /// "[ ... ]" with strings, words and messages in it.
  bool read_list() {
    for (int open = 0; at_ < text_.size(); skip()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        if (!read_string()) return false;
        continue;
      }
      ++at_;
      if (c == '[') ++open;
      if (c == ']' && --open == 0) return true;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<Written>> outline(std::string_view text) {
  std::vector<Written> fields;
  if (!Scanner(text).fields(0, 0, fields)) return std::nullopt;
  return fields;
}

}  // namespace quartet::config
