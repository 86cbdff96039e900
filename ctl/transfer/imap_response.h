// Responses out of a server's bytes (RFC 9051 section 7 and RFC 3501): lines, and the literals inside them. Sans-IO:
// how the bytes were split never changes what next() yields.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::transfer {

struct ImapValue {
  enum class Kind : std::uint8_t { kNil, kAtom, kString, kList };  // a literal is a kString
  Kind kind = Kind::kNil;
  std::string text;
  std::vector<ImapValue> list;

  bool is_atom(std::string_view word) const;  // in any case
  friend bool operator==(const ImapValue&, const ImapValue&) = default;
};

struct ImapResponse {
  enum class Kind : std::uint8_t { kTagged, kUntagged, kContinuation };
  Kind kind = Kind::kUntagged;
  std::string tag;
  std::string name;  // upper case: OK NO BAD BYE PREAUTH, or what data it is: "FETCH", "LIST", "CAPABILITY"
  std::optional<std::uint32_t> number;  // in front of the name: "* 23 FETCH"
  std::vector<ImapValue> values;        // of data
  std::string code;                     // of OK and so on, without brackets: "UIDVALIDITY 17"
  std::string text;                     // of OK and so on, and of a continuation request

  bool is_status() const;
  friend bool operator==(const ImapResponse&, const ImapResponse&) = default;
};

/// In octets.
struct ImapLimits {
  std::size_t line = 1 << 20;  // one line without what is in literals
  std::uint64_t literal = std::uint64_t{1} << 30;
  std::size_t literals = 10'000;  // in one response
  std::size_t depth = 32;         // of lists
};

class ImapResponseReader {
 public:
  explicit ImapResponseReader(ImapLimits limits = {}) : limits_(limits) {}

  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// nullopt: more input is needed. After an error, which is for people, nothing more can be read.
  std::optional<std::expected<ImapResponse, std::string>> next();
  /// Input after the last response. STARTTLS wants it empty: it came in clear text (RFC 9051 section 6.2.1).
  std::string_view unconsumed() const { return std::string_view(buffer_).substr(taken_); }

 private:
  bool take_line();
  bool take_literal();
  void compact();

  const ImapLimits limits_;
  std::string buffer_;
  std::size_t taken_ = 0;     // of buffer_
  std::size_t searched_ = 0;  // of unconsumed(), known to hold no LF
  // One response: texts[0] literals[0] texts[1] ... ; complete when there is one text more than literals.
  std::vector<std::string> texts_;
  std::vector<std::string> literals_;
  std::size_t size_ = 0;                    // of texts_
  std::optional<std::uint64_t> remaining_;  // of the literal under way
  std::string error_;
};

/// `text` as a quoted string, or as a literal that need not be waited for if `literal_plus`. nullopt: it can be
/// neither.
std::optional<std::string> imap_string(std::string_view text, bool literal_plus);

}  // namespace quartet::transfer
