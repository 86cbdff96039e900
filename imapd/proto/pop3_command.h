// POP3 commands: RFC 1939, with CAPA (RFC 2449), STLS (RFC 2595), AUTH (RFC 5034) and UTF8 (RFC 6856). Sans-IO.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace quartet::imapd {

struct Pop3Command {
  enum class Verb {
    kCapa,
    kUser,
    kPass,
    kAuth,
    kStls,
    kUtf8,
    kStat,
    kList,
    kRetr,
    kDele,
    kNoop,
    kRset,
    kTop,
    kUidl,
    kQuit
  };
  Verb verb = Verb::kNoop;
  std::string text;                      // of USER and PASS; of AUTH the mechanism, in upper case
  std::optional<std::string> initial;    // response of AUTH, encoded as it came
  std::optional<std::uint32_t> message;  // RETR, DELE and TOP have it, LIST and UIDL may; never 0
  std::uint32_t lines = 0;               // of TOP
};

/// `line` without its CRLF. The error is for the client.
std::expected<Pop3Command, std::string_view> parse_pop3(std::string_view line);
/// "RETR".
std::string_view to_string(Pop3Command::Verb verb);

/// What TOP sends of a message: the header, the empty line and as many lines of the body (RFC 1939 section 7).
std::string_view top_of(std::string_view message, std::uint32_t lines);

/// The same of a message that comes in pieces, however they were cut.
class Top {
 public:
  explicit Top(std::uint32_t lines) : lines_(lines) {}
  /// What of the next piece is sent.
  std::string_view take(std::string_view piece);
  /// Nothing is sent of what follows.
  bool done() const { return place_ == Place::kBody && lines_ == 0; }

 private:
  // Of the last octet. An empty first line is a message without a header, and lines end in CRLF or in a lone LF, as
  // they do for all else that looks for the body.
  enum class Place : std::uint8_t { kLineBegin, kCr, kLine, kBody };
  Place after(char octet) const;

  Place place_ = Place::kLineBegin;
  std::uint32_t lines_;  // still to come
};

}  // namespace quartet::imapd
