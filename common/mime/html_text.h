// The readable text of HTML mail, near enough for a preview and for tests of a script.
#pragma once
#include <string>
#include <string_view>

namespace quartet::mime {

/// The text between the tags, entities decoded, without head, style, script and comments; blocks are separated by
/// spaces. `html` is UTF-8 and may be cut off anywhere.
std::string html_text(std::string_view html);

}  // namespace quartet::mime
