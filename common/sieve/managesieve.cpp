#include "common/sieve/managesieve.h"

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"

namespace quartet::sieve {
namespace {

constexpr std::size_t kLongestQuoted = 1024;  // RFC 5804 section 4: longer strings are literals

}  // namespace

std::string managesieve_string(std::string_view text) {
  if (text.size() > kLongestQuoted || text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
    return "{" + std::to_string(text.size()) + "}\r\n" + std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::optional<std::expected<ManageSieveCommand, ManageSieveFault>> ManageSieveParser::next() {
  using Result = std::expected<ManageSieveCommand, ManageSieveFault>;
  while (!dead_) {
    const auto done = malformed_ ? pass_line() : step();
    if (at_ > 64 * 1024 || at_ == buffer_.size()) buffer_.erase(0, std::exchange(at_, 0));
    switch (done) {
      case Step::kMore:
        return std::nullopt;
      case Step::kGoOn:
        continue;
      case Step::kMalformed:
        malformed_ = true;
        continue;
      case Step::kFatal:
        dead_ = true;
        return Result(std::unexpect, ManageSieveFault::kFatal);
      case Step::kDone:
        break;
    }
    auto command = std::exchange(command_, {});
    const bool large = std::exchange(too_large_, false);
    const bool bad = std::exchange(malformed_, false);
    line_ = 0;
    begun_ = false;
    if (bad) return Result(std::unexpect, ManageSieveFault::kMalformed);
    if (large) return Result(std::unexpect, ManageSieveFault::kTooLarge);
    return Result(std::move(command));
  }
  return std::nullopt;
}

/// One token.
ManageSieveParser::Step ManageSieveParser::step() {
  if (skip_ > 0) {
    const auto size = std::min(skip_, buffer_.size() - at_);
    at_ += size;
    skip_ -= size;
    return skip_ > 0 ? Step::kMore : Step::kGoOn;
  }
  if (at_ == buffer_.size()) return Step::kMore;
  const char c = buffer_[at_];
  if (line_ > limits_.line) return Step::kFatal;
  if (c == ' ') {
    ++at_;
    ++line_;
    return Step::kGoOn;
  }
  if (c == '\r') {
    if (at_ + 1 == buffer_.size()) return Step::kMore;
    if (buffer_[at_ + 1] != '\n') return Step::kMalformed;
    at_ += 2;
    // Nothing but a line end is no command.
    return begun_ ? Step::kDone : Step::kGoOn;
  }
  begun_ = true;
  if (command_.arguments.size() >= limits_.arguments) return Step::kMalformed;
  if (c == '"') return quoted();
  if (c == '{') return literal();
  return word();
}

void ManageSieveParser::add(ManageSieveArgument argument) { command_.arguments.push_back(std::move(argument)); }

ManageSieveParser::Step ManageSieveParser::quoted() {
  std::string text;
  for (std::size_t i = at_ + 1; i < buffer_.size(); ++i) {
    if (i - at_ > limits_.line) return Step::kFatal;
    char c = buffer_[i];
    if (c == '"') {
      line_ += i + 1 - at_;
      at_ = i + 1;
      add({false, 0, std::move(text)});
      return Step::kGoOn;
    }
    if (c == '\r' || c == '\n' || c == '\0') return Step::kMalformed;
    if (c == '\\') {
      if (++i == buffer_.size()) break;
      c = buffer_[i];
      if (c != '"' && c != '\\') return Step::kMalformed;
    }
    text += c;
  }
  return Step::kMore;
}

/// Clients send literals that wait for nobody only: "{12+}".
ManageSieveParser::Step ManageSieveParser::literal() {
  const auto rest = std::string_view(buffer_).substr(at_);
  constexpr std::size_t kLongestHead = 32;
  const auto end = rest.find('\n');
  if (std::min(end, rest.size()) > kLongestHead) return Step::kFatal;
  if (end == std::string_view::npos) return Step::kMore;
  const auto head = rest.substr(0, end + 1);
  if (!head.ends_with("+}\r\n")) return Step::kMalformed;
  const auto size = ascii::to_number<std::size_t>(head.substr(1, head.size() - 5));
  if (!size) return Step::kFatal;
  if (*size > limits_.literal) {
    if (*size > limits_.skipped) return Step::kFatal;
    at_ += head.size();
    line_ += head.size();
    skip_ = *size;
    too_large_ = true;
    add({});
    return Step::kGoOn;
  }
  if (rest.size() - head.size() < *size) return Step::kMore;
  add({false, 0, std::string(rest.substr(head.size(), *size))});
  at_ += head.size() + *size;
  line_ += head.size();
  return Step::kGoOn;
}

/// The command's name, or a number.
ManageSieveParser::Step ManageSieveParser::word() {
  auto rest = std::string_view(buffer_).substr(at_);
  const auto end = rest.find_first_of(" \r\n");
  if (std::min(end, rest.size()) > limits_.line) return Step::kFatal;
  if (end == std::string_view::npos) return Step::kMore;
  rest = rest.substr(0, end);
  if (!rest.empty() && ascii::is_digit(rest.front())) {
    const auto number = ascii::to_number(rest);
    if (!number) return Step::kMalformed;
    add({true, *number, {}});
  } else {
    const bool good = !rest.empty() && std::ranges::all_of(rest, ascii::is_alpha);
    if (!good || !command_.name.empty() || !command_.arguments.empty()) return Step::kMalformed;
    command_.name = ascii::upper(rest);
  }
  at_ += end;
  line_ += end;
  return Step::kGoOn;
}

/// A line that ends with a literal has more to it: where that ends, only its sender knows.
ManageSieveParser::Step ManageSieveParser::pass_line() {
  const auto end = buffer_.find('\n', at_);
  if (std::min(end, buffer_.size()) - at_ > limits_.line) return Step::kFatal;
  if (end == std::string::npos) return Step::kMore;
  const auto line = std::string_view(buffer_).substr(at_, end + 1 - at_);
  if (line.ends_with("+}\r\n") || line.ends_with("+}\n")) return Step::kFatal;
  at_ = end + 1;
  return Step::kDone;
}

}  // namespace quartet::sieve
