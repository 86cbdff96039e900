// The pieces that responses are made of: RFC 9051 sections 4 and 9.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

/// A quoted string; `text` holds no CR, LF or NUL, and bytes above 127 only for clients that have enabled UTF-8.
void append_quoted(std::string& out, std::string_view text);
void append_number(std::string& out, std::uint64_t number);
/// CHAR8 is any byte but NUL (RFC 3501 section 9), which becomes '?': the length must not change.
void append_char8(std::string& out, std::string_view bytes);
/// "{n}\r\n" and the bytes.
void append_literal(std::string& out, std::string_view bytes);
/// "~{n}\r\n" and the bytes (RFC 3516).
void append_literal8(std::string& out, std::string_view bytes);
/// Quoted if that is possible and not too long (then UTF-8 in quotes only if `utf8`), else a literal. NUL, which a
/// string cannot carry, becomes '?'.
void append_string(std::string& out, std::string_view text, bool utf8 = false);
/// NIL for nullopt.
void append_nstring(std::string& out, std::optional<std::string_view> text, bool utf8 = false);
/// An atom if it can be one, else as append_string.
void append_astring(std::string& out, std::string_view text, bool utf8 = false);

/// `name` is UTF-8. With `utf8` (IMAP4rev2 or UTF8=ACCEPT enabled) it goes out as it is, else as modified UTF-7.
void append_mailbox_name(std::string& out, std::string_view name, bool utf8);

/// With the quotes: "\"24-Nov-2026 13:05:09 +0000\"", in UTC.
void append_date_time(std::string& out, WallTime time);

/// "(\\Seen $Forwarded)".
void append_flags(std::string& out, std::span<const std::string> flags);

/// The begin of a FETCH response: "* 3 FETCH (", for a client that has enabled UIDONLY "* 825 UIDFETCH (" (RFC 9586).
void append_fetch(std::string& out, std::size_t number, std::uint32_t uid, bool uidonly);

/// Text of a response for people: control characters and bytes above 127 become '?'.
void append_text(std::string& out, std::string_view text);

/// Whether `text` is an atom: not empty, nothing but ATOM-CHAR.
bool is_atom(std::string_view text);

}  // namespace quartet::imapd
