// Pieces that those share who write messages, notifications and fields anew; for this folder only.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace quartet::mime {

/// With spaces in the place of what no line can hold: CR, LF and NUL.
std::string on_one_line(std::string_view text);

/// A boundary that occurs in none of `pieces` and depends on nothing else.
std::string pick_boundary(std::span<const std::string_view> pieces);

/// Appends a text/plain entity: Content fields, empty line, body. 7bit if the text allows it, else quoted-printable.
/// The body ends with a line end. `text` is UTF-8 with any line ends.
void append_text_entity(std::string& out, std::string_view text);

/// "From: ..." and the like of a UTF-8 value: display names are encoded, addresses are not.
void append_address_field(std::string& out, std::string_view name, std::string_view value);

/// Whether it is a field of addresses.
bool is_address_field(std::string_view name);

/// ";" and a parameter of Content-Type or Content-Disposition on a line of its own; `value` is UTF-8, written by RFC
/// 2231 where that is needed.
void append_parameter(std::string& out, std::string_view name, std::string_view value);

/// A field of unstructured UTF-8 text, encoded words where needed.
void append_text_field(std::string& out, std::string_view name, std::string_view value);

}  // namespace quartet::mime
