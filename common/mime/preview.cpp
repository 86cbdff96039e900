// The preview of RFC 8970: what a person would read first.
#include "common/base/ascii.h"
#include "common/base/utf8.h"
#include "common/mime/charset.h"
#include "common/mime/digest.h"
#include "common/mime/html_text.h"

namespace quartet::mime {
namespace {

/// The parts to take the text from; the first of each kind.
struct Candidates {
  const Part* plain = nullptr;
  const Part* html = nullptr;
  const Part* other = nullptr;     // text/enriched, text/calendar and the like
  const Part* embedded = nullptr;  // a message inside

  const Part* best() const { return plain ? plain : html ? html : other; }
};

bool is_attachment(const Part& part) { return ascii::istarts_with(part.disposition, "attachment"); }

void collect(const Part& part, Candidates& found) {
  if (found.plain || is_attachment(part)) return;
  switch (part.kind) {
    case Part::Kind::kMultipart:
      for (const Part& child : part.children) collect(child, found);
      return;
    case Part::Kind::kMessage:
      if (!found.embedded) found.embedded = &part.children.front();
      return;
    case Part::Kind::kLeaf:
      break;
  }
  if (!part.is_text() || part.body_size == 0) return;
  if (part.type.is("text", "plain")) {
    // A plain part after an HTML one is most often a footer that a list has added.
    if (!found.html) found.plain = &part;
  } else if (part.type.is("text", "html")) {
    if (!found.html) found.html = &part;
  } else if (!found.other) {
    found.other = &part;
  }
}

/// White space and control characters as single spaces, up to `characters` code points. `text` is UTF-8.
std::string one_line(std::string_view text, std::size_t characters) {
  std::string out;
  bool space = false;
  while (!text.empty() && characters > 0) {
    const bool single = static_cast<unsigned char>(text.front()) < 0x80;
    const std::string_view character = single ? text.substr(0, 1) : utf8::first(text, 1);
    text.remove_prefix(character.size());
    const auto first = static_cast<unsigned char>(character.front());
    if (first <= 32 || first == 127 || character == "\xC2\xA0") {
      space = !out.empty();
      continue;
    }
    if (space) {
      if (--characters == 0) break;
      out.push_back(' ');
      space = false;
    }
    out += character;
    --characters;
  }
  return out;
}

std::string text_of(std::string_view message, const Part& part, std::size_t characters) {
  const bool html = part.type.is("text", "html");
  const std::size_t limit = html ? 64 * 1024 : 1024 + characters * 4;  // HTML often begins with much that is no text
  const std::string bytes = decode_prefix(part.encoding, part.body(message), limit);
  std::string text = to_utf8(bytes, part.charset());
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  if (bytes.size() >= limit)  // cut within a character
    while (text.ends_with(kReplacement)) text.resize(text.size() - kReplacement.size());
  return one_line(html ? html_text(text) : text, characters);
}

}  // namespace

std::string preview(std::string_view message, const Part& root, std::size_t characters) {
  const Part* at = &root;
  for (;;) {
    Candidates found;
    collect(*at, found);
    if (const Part* part = found.best()) return text_of(message, *part, characters);
    if (!found.embedded) return {};
    at = found.embedded;
  }
}

}  // namespace quartet::mime
