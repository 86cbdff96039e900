// The head of a segment in memory: which of its lists say what could contain a text.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "imapd/text_index/segment_format.h"

namespace quartet::imapd {

/// A piece of what is looked for, between delimiters; and what is known of the token that it is in.
struct NeedlePiece {
  std::string text;
  bool begins = false;  // the token begins with it
  bool ends = false;    // the token ends with it
};
/// In the form in which texts were cut. Empty: the index knows nothing of it.
std::vector<NeedlePiece> needle_pieces(std::string_view needle);

/// Of the octets behind the head.
struct ListRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What must be read to say which objects could contain a needle: for each step those in one of `any`, and those that
/// are in every one of `all` if there are such; of the steps, what is in each.
struct TextPlan {
  struct Step {
    std::vector<ListRange> any;
    std::vector<ListRange> all;
  };
  std::vector<Step> steps;  // none: everything could
};

using Places = std::vector<std::uint32_t>;  // of objects, ascending

class Segment {
 public:
  /// Of the whole head, or more; nullopt: it is damaged.
  static std::optional<Segment> parse(std::string head);

  const Prefix& prefix() const { return prefix_; }
  /// Ascending.
  const std::vector<TextObject>& objects() const { return objects_; }
  /// About what it takes in memory.
  std::size_t octets() const;

  /// Steps that would read too much are left out.
  TextPlan plan(const std::vector<NeedlePiece>& needle) const;
  /// `read` gives the octets of a range. nullopt: a list is damaged.
  using Read = std::function<std::string(const ListRange&)>;
  std::optional<Places> carry_out(const TextPlan& plan, const Read& read) const;

  /// The chunks of the segment in which a range is.
  std::pair<std::uint64_t, std::uint64_t> chunks_of(const ListRange& range) const;

  /// All words and then all grams, with their lists, in the order of the segment.
  class Walk;

 private:
  struct Block {
    std::uint32_t word = 0;  // where its first word is in the dictionary
    std::uint64_t list = 0;
  };
  static constexpr std::size_t kBlock = 64;

  Segment() = default;
  bool read_objects(std::string_view bytes);
  bool read_words();
  bool read_grams(std::string_view bytes);
  std::string_view dictionary() const { return std::string_view(head_).substr(word_offset_, prefix_.word_bytes); }
  std::size_t most_to_read() const;
  bool find_words(const NeedlePiece& piece, std::vector<ListRange>& found) const;
  bool find_grams(const NeedlePiece& piece, TextPlan::Step& step) const;
  ListRange list_of_gram(std::size_t n) const;
  std::optional<Places> places(const ListRange& range, const Read& read) const;

  std::string head_;
  Prefix prefix_;
  std::size_t word_offset_ = 0;
  std::vector<TextObject> objects_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> grams_;
  std::vector<std::uint64_t> gram_lists_;  // where each begins, and where the last ends
};

class Segment::Walk {
 public:
  explicit Walk(const Segment& segment) : segment_(segment), words_(segment.dictionary()) {}
  /// False at the end.
  bool next();
  bool is_word() const { return is_word_; }
  std::string_view word() const { return word_; }
  std::uint32_t gram() const { return gram_; }
  ListRange list() const { return list_; }

 private:
  const Segment& segment_;
  std::string_view words_;
  std::size_t next_gram_ = 0;
  bool is_word_ = false;
  std::string_view word_;
  std::uint32_t gram_ = 0;
  ListRange list_;
};

/// Of a list whole; nullopt: damaged, or it names a place that is not below `end`.
std::optional<Places> read_places(std::string_view list, std::uint32_t end);

}  // namespace quartet::imapd
