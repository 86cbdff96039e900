// Sets of sequence numbers or UIDs: sequence-set of RFC 9051 section 9, and "$" of its section 6.4.4.1 (RFC 5182).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quartet::imapd {

/// Both ends inclusive. kStar stands for "*", the highest number there is.
struct SequenceRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

class SequenceSet {
 public:
  /// "*". Written as a number it reads as one less: the store gives that UID to no message.
  static constexpr std::uint32_t kStar = 0xFFFFFFFF;
  static constexpr std::size_t kMaxRanges = 16 * 1024;

  SequenceSet() = default;
  explicit SequenceSet(std::vector<SequenceRange> ranges) : ranges_(std::move(ranges)) { normalise(); }

  /// "1,3:5,*" or "$"; nullopt if the grammar does not allow it or there are more than kMaxRanges.
  static std::optional<SequenceSet> parse(std::string_view text);
  /// As parse, but neither "*" nor "$": known-uids of RFC 7162.
  static std::optional<SequenceSet> parse_numbers(std::string_view text);

  /// "$": the result saved by the last SEARCH; ranges() is then empty.
  bool saved_result() const { return saved_; }
  /// Ascending, apart from each other and not adjacent; first <= last. Until resolve() the ranges that name "*" are one
  /// more, the last, which ends in kStar and may overlap the others: "5:*" and "*:5" are {5, kStar}.
  const std::vector<SequenceRange>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty() && !saved_; }
  bool has_star() const { return !ranges_.empty() && ranges_.back().last == kStar; }

  /// With "*" replaced by `highest`, which is 0 in an empty mailbox: then all ranges with "*" vanish. "9:*" where the
  /// highest is 5 is {5, 9} (RFC 9051 section 9, seq-range).
  SequenceSet resolve(std::uint32_t highest) const;
  /// Without "*" and "$"; log of the number of ranges.
  bool contains(std::uint32_t number) const;
  /// How many numbers; resolved sets only.
  std::uint64_t count() const;

  /// Adds numbers one after another; cheapest in ascending order.
  void add(std::uint32_t number);

  /// "1,3:5,9:*"; "" for an empty set, which no response may carry.
  std::string to_string() const;

  friend bool operator==(const SequenceSet&, const SequenceSet&) = default;

 private:
  void normalise();

  std::vector<SequenceRange> ranges_;
  bool saved_ = false;
};

/// The set of these numbers, in any order, as text: "1:3,7".
std::string to_sequence_text(const std::vector<std::uint32_t>& numbers);

}  // namespace quartet::imapd
