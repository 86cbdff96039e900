// Commands from text: the grammar of RFC 9051 section 9, with what RFC 3501 allows besides.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "imapd/proto/command.h"
#include "imapd/proto/command_reader.h"

namespace quartet::imapd {

struct ParseOptions {
  /// The client has enabled IMAP4rev2 or UTF8=ACCEPT: names of mailboxes are UTF-8 on the wire, else modified UTF-7.
  bool utf8 = false;
};

struct ParseError {
  enum class Kind : std::uint8_t {
    kSyntax,      // tag BAD text
    kUnknown,     // tag BAD: no such command
    kBadCharset,  // tag NO [BADCHARSET (US-ASCII UTF-8)] text
    kLimit,       // tag NO [LIMIT] text: too many keys, too deep
    kBadName,     // tag NO [CANNOT] text: a mailbox name that is no modified UTF-7 or no UTF-8
  };
  std::string tag;  // "" if there is none: the answer is untagged, "* BAD"
  std::string text;
  Kind kind = Kind::kSyntax;
  bool saves = false;  // it was a search to keep the result of: a NO leaves "$" empty (RFC 5182 section 2.1)
};

/// Whether the client may give the command in the session's state is not looked at here.
std::expected<Command, ParseError> parse_command(RawCommand raw, ParseOptions options = {});
inline constexpr std::string_view kFilterValues =
    "/filters/values/";  // RFC 5466 section 3.2; the filter's name follows
/// search-key *(SP search-key) in UTF-8, as it would stand in a SEARCH: the value of a filter (RFC 5466). Literals in
/// it are as on the wire.
std::expected<SearchKey, ParseError> parse_search_criteria(std::string_view text);
/// One line without CRLF and without literals.
std::expected<Command, ParseError> parse_command(std::string_view line, ParseOptions options = {});

}  // namespace quartet::imapd
