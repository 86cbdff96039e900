#include "imapd/text_index/segment.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "imapd/text_index/varint.h"
#include "imapd/text_index/words.h"

namespace quartet::imapd {
namespace {

/// Takes a word and the length of its list from the front; false: there is none.
bool take_word(std::string_view& in, std::string_view& word, std::uint64_t& length) {
  const auto size = static_cast<std::size_t>(std::ranges::find_if(in, is_length_digit) - in.begin());
  if (size == 0 || size == in.size()) return false;
  word = in.substr(0, size);
  in.remove_prefix(size);
  length = 0;
  int shift = 0;
  for (; !in.empty() && is_length_digit(in.front()) && shift < 40; shift += 4, in.remove_prefix(1))
    length |= static_cast<std::uint64_t>(static_cast<unsigned char>(in.front()) & 0xFU) << shift;
  return in.empty() || !is_length_digit(in.front());
}

void intersect(Places& places, const Places& other) {
  Places both;
  std::ranges::set_intersection(places, other, std::back_inserter(both));
  places = std::move(both);
}

}  // namespace

std::vector<NeedlePiece> needle_pieces(std::string_view needle) {
  std::vector<NeedlePiece> pieces;
  each_token(needle, [&](std::string_view token) {
    pieces.push_back({std::string(token), token.data() != needle.data(),
                      token.data() + token.size() != needle.data() + needle.size()});
  });
  return pieces;
}

std::optional<Places> read_places(std::string_view list, std::uint32_t end) {
  Places places;
  std::uint64_t place = 0;
  while (!list.empty()) {
    const auto step = take_varint(list);
    if (!step || *step >= end || (*step == 0 && !places.empty())) return std::nullopt;
    place += *step;
    if (place >= end) return std::nullopt;
    places.push_back(static_cast<std::uint32_t>(place));
  }
  return places;
}

std::optional<Segment> Segment::parse(std::string head) {
  Segment segment;
  const auto prefix = read_prefix(head);
  if (!prefix || prefix->head_bytes() > head.size()) return std::nullopt;
  segment.prefix_ = *prefix;
  head.resize(prefix->head_bytes());
  segment.head_ = std::move(head);
  std::string_view rest(segment.head_);
  rest.remove_prefix(Prefix::kSize);
  segment.word_offset_ = Prefix::kSize + prefix->object_bytes;
  if (!segment.read_objects(rest.substr(0, prefix->object_bytes)) || !segment.read_words()) return std::nullopt;
  rest.remove_prefix(std::size_t{prefix->object_bytes} + prefix->word_bytes);
  if (!segment.read_grams(rest)) return std::nullopt;
  // They are in memory in another form now.
  segment.head_.resize(segment.word_offset_ + prefix->word_bytes);
  segment.head_.shrink_to_fit();
  return segment;
}

bool Segment::read_objects(std::string_view bytes) {
  std::uint64_t object = 0;
  while (!bytes.empty()) {
    const auto step = take_varint(bytes);
    if (!step || *step == 0 || *step > static_cast<std::uint64_t>(INT64_MAX) - object) return false;
    object += *step;
    objects_.push_back(static_cast<TextObject>(object));
  }
  return objects_.size() == prefix_.objects;
}

bool Segment::read_words() {
  auto rest = dictionary();
  const auto* const begin = rest.data();
  std::uint64_t list = 0;
  std::size_t count = 0;
  for (; !rest.empty(); ++count) {
    if (count % kBlock == 0) blocks_.push_back({static_cast<std::uint32_t>(rest.data() - begin), list});
    std::string_view word;
    std::uint64_t length = 0;
    if (!take_word(rest, word, length)) return false;
    list += length;
    if (list > prefix_.list_bytes) return false;
  }
  gram_lists_.push_back(list);
  return count == prefix_.words;
}

bool Segment::read_grams(std::string_view bytes) {
  auto list = gram_lists_.front();
  while (!bytes.empty()) {
    if (bytes.size() < kGram) return false;
    const auto gram = gram_at(bytes.data());
    if (!grams_.empty() && gram <= grams_.back()) return false;
    bytes.remove_prefix(kGram);
    const auto length = take_varint(bytes);
    if (!length || *length > prefix_.list_bytes - list) return false;
    grams_.push_back(gram);
    gram_lists_.push_back(list += *length);
  }
  return grams_.size() == prefix_.grams && list == prefix_.list_bytes;
}

std::size_t Segment::octets() const {
  return head_.capacity() + objects_.capacity() * sizeof(TextObject) + blocks_.capacity() * sizeof(Block) +
         grams_.capacity() * sizeof(std::uint32_t) + gram_lists_.capacity() * sizeof(std::uint64_t) + sizeof(*this);
}

ListRange Segment::list_of_gram(std::size_t n) const { return {gram_lists_[n], gram_lists_[n + 1] - gram_lists_[n]}; }

// Lists of so much name most objects, so reading them rules out little.
std::size_t Segment::most_to_read() const { return std::max<std::size_t>(4096, objects_.size()); }

// False: they have more to read than is worth it.
bool Segment::find_words(const NeedlePiece& piece, std::vector<ListRange>& found) const {
  const auto all = dictionary();
  std::uint64_t octets = 0;
  std::size_t count = 0;
  for (std::size_t at = 0; at < all.size();) {
    const auto* const hit =
        static_cast<const char*>(::memmem(all.data() + at, all.size() - at, piece.text.data(), piece.text.size()));
    if (hit == nullptr) return true;
    const auto place = static_cast<std::size_t>(hit - all.data());
    const bool fits = (!piece.begins || place == 0 || is_length_digit(all[place - 1])) &&
                      (!piece.ends || is_length_digit(all[place + piece.text.size()]));
    at = place + 1;
    if (!fits) continue;
    auto block = std::ranges::upper_bound(blocks_, place, {}, &Block::word) - 1;
    auto rest = all.substr(block->word);
    ListRange list{block->list, 0};
    for (std::string_view word; take_word(rest, word, list.length);) {
      if (rest.data() > hit) break;
      list.offset += list.length;
    }
    found.push_back(list);
    octets += list.length;
    // Each may be in a chunk of its own.
    if (octets > most_to_read() || ++count > most_to_read() / 16) return false;
    at = static_cast<std::size_t>(rest.data() - all.data());
  }
  return true;
}

bool Segment::find_grams(const NeedlePiece& piece, TextPlan::Step& step) const {
  // A word is no token of another kind.
  if (piece.begins && piece.ends && is_word(piece.text)) return true;
  if (piece.text.size() < kGram) {
    std::uint64_t octets = 0;
    for (std::size_t n = 0; n < grams_.size(); ++n) {
      const char text[] = {static_cast<char>(grams_[n] >> 16), static_cast<char>(grams_[n] >> 8),
                           static_cast<char>(grams_[n])};
      if (!std::string_view(text, kGram).contains(piece.text)) continue;
      step.any.push_back(list_of_gram(n));
      octets += step.any.back().length;
      if (octets > most_to_read()) return false;
    }
    return true;
  }
  std::vector<ListRange> lists;
  for (std::size_t n = 0; n + kGram <= piece.text.size(); ++n) {
    const auto gram = std::ranges::lower_bound(grams_, gram_at(piece.text.data() + n));
    if (gram == grams_.end() || *gram != gram_at(piece.text.data() + n)) return true;
    lists.push_back(list_of_gram(static_cast<std::size_t>(gram - grams_.begin())));
  }
  // The shortest ones rule out the most.
  constexpr std::size_t kMostGrams = 12;
  std::ranges::sort(lists, {}, [](const ListRange& list) { return std::pair(list.length, list.offset); });
  const auto same = std::ranges::unique(lists, {}, &ListRange::offset);
  lists.erase(same.begin(), same.end());
  if (lists.size() > kMostGrams) lists.resize(kMostGrams);
  step.all = std::move(lists);
  return true;
}

TextPlan Segment::plan(const std::vector<NeedlePiece>& needle) const {
  TextPlan plan;
  for (const auto& piece : needle) {
    TextPlan::Step step;
    if (find_words(piece, step.any) && find_grams(piece, step)) plan.steps.push_back(std::move(step));
  }
  return plan;
}

std::optional<Places> Segment::places(const ListRange& range, const Read& read) const {
  return read_places(read(range), prefix_.objects);
}

std::optional<Places> Segment::carry_out(const TextPlan& plan, const Read& read) const {
  Places result(objects_.size());
  std::iota(result.begin(), result.end(), 0U);
  for (const auto& step : plan.steps) {
    Places found;
    for (std::size_t n = 0; n < step.all.size(); ++n) {
      auto one = places(step.all[n], read);
      if (!one) return std::nullopt;
      if (n == 0)
        found = *std::move(one);
      else
        intersect(found, *one);
    }
    for (const auto& range : step.any) {
      const auto one = places(range, read);
      if (!one) return std::nullopt;
      found.insert(found.end(), one->begin(), one->end());
    }
    std::ranges::sort(found);
    const auto same = std::ranges::unique(found);
    found.erase(same.begin(), same.end());
    intersect(result, found);
  }
  return result;
}

std::pair<std::uint64_t, std::uint64_t> Segment::chunks_of(const ListRange& range) const {
  const auto begin = prefix_.head_bytes() + range.offset;
  if (range.length == 0) return {begin / kChunk, begin / kChunk};
  return {begin / kChunk, (begin + range.length - 1) / kChunk + 1};
}

bool Segment::Walk::next() {
  list_.offset += list_.length;
  is_word_ = take_word(words_, word_, list_.length);
  if (is_word_) return true;
  if (next_gram_ == segment_.grams_.size()) return false;
  gram_ = segment_.grams_[next_gram_];
  list_ = segment_.list_of_gram(next_gram_++);
  return true;
}

}  // namespace quartet::imapd
