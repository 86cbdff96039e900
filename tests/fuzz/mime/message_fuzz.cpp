// Any bytes are a message: its parts lie within it, what IMAP is told is legal, what is stored reads back, and its
// 7bit form is 7bit and holds the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/base/utf8.h"
#include "common/mime/charset.h"
#include "common/mime/digest.h"
#include "common/mime/kept_fields.h"
#include "common/mime/lines.h"
#include "common/mime/section.h"
#include "common/mime/seven_bit.h"
#include "common/mime/trace.h"

using namespace quartet;
using namespace quartet::mime;

namespace {

/// Every part lies within its parent, one after the other.
void check_tree(const Part& part, std::string_view message, std::size_t begin, std::size_t end) {
  QUARTET_CHECK(part.header_offset >= begin && part.body_offset >= part.header_offset);
  QUARTET_CHECK(part.body_offset <= end && part.body_size <= end - part.body_offset);
  QUARTET_CHECK((part.kind == Part::Kind::kLeaf) == part.children.empty());
  QUARTET_CHECK(part.body_lines == static_cast<std::size_t>(std::ranges::count(part.body(message), '\n')));
  std::size_t from = part.body_offset;
  for (const Part& child : part.children) {
    check_tree(child, message, from, part.body_offset + part.body_size);
    from = child.body_offset + child.body_size;
  }
}

/// One parenthesized list of strings, literals and atoms, with nothing that RFC 3501 section 9 forbids.
bool is_legal(std::string_view text) {
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '(') {
      ++depth;
    } else if (c == ')') {
      if (--depth < 0 || (depth == 0 && at + 1 != text.size())) return false;
    } else if (c == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
        if (at >= text.size() || static_cast<unsigned char>(text[at]) >= 0x80 || text[at] == '\r' || text[at] == '\n' ||
            text[at] == '\0')
          return false;
      }
    } else if (c == '{') {
      const std::size_t close = text.find("}\r\n", at);
      if (close == std::string_view::npos) return false;
      const auto size = ascii::to_number<std::size_t>(text.substr(at + 1, close - at - 1));
      if (!size || close + 3 + *size > text.size() || text.substr(close + 3, *size).contains('\0')) return false;
      at = close + 2 + *size;
    } else if (!ascii::is_alnum(c) && c != ' ') {
      return false;
    }
  }
  return depth == 0;
}

void check_digest(std::string_view message, const Part& root) {
  const MessageDigest made = digest(message);
  QUARTET_CHECK(is_legal(made.envelope) && is_legal(made.body) && is_legal(made.bodystructure));
  const auto parts = decode_parts(made.parts, message.size());
  QUARTET_CHECK(parts.has_value());
  check_tree(*parts, message, 0, message.size());
  QUARTET_CHECK(encode_parts(*parts) == encode_parts(root));
  const auto headers = decode_headers(made.headers);
  QUARTET_CHECK(headers.has_value());
  for (const std::string_view text : {headers->subject, headers->from, headers->base_subject, headers->from_display})
    QUARTET_CHECK(is_utf8(text));
  const std::vector<std::string> names = {"from", "SUBJECT", "To", "Content-Type", "References"};
  std::string fields;
  if (append_kept_fields(fields, *kept_fields_of(made.headers), *kept_fields(names)))
    QUARTET_CHECK(fields == select_fields(root.header(message), names, false));
  QUARTET_CHECK(is_utf8(made.preview) && utf8::first(made.preview, 200) == made.preview);
  QUARTET_CHECK(made.preview.find_first_of("\r\n") == std::string::npos);
}

void check_sections(std::string_view message, const Part& root) {
  for (const std::string_view text : {"", "HEADER", "TEXT", "1", "1.MIME", "2.1.HEADER", "1.1.1.TEXT"}) {
    const auto range = locate(root, *parse_section(text));
    if (range) QUARTET_CHECK(range->offset <= message.size() && range->size <= message.size() - range->offset);
  }
  QUARTET_CHECK(section_bytes(message, root, {}) == message);
}

std::string canonical(std::string_view bytes) {
  std::string out;
  append_crlf(out, bytes);
  return out;
}

void check_same(const Part& before, std::string_view old_message, const Part& after, std::string_view message) {
  QUARTET_CHECK(before.kind == after.kind && before.children.size() == after.children.size());
  QUARTET_CHECK(before.type.is(after.type.type, after.type.subtype));
  for (std::size_t i = 0; i < before.children.size(); ++i)
    check_same(before.children[i], old_message, after.children[i], message);
  if (!before.children.empty()) return;
  QUARTET_CHECK(scan_lines(after.body(message)).seven_bit());
  QUARTET_CHECK(canonical(decode(before.encoding, before.body(old_message))) ==
                canonical(decode(after.encoding, after.body(message))));
}

void check_seven_bit(std::string_view message, const Part& root) {
  const auto converted = to_seven_bit(message);
  if (!converted) return;
  const LineScan scan = scan_lines(*converted);
  QUARTET_CHECK(!scan.eight_bit && !scan.nul && !scan.lone_cr && !scan.lone_lf);
  check_same(root, message, parse_structure(*converted), *converted);
  QUARTET_CHECK(to_seven_bit(*converted) == converted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const Part root = parse_structure(message);
  check_tree(root, message, 0, message.size());
  check_digest(message, root);
  check_sections(message, root);
  check_seven_bit(message, root);
  std::size_t rest = 0;
  for (const std::string_view piece : without_field(message, Header(message), "Subject")) rest += piece.size();
  QUARTET_CHECK(rest <= message.size());
  return 0;
}
