#include "ctl/transfer/imap_response.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/ascii.h"

namespace quartet::transfer {
namespace {

constexpr std::array<std::string_view, 5> kStatus = {"OK", "NO", "BAD", "BYE", "PREAUTH"};

bool is_status_name(std::string_view word) {
  return std::ranges::any_of(kStatus, [word](std::string_view name) { return ascii::iequals(name, word); });
}

/// Whether literals may be in a line that begins so: text for people has none, and may end in "{1}".
bool may_have_literals(std::string_view line) {
  if (!line.starts_with("* ")) return false;
  line.remove_prefix(2);
  return !is_status_name(line.substr(0, line.find(' ')));
}

/// The size in "{12}", "{12+}" or "~{12}" at the end of a line, which is cut off; nullopt: there is none.
std::optional<std::uint64_t> take_announcement(std::string& line) {
  if (!line.ends_with('}')) return std::nullopt;
  const auto open = line.rfind('{');
  if (open == std::string::npos) return std::nullopt;
  auto digits = std::string_view(line).substr(open + 1, line.size() - open - 2);
  if (digits.ends_with('+')) digits.remove_suffix(1);
  const auto size = ascii::to_number(digits);
  if (!size) return std::nullopt;
  line.resize(open > 0 && line[open - 1] == '~' ? open - 1 : open);
  return size;
}

/// The values of one response.
class Parser {
 public:
  Parser(std::vector<std::string>& texts, std::vector<std::string>& literals, std::size_t depth)
      : texts_(texts), literals_(literals), depth_(depth), rest_(texts.front()) {}

  std::expected<ImapResponse, std::string> run() {
    ImapResponse response;
    if (rest_.starts_with('+')) {
      response.kind = ImapResponse::Kind::kContinuation;
      response.text = ascii::trim(rest_.substr(1));
      return response;
    }
    response.tag = word();
    response.kind = response.tag == "*" ? ImapResponse::Kind::kUntagged : ImapResponse::Kind::kTagged;
    response.name = word();
    if (const auto number = ascii::to_number<std::uint32_t>(response.name); number && response.tag == "*") {
      response.number = number;
      response.name = word();
    }
    response.name = ascii::upper(response.name);
    if (response.name.empty()) return std::unexpected(fault());
    if (response.is_status()) {
      status(response);
    } else if (response.kind == ImapResponse::Kind::kTagged || !values(response.values, depth_) || !at_end()) {
      return std::unexpected(fault());
    }
    return response;
  }

 private:
  std::string fault() const { return "what the server says makes no sense: " + texts_.front().substr(0, 100); }
  bool at_end() const { return rest_.empty() && next_ == literals_.size(); }
  bool at_literal() const { return rest_.empty() && next_ < literals_.size(); }

  std::string word() {
    const auto end = std::min(rest_.find(' '), rest_.size());
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return out;
  }

  void status(ImapResponse& response) {
    if (rest_.starts_with('['))
      if (const auto end = rest_.find(']'); end != std::string_view::npos) {
        response.code = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
      }
    response.text = ascii::trim(rest_);
  }

  /// Values up to the end, or the ")" of the list they are in. Some servers leave out blanks or double them.
  bool values(std::vector<ImapValue>& out, std::size_t depth) {
    for (;;) {
      while (rest_.starts_with(' ')) rest_.remove_prefix(1);
      if (at_end() || rest_.starts_with(')')) return true;
      ImapValue& value = out.emplace_back();
      if (!one(value, depth)) return false;
    }
  }

  bool one(ImapValue& value, std::size_t depth) {
    if (at_literal()) {
      value.kind = ImapValue::Kind::kString;
      value.text = std::move(literals_[next_++]);
      rest_ = texts_[next_];
      return true;
    }
    if (rest_.starts_with('"')) return quoted(value);
    if (!rest_.starts_with('(')) return atom(value);
    if (depth == 0) return false;
    rest_.remove_prefix(1);
    value.kind = ImapValue::Kind::kList;
    if (!values(value.list, depth - 1) || !rest_.starts_with(')')) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool quoted(ImapValue& value) {
    value.kind = ImapValue::Kind::kString;
    for (std::size_t n = 1; n < rest_.size(); ++n) {
      if (rest_[n] == '"') {
        rest_.remove_prefix(n + 1);
        return true;
      }
      if (rest_[n] == '\\' && ++n == rest_.size()) return false;
      value.text += rest_[n];
    }
    return false;
  }

  /// Brackets hold blanks and parentheses: BODY[HEADER.FIELDS (DATE)].
  bool atom(ImapValue& value) {
    std::size_t end = 0;
    for (bool bracket = false; end < rest_.size(); ++end) {
      const char c = rest_[end];
      if (c == '[') bracket = true;
      if (c == ']') bracket = false;
      if (!bracket && (c == ' ' || c == '(' || c == ')' || c == '"')) break;
    }
    if (end == 0) return false;
    value.text = rest_.substr(0, end);
    value.kind = ascii::iequals(value.text, "NIL") ? ImapValue::Kind::kNil : ImapValue::Kind::kAtom;
    rest_.remove_prefix(end);
    return true;
  }

  std::vector<std::string>& texts_;
  std::vector<std::string>& literals_;
  const std::size_t depth_;
  std::string_view rest_;
  std::size_t next_ = 0;  // literal
};

}  // namespace

bool ImapValue::is_atom(std::string_view word) const { return kind == Kind::kAtom && ascii::iequals(text, word); }

bool ImapResponse::is_status() const { return is_status_name(name); }

std::optional<std::expected<ImapResponse, std::string>> ImapResponseReader::next() {
  while (error_.empty()) {
    if (remaining_ ? !take_literal() : !take_line()) {
      compact();
      if (error_.empty()) return std::nullopt;
      break;
    }
    if (remaining_ || texts_.size() == literals_.size()) continue;
    auto response = Parser(texts_, literals_, limits_.depth).run();
    texts_.clear();
    literals_.clear();
    size_ = 0;
    if (!response) error_ = response.error();
    return response;
  }
  return std::unexpected(error_);
}

bool ImapResponseReader::take_line() {
  const auto input = unconsumed();
  const auto end = input.find('\n', searched_);
  if (size_ + std::min(end, input.size()) > limits_.line) {
    error_ = "the server sends a line that is too long";
    return false;
  }
  searched_ = end == std::string_view::npos ? input.size() : 0;
  if (end == std::string_view::npos) return false;
  std::string line(input.substr(0, end));
  taken_ += end + 1;
  if (line.ends_with('\r')) line.pop_back();
  size_ += line.size();
  if (may_have_literals(texts_.empty() ? std::string_view(line) : std::string_view(texts_.front())))
    remaining_ = take_announcement(line);
  texts_.push_back(std::move(line));
  if (!remaining_) return true;
  if (*remaining_ > limits_.literal || literals_.size() == limits_.literals) {
    error_ = "the server sends more at once than is sensible";
    return false;
  }
  literals_.emplace_back();
  return true;
}

bool ImapResponseReader::take_literal() {
  const auto part = unconsumed().substr(0, static_cast<std::size_t>(*remaining_));
  literals_.back().append(part);
  taken_ += part.size();
  *remaining_ -= part.size();
  if (*remaining_ > 0) return false;
  remaining_.reset();
  return true;
}

void ImapResponseReader::compact() {
  buffer_.erase(0, taken_);
  taken_ = 0;
}

std::optional<std::string> imap_string(std::string_view text, bool literal_plus) {
  if (std::ranges::any_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0' || (c & 0x80) != 0; })) {
    if (!literal_plus || text.contains('\0')) return std::nullopt;
    return "{" + std::to_string(text.size()) + "+}\r\n" + std::string(text);
  }
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

}  // namespace quartet::transfer
