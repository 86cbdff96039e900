// SMTP replies: RFC 5321 section 4.2, enhanced status codes of RFC 2034 and RFC 3463. Sans-IO.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::smtp {

struct Reply {
  int code = 0;                    // 200 to 599
  std::string enhanced;            // "2.1.0"; empty where none applies (greeting, EHLO, 354)
  std::vector<std::string> lines;  // at least one, without code and line end

  Reply() = default;
  Reply(int reply_code, std::string status, std::string text)
      : code(reply_code), enhanced(std::move(status)), lines{std::move(text)} {}

  bool positive() const { return code >= 200 && code < 400; }
  bool transient() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500; }
  /// The lines joined by spaces, for people; past some 2 KB it ends with "...".
  std::string text() const;
  friend bool operator==(const Reply&, const Reply&) = default;
};

/// As it goes over the wire. Control characters in the text, which may quote a peer, become '?'.
std::string format(const Reply& reply);

enum class ReplyError {
  kMalformed,  // not three digits, or codes that differ within one reply
  kTooLong,    // a line over 2048 octets, or over 512 lines
};

/// Bytes in, replies out. How the bytes were split never changes what next() yields.
class ReplyParser {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// One reply or an error, after which the connection is of no use; nullopt: more input is needed.
  std::optional<std::expected<Reply, ReplyError>> next();
  std::string_view unconsumed() const { return std::string_view(buffer_).substr(taken_); }

 private:
  std::string buffer_;
  std::size_t taken_ = 0;
  Reply partial_;
};

}  // namespace quartet::smtp
