// The index of texts: what it leaves as possible holds all that is true, whatever the texts and the needles are.
#include "imapd/text_index/segment.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "imapd/text_index/merge.h"
#include "imapd/text_index/segment_builder.h"

using namespace quartet::imapd;

namespace {

constexpr std::uint32_t kVersion = 7;

using Texts = std::map<TextObject, std::vector<std::string>>;

std::string build(const Texts& texts) {
  SegmentBuilder builder(kVersion);
  for (const auto& [object, parts] : texts) {
    builder.begin(object);
    for (const auto& part : parts) builder.add(part);
  }
  return builder.finish();
}

Segment must_parse(const std::string& octets) {
  auto segment = Segment::parse(octets);
  REQUIRE(segment.has_value());
  return *std::move(segment);
}

std::vector<TextObject> possible(const std::string& octets, std::string_view needle) {
  const auto segment = must_parse(octets);
  const auto lists = std::string_view(octets).substr(segment.prefix().head_bytes());
  const auto places = segment.carry_out(segment.plan(needle_pieces(needle)), [&](const ListRange& range) {
    return std::string(lists.substr(range.offset, range.length));
  });
  REQUIRE(places.has_value());
  std::vector<TextObject> objects;
  for (const auto place : *places) objects.push_back(segment.objects()[place]);
  return objects;
}

bool contains(const std::vector<std::string>& parts, std::string_view needle) {
  return std::ranges::any_of(parts, [&](const std::string& part) { return part.contains(needle); });
}

/// Of few characters, so that needles are found often: letters of one to four octets, digits, delimiters.
std::string random_text(std::mt19937& random, std::size_t characters) {
  static const std::vector<std::string> kCharacters = {"A",      "B",      "A",      "B",          "E",    "1",  "2",
                                                       " ",      " ",      "-",      "@",          ".",    "\n", "_",
                                                       "\u00dc", "\u4e09", "\u6b21", "\U0001f600", "\x1f", "'"};
  std::string text;
  // At times a long run without a delimiter.
  const bool dense = random() % 3 == 0;
  while (characters-- > 0) text += kCharacters[dense ? random() % 7 : random() % kCharacters.size()];
  return text;
}

/// A piece of one of the texts, or another one.
std::string random_needle(std::mt19937& random, const Texts& texts) {
  const auto& parts = std::next(texts.begin(), static_cast<std::ptrdiff_t>(random() % texts.size()))->second;
  const auto& text = parts[random() % parts.size()];
  if (text.empty() || random() % 4 == 0) return random_text(random, 1 + random() % 6);
  const auto from = random() % text.size();
  return text.substr(from, 1 + random() % 12);
}

Texts random_texts(std::mt19937& random, TextObject first) {
  Texts texts;
  for (auto count = 1 + random() % 40; count > 0; --count) {
    auto& parts = texts[first += 1 + static_cast<TextObject>(random() % 5)];
    for (auto n = random() % 3; n < 3; ++n) parts.push_back(random_text(random, random() % 60));
  }
  return texts;
}

void check_needle(const std::string& octets, const Texts& texts, const std::string& needle, std::size_t& ruled_out) {
  const auto found = possible(octets, needle);
  for (const auto& [object, parts] : texts) {
    const bool is_possible = std::ranges::binary_search(found, object);
    if (!is_possible) ++ruled_out;
    INFO("needle '" << needle << "' object " << object);
    if (contains(parts, needle)) CHECK(is_possible);
  }
}

}  // namespace

TEST_CASE("no message that contains the needle is ruled out", "[text_index]") {
  std::mt19937 random(20261127);
  std::size_t ruled_out = 0;
  std::size_t asked = 0;
  for (int round = 0; round < 60; ++round) {
    const auto texts = random_texts(random, 10);
    const auto octets = build(texts);
    for (int n = 0; n < 60; ++n, asked += texts.size())
      check_needle(octets, texts, random_needle(random, texts), ruled_out);
  }
  // And some are, or it is of no use.
  CHECK(ruled_out > asked / 4);
}

TEST_CASE("words are found by any part, phrases by their ends", "[text_index]") {
  const auto octets = build({{3, {"FROM: ANN@A.TEST\nSUBJECT: HARBOUR LIGHTS\n", "THE BOATS ARE IN THE HARBOUR"}},
                             {5, {"FROM: BOB@B.TEST\nSUBJECT: NO BOAT\n", "LIGHT IN WINTER"}},
                             {9, {"SUBJECT: KEYS\n", "DKIM B=HGF7SD8FZSD87FZ6SD8F7ZSDF8Z7SDF AND 4711-2026"}}});
  using Objects = std::vector<TextObject>;
  CHECK(possible(octets, "HARBOUR") == Objects{3});
  CHECK(possible(octets, "RBOU") == Objects{3});
  CHECK(possible(octets, "BOAT") == Objects{3, 5});
  CHECK(possible(octets, "BOAT\n") == Objects{5});
  CHECK(possible(octets, " BOATS") == Objects{3});
  CHECK(possible(octets, "HARBOUR LIGHT") == Objects{3});
  CHECK(possible(octets, "BOB@B.TEST") == Objects{5});
  CHECK(possible(octets, "8FZSD87FZ6") == Objects{9});
  CHECK(possible(octets, "F7") == Objects{9});
  CHECK(possible(octets, "8FZSD87FZ7").empty());
  CHECK(possible(octets, "4711-20") == Objects{9});
  CHECK(possible(octets, "NOWHERE").empty());
  // It knows nothing of these.
  CHECK(possible(octets, ": ") == Objects{3, 5, 9});
  CHECK(possible(octets, "") == Objects{3, 5, 9});
}

TEST_CASE("segments merged say what they said, without what is gone", "[text_index]") {
  std::mt19937 random(42);
  for (int round = 0; round < 30; ++round) {
    std::vector<std::string> octets;
    Texts all;
    for (auto count = 1 + random() % 4; count > 0; --count) {
      // They may overlap: two processes may have been at it.
      const auto texts = random_texts(random, static_cast<TextObject>(random() % 50));
      Texts mine;
      for (const auto& [object, parts] : texts) mine.emplace(object, all.emplace(object, parts).first->second);
      octets.push_back(build(mine));
    }
    std::vector<Segment> heads;
    for (const auto& each : octets) heads.push_back(must_parse(each));
    std::vector<WholeSegment> whole;
    for (std::size_t n = 0; n < heads.size(); ++n) whole.push_back({&heads[n], octets[n]});
    const auto keeps = [](TextObject object) { return object % 3 != 0; };
    const auto merged = merge_segments(whole, kVersion, keeps);
    REQUIRE(merged.has_value());
    std::erase_if(all, [&](const auto& entry) { return !keeps(entry.first); });
    CHECK(*merged == build(all));
  }
}

TEST_CASE("damage of a chunk is seen", "[text_index]") {
  std::mt19937 random(1);
  const std::string octets = build(random_texts(random, 1)) + random_text(random, 3 * kChunk);
  auto chunks = to_chunks(octets);
  REQUIRE(chunks.size() > 2);
  std::string back;
  for (const auto& chunk : chunks) back += open_chunk(chunk).value();
  CHECK(back == octets);
  chunks[1][100] ^= 1;
  CHECK_FALSE(open_chunk(chunks[1]).has_value());
  CHECK_FALSE(open_chunk("abc").has_value());
}

TEST_CASE("a head that is cut off or changed is refused or keeps to its bounds", "[text_index]") {
  std::mt19937 random(5);
  const auto octets = build(random_texts(random, 1));
  const auto head = must_parse(octets).prefix().head_bytes();
  for (std::size_t size = 0; size < head; ++size) CHECK_FALSE(Segment::parse(octets.substr(0, size)).has_value());
  for (std::size_t n = 0; n < Prefix::kSize; ++n) {
    auto changed = octets;
    changed[n] = static_cast<char>(changed[n] ^ 0x40);
    CHECK_FALSE(Segment::parse(changed).has_value());
  }
}

TEST_CASE("what most messages have is not read", "[text_index]") {
  Texts texts;
  for (TextObject object = 1; object <= 20'000; ++object)
    texts[object] = {"RECEIVED BY MX ID A" + std::to_string(object % 1000) + (object == 777 ? " NEEDLE" : "")};
  const auto octets = build(texts);
  const auto segment = must_parse(octets);
  CHECK(segment.plan(needle_pieces("A")).steps.empty());
  CHECK(segment.plan(needle_pieces("NEEDLE")).steps.size() == 1);
  CHECK(possible(octets, "NEEDLE") == std::vector<TextObject>{777});
  CHECK(possible(octets, "E").size() == 20'000);
}
