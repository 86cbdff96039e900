// The original recipient of RFC 3461 section 4.2, kept as "type;address"; of internationalized mail: RFC 6533
// section 3. An address of type utf-8 stays in the form that it has on the wire, where \x{2B} is "+".
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace quartet::smtp {

/// The decoded value of a parameter that comes back in the fields of a notification, where a line end would forge
/// others (RFC 3461 section 4.4); nullopt: it may not.
std::optional<std::string> printable_xtext(std::string_view value);

/// Of an address that nobody has named before.
std::string original_recipient(std::string_view address);

/// Out of the value of ORCPT, at most 500 octets; nullopt if it is none.
std::optional<std::string> parse_orcpt(std::string_view value);

/// The value of ORCPT. Without `smtputf8` it is ASCII.
std::string orcpt_value(std::string_view orcpt, bool smtputf8);

}  // namespace quartet::smtp
