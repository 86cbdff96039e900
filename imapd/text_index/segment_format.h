// How a segment is written: one string of octets, kept in chunks of the same size with a checksum each.
//
//   prefix       see Prefix
//   objects      what it is about, ascending: varints, each the difference to the one before
//   dictionary   the words, ascending; each followed by the length of its list in digits of base 16, lowest first, as
//                the control characters 0x10 to 0x1F. No word has one, so a search for octets finds words in place.
//   grams        ascending: three octets, and the length of its list as a varint
//   lists        of each word, then of each gram: the places, in `objects`, of what it is in, as varints, the first as
//                it is and the others as the difference to the one before
//
// All but the lists is the head, which is in memory while the segment is in use.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::imapd {

using TextObject = std::int64_t;  // a store::ObjectId

/// Of a segment's octets; the last chunk may be shorter.
inline constexpr std::size_t kChunk = 64 * 1024;

struct Prefix {
  static constexpr std::size_t kSize = 44;
  std::uint32_t version = 0;  // of what was cut into words; see SegmentBuilder
  std::uint32_t objects = 0;
  std::uint32_t words = 0;
  std::uint32_t grams = 0;
  std::uint32_t object_bytes = 0;
  std::uint32_t word_bytes = 0;
  std::uint32_t gram_bytes = 0;
  std::uint64_t list_bytes = 0;

  std::uint64_t head_bytes() const {
    return kSize + std::uint64_t{object_bytes} + std::uint64_t{word_bytes} + std::uint64_t{gram_bytes};
  }
};

/// With the checksum of the prefix.
std::string write_prefix(const Prefix& prefix);
/// Of what begins with one; nullopt: it does not.
std::optional<Prefix> read_prefix(std::string_view bytes);

/// The octets of a segment in chunks, each with its checksum behind.
std::vector<std::string> to_chunks(std::string_view segment);
/// The octets of a chunk; nullopt: it is damaged.
std::optional<std::string_view> open_chunk(std::string_view chunk);

inline bool is_length_digit(char c) { return (static_cast<unsigned char>(c) & 0xF0U) == 0x10U; }

/// Puts together what follows the prefix, words and grams ascending.
class SegmentWriter {
 public:
  explicit SegmentWriter(std::uint32_t version) { prefix_.version = version; }
  /// Ascending.
  void add_object(TextObject object);
  void add_word(std::string_view word, std::string_view list);
  void add_gram(std::uint32_t gram, std::string_view list);
  std::string finish();
  std::size_t size() const { return objects_.size() + dictionary_.size() + grams_.size() + lists_.size(); }

 private:
  Prefix prefix_;
  TextObject last_ = 0;
  std::string objects_, dictionary_, grams_, lists_;
};

/// A list as it grows; places ascending.
class PlaceList {
 public:
  /// The place that was added last may be given again.
  void add(std::uint32_t place) {
    if (next_ > place) return;
    put(place - (next_ == 0 ? 0 : next_ - 1));
    next_ = place + 1;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void put(std::uint32_t value);
  std::string bytes_;
  std::uint32_t next_ = 0;
};

}  // namespace quartet::imapd
