#include "common/smtp/data_decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace quartet::smtp {
namespace {

bool has_eight_bit(std::string_view bytes) {
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    if ((word & 0x8080808080808080u) != 0) return true;
    bytes.remove_prefix(8);
  }
  return std::ranges::any_of(bytes, [](char c) { return (c & 0x80) != 0; });
}

}  // namespace

/// Within a line: copies up to and with a CR, or up to the end of the input; all lines at once of which the next one
/// has no dot in front.
void DataDecoder::line(std::string_view input, std::size_t& position, std::string& output) {
  const auto rest = input.substr(position);
  std::size_t begin = 0;
  std::size_t end = rest.size();
  for (;;) {
    const auto cr = rest.find('\r', begin);
    if (rest.substr(begin, cr - begin).find('\n') != std::string_view::npos) bare_ = true;
    if (cr == std::string_view::npos) break;
    const bool plain = cr + 2 < rest.size() && rest[cr + 1] == '\n' && rest[cr + 2] != '.';
    begin = cr + 2;
    if (plain) continue;
    end = cr + 1;
    state_ = State::kCr;
    break;
  }
  output.append(rest.substr(0, end));
  position += end;
}

std::size_t DataDecoder::decode(std::string_view input, std::string& output) {
  const auto before = output.size();
  output.reserve(before + input.size());  // line by line it would grow many times
  std::size_t position = 0;
  while (position < input.size() && state_ != State::kDone) {
    const char c = input[position];
    switch (state_) {
      case State::kLineStart:
        state_ = c == '.' ? State::kDot : State::kInLine;
        if (c == '.') ++position;
        break;
      case State::kDot:  // the dot is dropped, whatever follows
        if (c == '\r') {
          ++position;
          state_ = State::kDotCr;
        } else {
          state_ = State::kInLine;
        }
        break;
      case State::kDotCr:
        if (c == '\n') {
          ++position;
          state_ = State::kDone;
        } else {
          output += '\r';  // a bare CR after all
          bare_ = true;
          state_ = State::kInLine;
        }
        break;
      case State::kInLine:
        line(input, position, output);
        break;
      case State::kCr:
        if (c == '\n') {
          output += '\n';
          ++position;
          state_ = State::kLineStart;
        } else {
          bare_ = true;
          state_ = State::kInLine;
        }
        break;
      case State::kDone:
        break;
    }
  }
  if (!eight_bit_) eight_bit_ = has_eight_bit(std::string_view(output).substr(before));
  return position;
}

bool needs_stuffing(std::string_view message) {
  return message.starts_with('.') || message.find("\n.") != std::string_view::npos || !message.ends_with("\r\n");
}

void DataEncoder::write(std::string_view piece, std::string& output) {
  if (piece.empty()) return;
  if (last_ == '\n' && piece.front() == '.') output += '.';
  after_crlf_ = piece.back() == '\n' && (piece.size() > 1 ? piece[piece.size() - 2] : last_) == '\r';
  last_ = piece.back();
  for (;;) {
    const auto dot = piece.find("\n.");
    if (dot == std::string_view::npos) break;
    output += piece.substr(0, dot + 1);
    output += '.';
    piece.remove_prefix(dot + 1);
  }
  output += piece;
}

void DataEncoder::finish(std::string& output) { output += after_crlf_ ? ".\r\n" : "\r\n.\r\n"; }

std::string encode_data(std::string_view message) {
  std::string out;
  out.reserve(message.size() + message.size() / 64 + 8);
  DataEncoder encoder;
  encoder.write(message, out);
  encoder.finish(out);
  return out;
}

void LineEndChecker::feed(std::string_view bytes) {
  if (bytes.empty() || bare_) return;
  if (std::exchange(after_cr_, false)) {
    bare_ = bytes.front() != '\n';
    bytes.remove_prefix(bare_ ? 0 : 1);
  }
  while (!bytes.empty() && !bare_) {
    const auto cr = bytes.find('\r');
    if (bytes.substr(0, cr).find('\n') != std::string_view::npos) bare_ = true;
    if (cr == std::string_view::npos) return;
    after_cr_ = cr + 1 == bytes.size();
    if (after_cr_) return;
    if (bytes[cr + 1] != '\n') bare_ = true;
    bytes.remove_prefix(cr + 2);
  }
}

}  // namespace quartet::smtp
