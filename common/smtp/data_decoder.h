// The message after DATA: dot-unstuffing and its end (RFC 5321 section 4.5.2). Sans-IO.
//
// Only <CRLF>.<CRLF> ends a message. A CR or LF by itself never ends a line nor the message; it marks the message as
// malformed, to be refused after its end: servers that disagree on such bytes make SMTP smuggling possible.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace quartet::smtp {

class DataDecoder {
 public:
  /// Decodes the front of `input` into `output` (appended) and returns how many octets were used; less than all only
  /// when the end was found.
  std::size_t decode(std::string_view input, std::string& output);

  bool done() const { return state_ == State::kDone; }
  bool bare_cr_or_lf() const { return bare_; }
  bool eight_bit() const { return eight_bit_; }

 private:
  enum class State { kLineStart, kDot, kDotCr, kInLine, kCr, kDone };
  void line(std::string_view input, std::size_t& position, std::string& output);

  State state_ = State::kLineStart;
  bool bare_ = false;
  bool eight_bit_ = false;
};

/// Finds a CR or LF by itself in a message that came in chunks (BDAT), which needs no decoding. Such a message would be
/// dangerous further on, where it may be sent by DATA.
class LineEndChecker {
 public:
  void feed(std::string_view bytes);
  /// Of the octets so far; a CR at their very end counts.
  bool bare_cr_or_lf() const { return bare_ || after_cr_; }

 private:
  bool bare_ = false;
  bool after_cr_ = false;
};

/// The other way round, for a message that comes in pieces; how they were cut never changes the whole.
class DataEncoder {
 public:
  /// Appends `piece` with its dots stuffed.
  void write(std::string_view piece, std::string& output);
  /// Appends the end mark; the last CRLF too where the message lacks it.
  void finish(std::string& output);

 private:
  char last_ = '\n';        // octet of the message
  bool after_crlf_ = true;  // whether it ends a line, as nothing at all does
};

/// The message with its dots stuffed and the end mark. `message` may lack its last CRLF: it gets one.
std::string encode_data(std::string_view message);

/// Whether encode_data() would do more than append ".\r\n"; then the message may be sent from where it is.
bool needs_stuffing(std::string_view message);

}  // namespace quartet::smtp
