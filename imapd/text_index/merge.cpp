#include "imapd/text_index/merge.h"

#include <algorithm>
#include <compare>

namespace quartet::imapd {
namespace {

constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

class Source {
 public:
  explicit Source(const WholeSegment& segment)
      : segment_(segment), walk_(*segment.head), lists_(segment.octets.substr(segment.head->prefix().head_bytes())) {
    more_ = walk_.next();
  }

  bool more() const { return more_; }
  const Segment::Walk& at() const { return walk_; }
  void next() { more_ = walk_.next(); }
  const std::vector<TextObject>& objects() const { return segment_.head->objects(); }
  /// Where each object is in the result.
  std::vector<std::uint32_t> new_places;

  bool add_places(Places& places) const {
    const auto range = walk_.list();
    const auto old = read_places(lists_.substr(range.offset, range.length), segment_.head->prefix().objects);
    if (!old) return false;
    for (const auto place : *old)
      if (new_places[place] != kNowhere) places.push_back(new_places[place]);
    return true;
  }

 private:
  const WholeSegment& segment_;
  Segment::Walk walk_;
  std::string_view lists_;
  bool more_ = false;
};

/// Words before grams.
std::strong_ordering compare(const Segment::Walk& a, const Segment::Walk& b) {
  if (a.is_word() != b.is_word()) return a.is_word() ? std::strong_ordering::less : std::strong_ordering::greater;
  return a.is_word() ? a.word() <=> b.word() : a.gram() <=> b.gram();
}

void number_objects(std::vector<Source>& sources, SegmentWriter& writer, const std::function<bool(TextObject)>& keeps) {
  std::vector<TextObject> all;
  for (const auto& source : sources) all.insert(all.end(), source.objects().begin(), source.objects().end());
  std::ranges::sort(all);
  const auto same = std::ranges::unique(all);
  all.erase(same.begin(), same.end());
  std::erase_if(all, [&keeps](TextObject object) { return !keeps(object); });
  for (const auto object : all) writer.add_object(object);
  for (auto& source : sources)
    for (const auto object : source.objects()) {
      const auto found = std::ranges::lower_bound(all, object);
      const bool kept = found != all.end() && *found == object;
      source.new_places.push_back(kept ? static_cast<std::uint32_t>(found - all.begin()) : kNowhere);
    }
}

}  // namespace

std::optional<std::string> merge_segments(const std::vector<WholeSegment>& segments, std::uint32_t version,
                                          const std::function<bool(TextObject)>& keeps) {
  SegmentWriter writer(version);
  std::vector<Source> sources;
  sources.reserve(segments.size());
  for (const auto& segment : segments) {
    const auto& prefix = segment.head->prefix();
    if (segment.octets.size() < prefix.head_bytes() + prefix.list_bytes) return std::nullopt;
    sources.emplace_back(segment);
  }
  number_objects(sources, writer, keeps);
  for (;;) {
    const Source* least = nullptr;
    for (const auto& source : sources)
      if (source.more() && (least == nullptr || compare(source.at(), least->at()) < 0)) least = &source;
    if (least == nullptr) return writer.finish();
    const auto entry = least->at();
    Places places;
    for (auto& source : sources) {
      if (!source.more() || compare(source.at(), entry) != 0) continue;
      if (!source.add_places(places)) return std::nullopt;
      source.next();
    }
    std::ranges::sort(places);
    PlaceList list;
    for (const auto place : places) list.add(place);
    if (places.empty()) continue;
    if (entry.is_word())
      writer.add_word(entry.word(), list.bytes());
    else
      writer.add_gram(entry.gram(), list.bytes());
  }
}

}  // namespace quartet::imapd
