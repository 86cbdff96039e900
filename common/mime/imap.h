// What IMAP sends of a message: RFC 3501 and RFC 9051 section 7.5.2. The texts are complete as they are, literals with
// their line ends included, and hold bytes above 127 only inside literals: readable text that is UTF-8 is put in
// encoded words (RFC 2047), which is how RFC 6857 downgrades it.
#pragma once
#include <string>
#include <string_view>

#include "common/mime/header.h"
#include "common/mime/structure.h"

namespace quartet::mime {

/// nstring and string: quoted if possible, else a literal. NUL, which IMAP cannot carry, becomes '?'.
void append_imap_string(std::string& out, std::string_view text);

/// ("date" "subject" ((...)) ... "message-id").
void append_envelope(std::string& out, const Header& header);
/// BODY: without extension data.
void append_body(std::string& out, const Part& part, std::string_view message);
/// BODYSTRUCTURE: with extension data.
void append_bodystructure(std::string& out, const Part& part, std::string_view message);

}  // namespace quartet::mime
