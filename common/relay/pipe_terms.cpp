#include "common/relay/pipe_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/ascii.h"
#include "common/mime/header.h"
#include "common/mime/trace.h"

namespace quartet::relay {
namespace {

constexpr std::array<std::string_view, 7> kNames = {"sender", "recipient", "user", "domain", "id", "trace", "size"};
constexpr std::size_t kMostText = 400;  // of output, in a reply

std::string value_of(std::string_view name, const PipeValues& values) {
  const auto at = std::min(values.recipient.rfind('@'), values.recipient.size());
  if (name == "sender") return values.sender.empty() ? "MAILER-DAEMON" : std::string(values.sender);
  if (name == "recipient") return std::string(values.recipient);
  if (name == "user") return std::string(values.recipient.substr(0, at));
  if (name == "domain") return std::string(values.recipient.substr(std::min(at + 1, values.recipient.size())));
  if (name == "id") return std::string(values.message_id);
  if (name == "trace") return std::string(values.trace_id);
  return std::to_string(values.size);
}

bool is_known(std::string_view name) { return std::ranges::find(kNames, name) != kNames.end(); }

/// "{word}" at the front of `text`: the word; else empty.
std::string_view word_at(std::string_view text) {
  if (!text.starts_with('{')) return {};
  const auto end = text.find('}');
  if (end == std::string_view::npos) return {};
  const auto word = text.substr(1, end - 1);
  return std::ranges::all_of(word, [](char c) { return ascii::is_alnum(c) || c == '_'; }) ? word : std::string_view();
}

/// The text of a reply is one line of printable characters.
std::string line_of(std::string_view output) {
  std::string out;
  for (const char c : output.substr(0, kMostText)) {
    const bool blank = static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
    if (!blank)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

/// "5.7.1" at the front; empty if there is none.
std::string status_at(std::string_view text) {
  const auto end = text.find_first_not_of("0123456789.");
  const auto status = text.substr(0, std::min(end, text.size()));
  if (status.size() < 5 || (status[0] != '4' && status[0] != '5') || status[1] != '.') return {};
  if (end != std::string_view::npos && text[end] != ' ') return {};
  return std::ranges::count(status, '.') == 2 && !status.ends_with('.') && !status.contains("..") ? std::string(status)
                                                                                                  : std::string();
}

struct Meaning {
  int exit_code;
  const char* status;
  const char* text;
};
constexpr std::array<Meaning, 15> kMeanings = {{{64, "4.3.5", "command line usage error"},
                                                {65, "5.6.0", "data format error"},
                                                {66, "4.3.0", "cannot open input"},
                                                {67, "5.1.1", "user unknown"},
                                                {68, "5.1.2", "host name unknown"},
                                                {69, "5.3.0", "service unavailable"},
                                                {70, "4.3.0", "internal software error"},
                                                {71, "4.3.0", "system resource problem"},
                                                {72, "4.3.0", "critical file missing"},
                                                {73, "4.3.0", "cannot create its output"},
                                                {74, "4.3.0", "input or output error"},
                                                {75, "4.3.0", "temporary failure"},
                                                {76, "5.5.0", "remote error in protocol"},
                                                {77, "5.7.0", "permission denied"},
                                                {78, "4.3.5", "local configuration error"}}};

}  // namespace

std::string expand(std::string_view text, const PipeValues& values) {
  std::string out;
  while (!text.empty()) {
    const auto word = word_at(text);
    if (is_known(word)) {
      out += value_of(word, values);
      text.remove_prefix(word.size() + 2);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

std::optional<std::string> unknown_placeholder(std::string_view text) {
  for (auto open = text.find('{'); open != std::string_view::npos; open = text.find('{', open + 1)) {
    const auto word = word_at(text.substr(open));
    if (!word.empty() && !is_known(word)) return std::string(word);
  }
  return std::nullopt;
}

std::optional<std::string> as_option(const PipeCommand& command, const PipeValues& values) {
  for (const auto& argument : command.arguments) {
    const auto word = word_at(argument);
    if (is_known(word) && value_of(word, values).starts_with('-')) return std::string(word);
  }
  return std::nullopt;
}

std::string piped_message(const PipeCommand& command, const PipeValues& values, std::string_view message,
                          WallTime now) {
  std::string out;
  out.reserve(message.size() + 512);
  if (command.from_line) out += mime::postmark_line(values.sender, now) + "\r\n";
  std::vector<std::string_view> pieces = {message};
  if (command.return_path || command.delivered_to) {
    const mime::Header header(message);
    if (command.return_path) {
      out += mime::return_path_field(values.sender);
      pieces = mime::without_field(message, header, "Return-Path");
    }
    if (command.delivered_to) out += fmt::format("Delivered-To: {}\r\n", values.recipient);
    if (header.size() == 0 && !message.empty()) out += "\r\n";
  }
  for (const auto piece : pieces) out += piece;
  if (!command.crlf) {
    const auto lone = std::ranges::remove(out, '\r');
    out.erase(lone.begin(), lone.end());
  }
  return out;
}

smtp::Reply reply_to_end(int exit_code, int signal, bool timed_out, std::string_view output) {
  const auto said = line_of(output);
  const auto with = [&said](std::string text) { return said.empty() ? text : std::move(text) + ": " + said; };
  if (timed_out) return {451, "4.3.0", with("the program took too long")};
  if (signal != 0) return {451, "4.3.0", with(fmt::format("the program was ended by signal {}", signal))};
  if (exit_code == 0) return {250, "2.0.0", said.empty() ? "handed to the program" : said};
  if (const auto status = status_at(said); !status.empty()) {
    const auto text = said.substr(std::min(said.size(), status.size() + 1));
    return {status.front() == '5' ? 550 : 451, status, text.empty() ? "refused by the program" : text};
  }
  const auto* found = std::ranges::find(kMeanings, exit_code, &Meaning::exit_code);
  if (found == kMeanings.end()) return {451, "4.3.0", with(fmt::format("the program ended with {}", exit_code))};
  return {found->status[0] == '5' ? 550 : 451, found->status, with(found->text)};
}

}  // namespace quartet::relay
