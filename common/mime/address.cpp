#include "common/mime/address.h"

#include <utility>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"
#include "common/mime/lexer.h"

namespace quartet::mime {
namespace {

constexpr std::string_view kSpecials = "()<>[]:;@\\,.\"";

/// The length of an encoded word at the front, 0 if there is none. Taken whole because senders put commas and other
/// specials inside. What does not end within a line is none: without that, text that only begins words takes time as
/// the square of its length.
std::size_t encoded_word_length(std::string_view text) {
  if (!text.starts_with("=?")) return 0;
  constexpr std::size_t kLongest = 998;
  text = text.substr(0, kLongest);
  std::size_t at = 2;
  for (int marks = 0; marks < 2; ++marks) {
    at = text.find_first_of("? \t\r\n", at);
    if (at == std::string_view::npos || text[at] != '?') return 0;
    ++at;
  }
  const std::size_t end = text.find("?=", at);
  if (end == std::string_view::npos) return 0;
  const std::string_view word = text.substr(at, end - at);
  return word.find_first_of(" \t\r\n<>@\"") == std::string_view::npos ? end + 2 : 0;
}

class AddressParser {
 public:
  AddressParser(std::string_view value, std::size_t limit) : in_{value}, limit_(limit), last_close_(value.rfind('>')) {}

  std::vector<Address> run() {
    while (out_.size() < limit_) {
      const bool spaced = in_.skip_space(&comment_);
      if (in_.done()) break;
      if (spaced && !words_.empty()) gap_ = true;
      element(in_.peek());
    }
    finish();
    if (in_group_) out_.push_back({Address::Kind::kGroupEnd, {}, {}, {}, {}});
    return std::move(out_);
  }

 private:
  void element(char c) {
    switch (c) {
      case '"': {
        ++in_.at;
        std::string text;
        in_.quoted(text);
        word(text);
        break;
      }
      case '<':
        ++in_.at;
        angle();
        break;
      case '@':
        ++in_.at;
        local_ = std::exchange(joined_, {});
        words_.clear();
        domain_ = domain();
        has_address_ = true;
        break;
      case ':':
        ++in_.at;
        if (!in_group_ && !has_address_) {
          out_.push_back({Address::Kind::kGroupStart, std::exchange(words_, {}), {}, {}, {}});
          in_group_ = true;
        }
        reset();
        break;
      case ';':
        ++in_.at;
        finish();
        if (std::exchange(in_group_, false)) out_.push_back({Address::Kind::kGroupEnd, {}, {}, {}, {}});
        break;
      case ',':
        ++in_.at;
        finish();
        break;
      default:
        atom();
    }
  }

  void atom() {
    const std::size_t encoded = encoded_word_length(in_.in.substr(in_.at));
    if (encoded > 0) {
      word(in_.in.substr(in_.at, encoded));
      in_.at += encoded;
      return;
    }
    const std::string_view run = in_.run(kSpecials);
    if (run.empty()) {
      word(in_.in.substr(in_.at, 1));  // a dot, or something that does not belong here
      ++in_.at;
    } else {
      word(run);
    }
  }

  void word(std::string_view text) {
    if (gap_) words_.push_back(' ');
    gap_ = false;
    words_ += text;
    joined_ += text;
  }

  /// After "<": an optional route, then local@domain, then ">".
  void angle() {
    route_ = route();
    local_.clear();
    domain_.clear();
    has_address_ = true;
    has_angle_ = true;
    while (!in_.done()) {
      in_.skip_space(&comment_);
      if (in_.take('>') || in_.done()) return;
      if (in_.peek() == ',' && !closes()) return;
      if (in_.take('"')) {
        in_.quoted(local_);
      } else if (in_.take('@')) {
        domain_ = domain();
      } else if (const std::string_view run = in_.run(kSpecials); !run.empty()) {
        local_ += run;
      } else {
        local_.push_back(in_.in[in_.at++]);
      }
    }
  }

  /// Whether there is a ">" to come.
  bool closes() const { return last_close_ != std::string_view::npos && in_.at < last_close_; }

  std::string route() {
    Lexer ahead = in_;
    std::string text;
    ahead.skip_space();
    if (ahead.peek() != '@') return {};
    while (!ahead.done() && ahead.peek() != '>' && ahead.peek() != '<') {
      if (ahead.take(':')) {
        in_.at = ahead.at;
        while (text.ends_with(',')) text.pop_back();
        return text;
      }
      text.push_back(ahead.in[ahead.at++]);
      ahead.skip_space();
    }
    return {};
  }

  std::string domain() {
    std::string text;
    for (;;) {
      in_.skip_space(&comment_);
      if (in_.peek() == '[') {
        while (!in_.done() && in_.peek() != ']') {
          if (!ascii::is_space(in_.peek())) text.push_back(in_.peek());
          ++in_.at;
        }
        if (in_.take(']')) text.push_back(']');
        return text;
      }
      text += in_.run(kSpecials);
      in_.skip_space(&comment_);
      if (!in_.take('.')) return text;
      text.push_back('.');
    }
  }

  /// At a separator or the end: writes down the mailbox seen since the last one, if there was any.
  void finish() {
    if (has_address_) {
      std::string name = has_angle_ ? std::move(words_) : std::string();
      if (ascii::trim(name).empty()) name = comment_;
      out_.push_back(
          {Address::Kind::kMailbox, std::move(name), std::move(route_), std::move(local_), std::move(domain_)});
    } else if (!words_.empty()) {
      out_.push_back({Address::Kind::kMailbox, {}, {}, std::move(words_), {}});
    }
    reset();
  }

  void reset() {
    words_.clear();
    joined_.clear();
    comment_.clear();
    route_.clear();
    local_.clear();
    domain_.clear();
    gap_ = has_address_ = has_angle_ = false;
  }

  Lexer in_;
  std::size_t limit_;
  std::size_t last_close_;  // of ">"
  std::vector<Address> out_;
  std::string words_;   // the phrase so far, white space between words as one space
  std::string joined_;  // the same without white space, for a local part
  std::string comment_, route_, local_, domain_;
  bool gap_ = false;
  bool has_address_ = false;
  bool has_angle_ = false;
  bool in_group_ = false;
};

}  // namespace

std::string Address::address() const {
  std::string out = local.empty() || is_dot_atom(local) ? local : quote(local);
  if (!domain.empty()) out.append("@").append(domain);
  return out;
}

std::vector<Address> parse_addresses(std::string_view value, std::size_t limit) {
  return AddressParser(value, limit).run();
}

std::string format_mailbox(std::string_view name, std::string_view address) {
  if (name.empty()) return std::string(address);
  std::string out;
  bool atoms = true;
  for (const char c : name) atoms = atoms && (c == ' ' || is_atext(c));
  const std::string encoded = encode_words_unfolded(name);
  if (encoded != name) {
    out = encoded;
  } else {
    out = atoms ? std::string(name) : quote(name);
  }
  return out.append(" <").append(address).append(">");
}

}  // namespace quartet::mime
