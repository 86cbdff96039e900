#include "common/smtp/command_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/check.h"

namespace quartet::smtp {
namespace {

constexpr std::array<std::pair<std::string_view, Verb>, 19> kVerbs = {{{"EHLO", Verb::kEhlo},
                                                                       {"HELO", Verb::kHelo},
                                                                       {"LHLO", Verb::kLhlo},
                                                                       {"MAIL", Verb::kMail},
                                                                       {"RCPT", Verb::kRcpt},
                                                                       {"DATA", Verb::kData},
                                                                       {"BDAT", Verb::kBdat},
                                                                       {"RSET", Verb::kRset},
                                                                       {"NOOP", Verb::kNoop},
                                                                       {"VRFY", Verb::kVrfy},
                                                                       {"EXPN", Verb::kExpn},
                                                                       {"HELP", Verb::kHelp},
                                                                       {"QUIT", Verb::kQuit},
                                                                       {"STARTTLS", Verb::kStartTls},
                                                                       {"AUTH", Verb::kAuth},
                                                                       {"ETRN", Verb::kEtrn},
                                                                       {"ATRN", Verb::kAtrn},
                                                                       {"XCLIENT", Verb::kXclient},
                                                                       {"XFORWARD", Verb::kXforward}}};

/// RFC 5321 section 4.1.1 wants white space at the end of a line tolerated. Elsewhere it may mean something.
std::string_view without_trailing_blanks(std::string_view line) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  return line;
}

Command to_command(std::string_view line) {
  line = without_trailing_blanks(line);
  const auto space = line.find(' ');
  const auto word = line.substr(0, space);
  Command command;
  for (const auto& [name, verb] : kVerbs) {
    if (ascii::iequals(word, name)) command.verb = verb;
  }
  if (space != std::string_view::npos) command.argument = line.substr(space + 1);
  return command;
}

}  // namespace

const char* to_string(Verb verb) {
  for (const auto& [name, value] : kVerbs) {
    if (value == verb) return name.data();
  }
  return "unknown";
}

std::optional<std::expected<std::string, LineError>> CommandParser::next_line(std::size_t limit) {
  for (;;) {
    const auto rest = unconsumed();
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) {
      const bool too_long = rest.size() >= limit;
      if (too_long && !skipping_) {
        skipping_ = true;
        consume(rest.size());
        return std::unexpected(LineError::kTooLong);
      }
      if (skipping_) consume(rest.size());
      return std::nullopt;
    }
    const auto line = rest.substr(0, end + 1);
    if (skipping_) {
      skipping_ = false;
      consume(line.size());
      continue;
    }
    if (line.size() > limit) {
      consume(line.size());
      return std::unexpected(LineError::kTooLong);
    }
    // Exactly one CR, right before the LF.
    if (const auto cr = line.find('\r'); cr == std::string_view::npos || cr + 2 != line.size()) {
      consume(line.size());
      return std::unexpected(LineError::kBareCrOrLf);
    }
    std::string text(line.substr(0, line.size() - 2));
    consume(line.size());
    return text;
  }
}

std::size_t CommandParser::limit() const {
  return ascii::istarts_with(unconsumed(), "AUTH ") ? std::max(limit_, kMostAuthLine) : limit_;
}

std::optional<std::expected<Command, LineError>> CommandParser::next() {
  const bool auth = ascii::istarts_with(unconsumed(), "AUTH ");
  auto line = next_line(limit());
  if (!line) return std::nullopt;
  if (!*line && auth && line->error() == LineError::kTooLong) return std::unexpected(LineError::kAuthTooLong);
  if (!*line) return std::unexpected(line->error());
  return to_command(**line);
}

void CommandParser::consume(std::size_t count) {
  taken_ += count;
  QUARTET_CHECK(taken_ <= buffer_.size());
  if (taken_ == buffer_.size()) {
    // A big message passed through here: an idle session keeps no memory of it.
    if (buffer_.capacity() > 4096) std::string().swap(buffer_);
    buffer_.clear();
    taken_ = 0;
  } else if (taken_ > 64 * 1024) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
}

}  // namespace quartet::smtp
