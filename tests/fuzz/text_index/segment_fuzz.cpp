// Segments come from the disk and may be damaged: they are refused, or keep to their bounds. The octets are also taken
// as texts of messages and a needle, of which no match may be lost.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "imapd/text_index/merge.h"
#include "imapd/text_index/segment_builder.h"

using namespace quartet::imapd;

namespace {

std::optional<Places> look(const Segment& segment, std::string_view lists, std::string_view needle) {
  return segment.carry_out(segment.plan(needle_pieces(needle)), [&](const ListRange& range) {
    QUARTET_CHECK(range.offset <= segment.prefix().list_bytes);
    QUARTET_CHECK(range.length <= segment.prefix().list_bytes - range.offset);
    return std::string(lists.substr(std::min<std::size_t>(range.offset, lists.size()), range.length));
  });
}

/// The octets behind a prefix that fits them.
void read_as_segment(std::string_view bytes) {
  if (bytes.size() < 8) return;
  Prefix prefix;
  const auto number = [&bytes] {
    const auto value = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    return value;
  };
  prefix.objects = number();
  prefix.words = number();
  prefix.grams = number();
  prefix.object_bytes = number();
  prefix.word_bytes = number();
  prefix.gram_bytes = number();
  prefix.list_bytes = number();
  auto octets = write_prefix(prefix);
  octets += bytes;
  const auto segment = Segment::parse(octets);
  if (!segment) return;
  const auto lists = std::string_view(octets).substr(prefix.head_bytes());
  for (const std::string_view needle : {"A", "AB", "ABC", "A B", " A ", "ABC1234"}) {
    const auto places = look(*segment, lists, needle);
    if (places) QUARTET_CHECK(places->empty() || places->back() < segment->objects().size());
  }
  if (const auto merged =
          merge_segments({{&*segment, octets}, {&*segment, octets}}, 0, [](TextObject) { return true; }))
    QUARTET_CHECK(Segment::parse(*merged).has_value());
}

void keep_matches(std::string_view bytes) {
  const auto end = bytes.find('\0');
  if (end == std::string_view::npos) return;
  const auto needle = bytes.substr(0, end);
  std::vector<std::string_view> texts;
  for (bytes.remove_prefix(end + 1); !bytes.empty() && texts.size() < 20;) {
    texts.push_back(bytes.substr(0, bytes.find('\0')));
    bytes.remove_prefix(std::min(bytes.size(), texts.back().size() + 1));
  }
  SegmentBuilder builder(0);
  for (std::size_t n = 0; n < texts.size(); ++n) {
    builder.begin(static_cast<TextObject>(n + 1));
    builder.add(texts[n]);
  }
  const auto octets = builder.finish();
  const auto segment = Segment::parse(octets);
  QUARTET_CHECK(segment.has_value());
  const auto places = look(*segment, std::string_view(octets).substr(segment->prefix().head_bytes()), needle);
  QUARTET_CHECK(places.has_value());
  for (std::size_t n = 0; n < texts.size(); ++n)
    if (texts[n].contains(needle)) QUARTET_CHECK(std::ranges::binary_search(*places, n));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto segment = Segment::parse(std::string(bytes))) QUARTET_CHECK(segment->prefix().head_bytes() <= size);
  (void)open_chunk(bytes);
  read_as_segment(bytes);
  keep_matches(bytes);
  return 0;
}
