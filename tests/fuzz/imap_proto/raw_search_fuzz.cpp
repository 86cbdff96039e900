// The words of a message that is plain are found in its octets, and texts are found where they are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"
#include "common/mime/structure.h"
#include "common/mime/transfer.h"
#include "imapd/proto/ascii_finder.h"
#include "imapd/proto/plain_message.h"

using namespace quartet;
using namespace quartet::imapd;

namespace {

void append_fields(std::string& out, std::string_view header) {
  const mime::Header parsed(header);
  for (const auto& field : parsed.fields())
    out.append(field.name).append(": ").append(mime::decode_words(field.value)).append("\n");
}

/// All that SEARCH looks through.
void append_texts(std::string& out, const mime::Part& part, std::string_view message) {
  if (part.kind == mime::Part::Kind::kMessage)
    append_fields(out, part.children.front().header(message));
  else if (part.kind == mime::Part::Kind::kLeaf && part.is_text())
    out += mime::to_utf8(mime::decode(part.encoding, part.body(message)), part.charset()) + "\n";
  for (const auto& child : part.children) append_texts(out, child, message);
}

void check_words(std::string_view message) {
  constexpr std::string_view kBetween = " \t\r\n\f\v:";
  std::string texts;
  append_fields(texts, message);
  append_texts(texts, mime::parse_structure(message), message);
  int words = 0;
  for (std::string_view rest = texts; !rest.empty() && words < 200; ++words) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kBetween), rest.size()));
    const auto word = rest.substr(0, rest.find_first_of(kBetween));
    rest.remove_prefix(word.size());
    if (!word.empty()) QUARTET_CHECK(AsciiFinder(ascii::upper(word)).in(message));
  }
}

}  // namespace

/// A line with what is looked for, and the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto needle = input.substr(0, input.find('\n'));
  const auto message = input.substr(std::min(needle.size() + 1, input.size()));
  if (!needle.empty() && mime::is_ascii(needle))
    QUARTET_CHECK(AsciiFinder(needle).find(message) == ascii::lower(message).find(ascii::lower(needle)));
  if (is_plain(message)) check_words(message);
  return 0;
}
