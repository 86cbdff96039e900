#include "imapd/text_index/segment_builder.h"

#include <algorithm>
#include <vector>

#include "imapd/text_index/words.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kEntry = 96;  // of a map, with its list

template <typename Map>
auto ascending(const Map& map) {
  std::vector<typename Map::const_pointer> entries;
  entries.reserve(map.size());
  for (const auto& entry : map) entries.push_back(&entry);
  std::ranges::sort(entries, {}, [](const auto* entry) -> const auto& { return entry->first; });
  return entries;
}

}  // namespace

void SegmentBuilder::begin(TextObject object) {
  writer_.add_object(object);
  ++objects_;
}

void SegmentBuilder::note(PlaceList& list) {
  const auto before = list.bytes().size();
  list.add(objects_ - 1);
  octets_ += list.bytes().size() - before;
}

void SegmentBuilder::add(std::string_view text) {
  each_token(text, [this](std::string_view token) {
    if (!is_word(token)) {
      for (std::size_t n = 0; n + kGram <= token.size(); ++n) {
        const auto [entry, is_new] = grams_.try_emplace(gram_at(token.data() + n));
        if (is_new) octets_ += kEntry;
        note(entry->second);
      }
      return;
    }
    auto entry = words_.find(token);
    if (entry == words_.end()) {
      entry = words_.emplace(token, PlaceList()).first;
      octets_ += kEntry + token.size();
    }
    note(entry->second);
  });
}

std::string SegmentBuilder::finish() {
  for (const auto* const entry : ascending(words_)) writer_.add_word(entry->first, entry->second.bytes());
  for (const auto* const entry : ascending(grams_)) writer_.add_gram(entry->first, entry->second.bytes());
  return writer_.finish();
}

}  // namespace quartet::imapd
