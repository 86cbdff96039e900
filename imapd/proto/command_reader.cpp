#include "imapd/proto/command_reader.h"

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/base/gather.h"
#include "imapd/proto/grammar.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMaxLiterals = 1000;        // in one command: bounds what empty literals cost
constexpr std::size_t kTail = 64;                 // of a skipped line; an announcement is shorter
constexpr std::size_t kFirstReserve = 64 * 1024;  // what an announcement alone makes us set aside

/// The word after the tag; with UID, the two.
std::string name_of(std::string_view text, std::string_view tag) {
  if (tag.empty() || text.size() <= tag.size()) return {};
  text.remove_prefix(tag.size() + 1);
  const auto word = text.substr(0, text.find(' '));
  if (!ascii::iequals(word, "UID") || word.size() == text.size()) return ascii::upper(word);
  const auto rest = text.substr(word.size() + 1);
  return "UID " + ascii::upper(rest.substr(0, rest.find(' ')));
}

}  // namespace

std::string_view to_string(BadReason reason) {
  switch (reason) {
    case BadReason::kLineTooLong:
      return "Line too long";
    case BadReason::kLineEnd:
      return "Line ends with LF alone";
    case BadReason::kLiteralTooBig:
      return "Literal too big";
    case BadReason::kMessageTooBig:
      return "Message too big";
    case BadReason::kCommandTooBig:
      return "Command too big";
    case BadReason::kTooManyLiterals:
      return "Too many literals";
    case BadReason::kNoRoom:
      return "Too many messages at once, try again later";
    case BadReason::kDiscardTooBig:
      return "Literal too big to be skipped";
  }
  return "Bad line";
}

void CommandReader::feed(std::string_view bytes) {
  // A message goes to its place at once: it is long, and what is copied twice takes twice as long.
  if (state_ == State::kLiteral && unconsumed().empty()) bytes.remove_prefix(take_literal(bytes));
  buffer_.append(bytes);
}

CommandReader::Event CommandReader::next() {
  QUARTET_CHECK(state_ != State::kAsked);
  if (!skip_reported_line()) return NeedMore{};
  for (;;) {
    if (auto event = step()) return std::move(*event);
  }
}

/// One step; nullopt if there may be another one.
std::optional<CommandReader::Event> CommandReader::step() {
  switch (state_) {
    case State::kLine:
      return step_line();
    case State::kSkipLine:
      return step_skip();
    case State::kLiteral:
      return step_literal();
    case State::kAsked:
      break;
  }
  return NeedMore{};
}

std::optional<CommandReader::Event> CommandReader::step_line() {
  const auto rest = unconsumed();
  const auto end = rest.find('\n', searched_);
  const std::size_t length = end == std::string_view::npos ? rest.size() + 1 : end + 1;
  const bool first = command_.texts.empty() && !bad_;
  if (length > limits_.line) {
    const auto head = rest.substr(0, limits_.line);
    if (first && head.contains(' ')) command_.tag = tag_of(head);
    note_bad(BadReason::kLineTooLong);
    tail_.clear();
    state_ = State::kSkipLine;
    return std::nullopt;
  }
  if (end == std::string_view::npos) {
    searched_ = rest.size();
    return NeedMore{};
  }
  const bool crlf = end > 0 && rest[end - 1] == '\r';
  const std::string line(rest.substr(0, crlf ? end - 1 : end));
  consume(end + 1);
  if (first) command_.tag = tag_of(line);
  return end_line(line, crlf);
}

std::optional<CommandReader::Event> CommandReader::step_skip() {
  const auto rest = unconsumed();
  const auto end = rest.find('\n');
  const auto piece = rest.substr(0, end);
  tail_.append(piece.substr(piece.size() - std::min(piece.size(), kTail)));
  if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
  consume(end == std::string_view::npos ? rest.size() : end + 1);
  if (end == std::string_view::npos) return NeedMore{};
  state_ = State::kLine;
  const bool crlf = tail_.ends_with('\r');
  if (crlf) tail_.pop_back();
  return end_line(std::exchange(tail_, {}), crlf);
}

std::optional<CommandReader::Event> CommandReader::step_literal() {
  consume(take_literal(unconsumed()));
  if (remaining_ > 0) return NeedMore{};
  state_ = State::kLine;
  return std::nullopt;
}

/// Of the literal under way, what there is of it: so many octets.
std::size_t CommandReader::take_literal(std::string_view bytes) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
  if (!bad_) {
    auto& literal = command_.literals.back().bytes;
    gather(literal, bytes.substr(0, count), literal.size() + remaining_);
    if (in_message_) message_octets_ += count;
  }
  remaining_ -= count;
  return count;
}

std::optional<CommandReader::Event> CommandReader::end_line(std::string_view line, bool crlf) {
  if (!crlf) note_bad(BadReason::kLineEnd);
  const auto announced = announcement(line);
  size_ += line.size() + 2;
  if (!bad_) {
    command_.texts.emplace_back(line.substr(0, line.size() - (announced ? announced->length : 0)));
    if (size_ > limits_.command) note_bad(BadReason::kCommandTooBig);
  }
  if (!announced) return finish();
  return begin_literal(*announced);
}

std::optional<CommandReader::Event> CommandReader::begin_literal(const Announcement& announced) {
  if (!bad_) {
    if (const auto reason = over_limit(announced)) note_bad(*reason);
  }
  if (bad_) {
    // The client waits; to be told BAD or NO instead of "+" makes it give the command up.
    if (announced.synchronising) return finish();
    if (announced.overflow || announced.size > limits_.discard) {
      bad_ = BadReason::kDiscardTooBig;
      return finish();
    }
  } else {
    const bool message = is_message();
    (message ? messages_ : size_) += announced.size;
    in_message_ = message;
    auto& literal = command_.literals.emplace_back();
    literal.binary = announced.binary;
    literal.bytes.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(announced.size, kFirstReserve)));
  }
  remaining_ = announced.size;
  if (bad_ || !announced.synchronising) {
    state_ = State::kLiteral;
    return std::nullopt;
  }
  state_ = State::kAsked;
  return LiteralRequest{command_.tag, name_of(command_.texts.front(), command_.tag), announced.size, is_message()};
}

std::optional<BadReason> CommandReader::over_limit(const Announcement& announced) const {
  if (command_.literals.size() >= kMaxLiterals) return BadReason::kTooManyLiterals;
  if (is_message()) {
    if (announced.overflow || announced.size > limits_.message) return BadReason::kMessageTooBig;
    if (announced.size > limits_.messages - std::min(messages_, limits_.messages)) return BadReason::kMessageTooBig;
    return std::nullopt;
  }
  if (announced.overflow || announced.size > limits_.literal) return BadReason::kLiteralTooBig;
  if (size_ + announced.size > limits_.command) return BadReason::kCommandTooBig;
  return std::nullopt;
}

/// Whether the literal announced at the end of the last text is a message: all of an APPEND's or REPLACE's but its
/// mailbox name.
bool CommandReader::is_message() const {
  std::string_view first = command_.texts.front();
  const auto name = name_of(first, command_.tag);
  const bool replaces = name == "REPLACE" || name == "UID REPLACE";
  if (name != "APPEND" && !replaces) return false;
  if (command_.texts.size() > 1) return true;
  first.remove_prefix(std::min(command_.tag.size() + 1 + name.size() + 1, first.size()));
  // REPLACE has the number of the message first.
  const auto space = first.find(' ');
  return replaces ? space != std::string_view::npos && space + 1 < first.size() : !first.empty();
}

/// "{12}", "{12+}", "~{12}" at the end of a line.
std::optional<CommandReader::Announcement> CommandReader::announcement(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const auto open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  auto digits = line.substr(open + 1, line.size() - open - 2);
  Announcement announced;
  if (digits.ends_with('+')) {
    announced.synchronising = false;
    digits.remove_suffix(1);
  }
  // Longer than any tail that is kept: what a line announces must not depend on whether it was too long.
  if (digits.empty() || digits.size() > kTail / 2 || !std::ranges::all_of(digits, ascii::is_digit)) return std::nullopt;
  const auto size = ascii::to_number<std::uint64_t>(digits);
  announced.overflow = !size;
  announced.size = size.value_or(0);
  announced.binary = open > 0 && line[open - 1] == '~';
  announced.length = line.size() - open + (announced.binary ? 1 : 0);
  return announced;
}

void CommandReader::accept_literal() {
  QUARTET_CHECK(state_ == State::kAsked);
  state_ = State::kLiteral;
}

void CommandReader::refuse_literal() {
  QUARTET_CHECK(state_ == State::kAsked);
  reset();
}

void CommandReader::note_bad(BadReason reason) {
  if (bad_) return;
  bad_ = reason;
  command_.texts = {};
  command_.literals = {};
  message_octets_ = 0;
}

void CommandReader::give_up() {
  QUARTET_CHECK(in_command() && state_ != State::kAsked);
  note_bad(BadReason::kNoRoom);
}

CommandReader::Event CommandReader::finish() {
  const auto bad = bad_;
  auto command = std::move(command_);
  reset();
  if (bad) return BadLine{std::move(command.tag), *bad, *bad == BadReason::kDiscardTooBig};
  return command;
}

void CommandReader::reset() {
  state_ = State::kLine;
  command_ = {};
  bad_.reset();
  tail_.clear();
  remaining_ = size_ = messages_ = message_octets_ = 0;
  ++ended_;
}

void CommandReader::consume(std::size_t count) {
  taken_ += count;
  searched_ = 0;
  if (taken_ == buffer_.size()) {
    buffer_.clear();
    taken_ = 0;
  } else if (taken_ > 64 * 1024 && taken_ > buffer_.size() / 2) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
}

std::optional<std::expected<std::string, BadReason>> CommandReader::next_line(std::size_t limit) {
  QUARTET_CHECK(!in_command());
  if (!skip_reported_line()) return std::nullopt;
  const auto rest = unconsumed();
  const auto end = rest.find('\n', searched_);
  const bool whole = end != std::string_view::npos;
  if ((whole ? end : rest.size()) >= limit) {
    line_skip_ = true;
    ++ended_;
    return std::unexpected(BadReason::kLineTooLong);
  }
  if (!whole) {
    searched_ = rest.size();
    return std::nullopt;
  }
  const bool crlf = end > 0 && rest[end - 1] == '\r';
  std::string line(rest.substr(0, crlf ? end - 1 : end));
  consume(end + 1);
  ++ended_;
  if (!crlf) return std::unexpected(BadReason::kLineEnd);
  return line;
}

/// False if the end of a line that next_line() has reported is still to come.
bool CommandReader::skip_reported_line() {
  if (!line_skip_) return true;
  const auto end = unconsumed().find('\n');
  line_skip_ = end == std::string_view::npos;
  consume(line_skip_ ? unconsumed().size() : end + 1);
  return !line_skip_;
}

}  // namespace quartet::imapd
