// Commands out of a client's bytes: lines, and the literals inside them (RFC 9051 sections 2.2.1 and 4.3, RFC 7888,
// RFC 3516). Sans-IO: how the bytes were split never changes what next() yields.
//
//   for (;;) {
//     auto event = reader.next();
//     NeedMore:        read from the client, feed(), ask again
//     LiteralRequest:  send "+ OK\r\n", accept_literal(); or send "tag NO ...", refuse_literal()
//     RawCommand:      parse_command() of parser.h
//     BadLine:         send "tag BAD ..." ("* BAD" if there is no tag); if fatal, "* BYE" and close
//   }
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace quartet::imapd {

/// All in octets.
struct ReaderLimits {
  std::size_t line = 64 * 1024;                   // one line with its CRLF
  std::size_t literal = 64 * 1024;                // one literal other than a message
  std::size_t command = 256 * 1024;               // lines and literals of one command, without messages
  std::uint64_t message = 50 * 1024 * 1024;       // one message of an APPEND or REPLACE
  std::uint64_t messages = 2 * 50 * 1024 * 1024;  // all messages of one APPEND (RFC 3502)
  std::uint64_t discard = 1024ULL * 1024 * 1024;  // a non-synchronising literal that is read only to be dropped
};

struct Literal {
  std::string bytes;
  bool binary = false;  // literal8, "~{n}": may hold NUL
};

/// One command without its last CRLF: texts[0] literals[0] texts[1] ... texts[n]. The announcements ("{12}") are cut
/// off.
struct RawCommand {
  std::string tag;  // "" if the line does not begin with one; parse_command then says so
  std::vector<std::string> texts;
  std::vector<Literal> literals;
};

/// A synchronising literal within the limits is announced: the client waits for "+".
struct LiteralRequest {
  std::string tag;
  std::string name;  // upper case, "UID" included as in "UID SEARCH"; "" if it is not clear
  std::uint64_t size = 0;
  bool message = false;  // of an APPEND or REPLACE
};

struct NeedMore {};

enum class BadReason : std::uint8_t {
  kLineTooLong,
  kLineEnd,          // LF without CR
  kLiteralTooBig,    // NO [TOOBIG] or BAD
  kMessageTooBig,    // NO [TOOBIG]: more than ReaderLimits::message or messages
  kCommandTooBig,    // NO [LIMIT] or BAD
  kTooManyLiterals,  // NO [LIMIT] or BAD
  kNoRoom,           // NO [UNAVAILABLE]: give_up() was called
  kDiscardTooBig,    // fatal: what follows cannot be skipped
};

/// The command was dropped, its literals included; the input goes on behind it.
struct BadLine {
  std::string tag;  // "" if there is none
  BadReason reason = BadReason::kLineTooLong;
  bool fatal = false;
};

/// For the text of a reply: "Line too long" and the like.
std::string_view to_string(BadReason reason);

class CommandReader {
 public:
  using Event = std::variant<NeedMore, LiteralRequest, RawCommand, BadLine>;

  explicit CommandReader(ReaderLimits limits = {}) : limits_(limits) {}

  /// Counts from the next line or literal on; a session takes no messages before the client is authenticated.
  void set_limits(ReaderLimits limits) { limits_ = limits; }

  void feed(std::string_view bytes);

  /// After a LiteralRequest one of the two below must come first.
  Event next();
  void accept_literal();
  /// Drops the command; the client sends no literal (RFC 9051 section 4.3).
  void refuse_literal();

  /// Octets of messages that are kept for the command under way.
  std::uint64_t message_octets() const { return message_octets_; }
  /// There is no room for the command under way: what is kept of it is dropped, what still comes is skipped, and at its
  /// end there is a BadLine (kNoRoom). Not after a LiteralRequest: refuse that.
  void give_up();

  /// One line as it is, without CRLF: "DONE" of IDLE, a response of AUTHENTICATE. nullopt: more input is needed.
  /// Only between commands. A line over `limit` octets is an error, reported once, and skipped.
  std::optional<std::expected<std::string, BadReason>> next_line(std::size_t limit = 64 * 1024);

  /// Input after the last command. STARTTLS wants it empty: it came in clear text (RFC 9051 section 6.2.1).
  std::string_view unconsumed() const { return std::string_view(buffer_).substr(taken_); }
  /// How many commands and lines have ended, well or badly.
  std::uint64_t ended() const { return ended_; }
  /// Whether a command has begun and its end has not been seen.
  bool in_command() const { return state_ != State::kLine || !command_.texts.empty() || bad_.has_value(); }

 private:
  enum class State : std::uint8_t { kLine, kSkipLine, kAsked, kLiteral };
  struct Announcement {
    std::uint64_t size = 0;
    bool synchronising = true;
    bool binary = false;
    std::size_t length = 0;  // of the announcement at the end of the line
    bool overflow = false;   // the number is no 64-bit number
  };

  std::optional<Event> step();
  std::optional<Event> step_line();
  std::optional<Event> step_skip();
  std::optional<Event> step_literal();
  std::size_t take_literal(std::string_view bytes);
  std::optional<Event> end_line(std::string_view line, bool crlf);
  std::optional<Event> begin_literal(const Announcement& announced);
  static std::optional<Announcement> announcement(std::string_view line);
  std::optional<BadReason> over_limit(const Announcement& announced) const;
  bool is_message() const;
  void note_bad(BadReason reason);
  bool skip_reported_line();
  Event finish();
  void reset();
  void consume(std::size_t count);

  ReaderLimits limits_;
  std::string buffer_;
  std::size_t taken_ = 0;     // of buffer_, by earlier events
  std::size_t searched_ = 0;  // of unconsumed(), known to hold no LF
  State state_ = State::kLine;
  RawCommand command_;
  std::optional<BadReason> bad_;  // the command is being dropped for this
  std::string tail_;              // the end of a line that is skipped: it may announce a literal
  std::uint64_t remaining_ = 0;   // octets of the literal still to come
  std::uint64_t size_ = 0;        // octets kept of the command, without messages
  std::uint64_t messages_ = 0;    // octets announced as messages
  std::uint64_t message_octets_ = 0;
  std::uint64_t ended_ = 0;
  bool in_message_ = false;  // the literal under way is a message
  bool line_skip_ = false;   // next_line() is inside a line it has reported
};

}  // namespace quartet::imapd
