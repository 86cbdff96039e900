// Names of mailboxes on the wire of IMAP4rev1: modified UTF-7, RFC 3501 section 5.1.3 (RFC 9051 appendix A.1).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace quartet::mime {

/// `name` is valid UTF-8 without NUL.
std::string to_mutf7(std::string_view name);

/// Strict, so that no two spellings give one name: nullopt for bytes outside 0x20..0x7E, for ASCII characters in
/// base64, for base64 that is cut short, padded with bits other than 0 or directly followed by more base64, and for
/// surrogates that are not in pairs.
std::optional<std::string> from_mutf7(std::string_view text);

}  // namespace quartet::mime
