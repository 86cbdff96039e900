#include "tests/unit/smtp/transcript.h"

#include <fstream>
#include <stdexcept>

namespace quartet::smtp::test {
namespace {

/// One octet, escaped or not, from the front of `text`.
char take_octet(std::string_view& text) {
  char octet = text.front();
  text.remove_prefix(1);
  if (octet != '\\' || text.empty()) return octet;
  octet = text.front();
  text.remove_prefix(1);
  if (octet == 'r') return '\r';
  if (octet == 'n') return '\n';
  if (octet != 'x') return octet;
  const auto value = std::stoi(std::string(text.substr(0, 2)), nullptr, 16);
  text.remove_prefix(2);
  return static_cast<char>(value);
}

std::string expand(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() == '{') {
      const auto close = text.find('}');
      auto inside = text.substr(1, close - 1);
      text.remove_prefix(close + 1);
      const char octet = take_octet(inside);
      out.append(std::stoul(std::string(inside.substr(1))), octet);
    } else {
      out += take_octet(text);
    }
  }
  return out;
}

void add_line(Transcript& transcript, const std::string& mark, const std::string& rest) {
  using Kind = Transcript::Step::Kind;
  auto& steps = transcript.steps;
  if (mark == "C:" || mark == "C>") {
    if (steps.empty() || steps.back().kind != Kind::kSend) steps.push_back({Kind::kSend, {}});
    steps.back().text += expand(rest) + (mark == "C:" ? "\r\n" : "");
  } else if (mark == "C!") {
    steps.push_back({Kind::kClose, {}});
  } else if (mark == "S:") {
    steps.push_back({Kind::kExpectLine, rest});
  } else if (mark == "S*") {
    steps.push_back({Kind::kExpectReply, rest});
  } else if (mark == "S!") {
    steps.push_back({Kind::kExpectClose, {}});
  } else if (mark == "M:") {
    transcript.message += expand(rest) + "\r\n";
    transcript.has_message = true;
  } else if (mark == "% " || mark == "%") {
    const auto space = rest.find(' ');
    transcript.options[rest.substr(0, space)] = space == std::string::npos ? "" : rest.substr(space + 1);
  } else {
    throw std::runtime_error("unknown mark");
  }
}

}  // namespace

Transcript read_transcript(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + " cannot be read");
  Transcript transcript;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const auto mark = line.substr(0, 2);
    const auto rest = mark == "% " ? line.substr(2) : line.size() > 3 ? line.substr(3) : std::string();
    try {
      add_line(transcript, mark, rest);
    } catch (const std::exception& error) {
      throw std::runtime_error(path + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  return transcript;
}

}  // namespace quartet::smtp::test
