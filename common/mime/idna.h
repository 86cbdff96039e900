// Internationalized domain names (RFC 5890), of which DNS knows the A-labels only.
#pragma once
#include <string>
#include <string_view>

namespace quartet::mime {

/// In lower case, U-labels as A-labels ("B\u00fccher.example" is "xn--bcher-kva.example"); by the rules of UTS 46, so
/// that all ways to write a name give one. What is no such name stays as it is but for the case of ASCII. The dot
/// before a pattern (".example") stays.
std::string ascii_domain(std::string_view domain);

/// What follows the last "@" of an address, in that form; empty if there is none.
std::string domain_of(std::string_view address);

/// An address with its domain in that form, all of it in lower case.
std::string ascii_address(std::string_view address);

}  // namespace quartet::mime
