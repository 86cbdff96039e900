// Structured MIME header values: RFC 2045 section 5.1, RFC 2183, RFC 2231. Faults are passed over, never reported:
// mail from the world is read, not judged.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::mime {

struct Parameter {
  std::string name;      // as written, without the marks of RFC 2231
  std::string value;     // unquoted; RFC 2231 continuations joined and values decoded to UTF-8
  std::string extended;  // an RFC 2231 value as joined, before decoding: "utf-8''%e2%82%ac"; empty if it was plain
};

/// "type/subtype; name=value; ..." of Content-Type, or "value; name=value" of Content-Disposition (then `subtype` is
/// empty).
struct ContentValue {
  std::string type;
  std::string subtype;
  std::vector<Parameter> parameters;

  /// Value of the parameter of that name (any case), "" if there is none. An extended one, if there is, comes before
  /// a plain one of the same name.
  std::string_view parameter(std::string_view name) const;
  bool is(std::string_view a_type, std::string_view a_subtype) const;  // any case
};

/// `type` empty: the value could not be understood, and RFC 2045 section 5.2 has it taken as text/plain.
ContentValue parse_content_type(std::string_view value);
ContentValue parse_disposition(std::string_view value);

/// The comma-separated tags of Content-Language (RFC 3282).
std::vector<std::string> parse_languages(std::string_view value);

/// The value without comments (RFC 5322 section 3.2.2), unfolded and trimmed.
std::string without_comments(std::string_view value);

}  // namespace quartet::mime
