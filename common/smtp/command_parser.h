// SMTP command lines: RFC 5321 sections 2.3.8, 4.1.1 and 4.5.3.1.4. Sans-IO.
#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace quartet::smtp {

enum class Verb {
  kEhlo,
  kHelo,
  kLhlo,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kNoop,
  kVrfy,
  kExpn,
  kHelp,
  kQuit,
  kStartTls,
  kAuth,
  kEtrn,
  kAtrn,
  kXclient,
  kXforward,
  kUnknown,
};

struct Command {
  Verb verb = Verb::kUnknown;
  std::string argument;  // what follows the verb and one space, still unparsed
};

enum class LineError {
  kTooLong,      // answer 500; the rest of the line is skipped
  kAuthTooLong,  // the same, of an AUTH with its initial response
  kBareCrOrLf,   // answer 500 and close: to accept it would permit SMTP smuggling
};

/// Octets of a line within AUTH, its CRLF included (RFC 4954 section 4). The command itself should keep to the limit of
/// all commands, but clients send a token of any size along with it.
inline constexpr std::size_t kMostAuthLine = 12288;

class CommandParser {
 public:
  /// `limit`: octets of a line, its CRLF included; AUTH may have kMostAuthLine if that is more. RFC 5321 says 512;
  /// extensions add to it (RFC 1869 section 4.1.2, 500 for DSN parameters).
  explicit CommandParser(std::size_t limit = 4096) : limit_(limit) {}

  /// How the peer's bytes happened to be split never changes what next() yields.
  void feed(std::string_view bytes) { buffer_.append(bytes); }

  /// One command or one error; nullopt means that more input is needed.
  std::optional<std::expected<Command, LineError>> next();

  /// The same for a line that is no command: a response within AUTH (RFC 4954 section 4).
  std::optional<std::expected<std::string, LineError>> next_line(std::size_t limit);

  /// Input after the last command: message data, or nothing. STARTTLS requires it to be empty: such bytes came in clear
  /// text and must not survive into the TLS session (RFC 3207 section 4.2).
  std::string_view unconsumed() const { return std::string_view(buffer_).substr(taken_); }

  /// Takes `count` octets of unconsumed() away: they were message data.
  void consume(std::size_t count);

 private:
  /// Of the command that unconsumed() begins with.
  std::size_t limit() const;

  std::string buffer_;
  std::size_t taken_ = 0;
  std::size_t limit_;
  bool skipping_ = false;  // inside a line that was already reported as too long
};

/// For logs and metrics: "MAIL", ..., "unknown".
const char* to_string(Verb verb);

}  // namespace quartet::smtp
