// Makes a segment of the texts of messages.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "imapd/text_index/segment_format.h"

namespace quartet::imapd {

class SegmentBuilder {
 public:
  /// `version` names the form that texts are in when they are cut: what is made of another form finds nothing in this
  /// one.
  explicit SegmentBuilder(std::uint32_t version) : writer_(version) {}

  /// The next object; they ascend.
  void begin(TextObject object);
  /// One of its texts, in the form in which it is looked through.
  void add(std::string_view text);

  std::uint32_t objects() const { return objects_; }
  /// What it takes in memory, about.
  std::size_t octets() const { return octets_; }
  /// The segment. Nothing more is added then.
  std::string finish();

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  void note(PlaceList& list);

  SegmentWriter writer_;
  std::unordered_map<std::string, PlaceList, Hash, std::equal_to<>> words_;
  std::unordered_map<std::uint32_t, PlaceList> grams_;
  std::uint32_t objects_ = 0;
  std::size_t octets_ = 0;
};

}  // namespace quartet::imapd
