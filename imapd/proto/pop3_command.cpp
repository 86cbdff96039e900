#include "imapd/proto/pop3_command.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "common/base/ascii.h"

namespace quartet::imapd {
namespace {

using Verb = Pop3Command::Verb;

constexpr std::string_view kVerbs[] = {"CAPA", "USER", "PASS", "AUTH", "STLS", "UTF8", "STAT", "LIST",
                                       "RETR", "DELE", "NOOP", "RSET", "TOP",  "UIDL", "QUIT"};
constexpr std::string_view kExpectNumber = "Expected the number of a message";

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::expected<Pop3Command, std::string_view> with_text(Pop3Command command, std::optional<std::string_view> argument) {
  if (!argument || argument->empty()) return std::unexpected("Something must follow");
  // A password may have spaces; a name takes them, too (RFC 1939 section 7 has one string as argument of each).
  command.text = *argument;
  return command;
}

std::expected<Pop3Command, std::string_view> auth(Pop3Command command, std::optional<std::string_view> argument) {
  const auto words = ascii::split(argument.value_or(""), ' ');
  if (words[0].empty() || words.size() > 2) return std::unexpected("Expected a mechanism, and at most a response");
  command.text = ascii::upper(words[0]);
  if (words.size() == 2) command.initial = words[1];
  return command;
}

std::expected<Pop3Command, std::string_view> with_message(Pop3Command command,
                                                          std::optional<std::string_view> argument) {
  const bool top = command.verb == Verb::kTop;
  const auto words = ascii::split(argument.value_or(""), ' ');
  if (words.size() != (top ? 2 : 1)) return std::unexpected(kExpectNumber);
  command.message = number(words[0]);
  if (command.message.value_or(0) == 0) return std::unexpected(kExpectNumber);
  if (!top) return command;
  const auto lines = number(words[1]);
  if (!lines) return std::unexpected("Expected a number of lines");
  command.lines = *lines;
  return command;
}

}  // namespace

std::string_view to_string(Verb verb) { return kVerbs[static_cast<std::size_t>(verb)]; }

std::expected<Pop3Command, std::string_view> parse_pop3(std::string_view line) {
  const auto space = line.find(' ');
  const auto name = ascii::upper(line.substr(0, space));
  const auto* const found = std::ranges::find(kVerbs, std::string_view(name));
  if (found == std::end(kVerbs)) return std::unexpected("No such command");
  Pop3Command command;
  command.verb = static_cast<Verb>(found - std::begin(kVerbs));
  std::optional<std::string_view> argument;
  if (space != std::string_view::npos) argument = line.substr(space + 1);
  // Some clients end each command with a space; a password may.
  if (command.verb != Verb::kPass && argument) {
    argument = argument->substr(0, argument->find_last_not_of(' ') + 1);
    if (argument->empty()) argument.reset();
  }
  switch (command.verb) {
    case Verb::kUser:
    case Verb::kPass:
      return with_text(std::move(command), argument);
    case Verb::kAuth:
      return auth(std::move(command), argument);
    case Verb::kList:
    case Verb::kUidl:
      if (!argument) return command;
      return with_message(std::move(command), argument);
    case Verb::kRetr:
    case Verb::kDele:
    case Verb::kTop:
      return with_message(std::move(command), argument);
    default:
      if (argument) return std::unexpected("Nothing may follow this command");
      return command;
  }
}

Top::Place Top::after(char octet) const {
  if (octet == '\n') return place_ == Place::kLine ? Place::kLineBegin : Place::kBody;
  return octet == '\r' && place_ == Place::kLineBegin ? Place::kCr : Place::kLine;
}

std::string_view Top::take(std::string_view piece) {
  std::size_t end = 0;
  for (; place_ != Place::kBody && end < piece.size(); ++end) place_ = after(piece[end]);
  while (lines_ > 0 && end < piece.size()) {
    const auto newline = piece.find('\n', end);
    if (newline == std::string_view::npos) return piece;
    end = newline + 1;
    --lines_;
  }
  return piece.substr(0, end);
}

std::string_view top_of(std::string_view message, std::uint32_t lines) { return Top(lines).take(message); }

}  // namespace quartet::imapd
