#include "imapd/text_index/segment_format.h"

#include <algorithm>

#include "common/base/crc32c.h"
#include "common/base/encoding.h"
#include "imapd/text_index/varint.h"

namespace quartet::imapd {
namespace {

constexpr std::uint32_t kMagic = 0x31585451;  // "QTX1"

}  // namespace

std::string write_prefix(const Prefix& prefix) {
  std::string out;
  put_le(out, kMagic);
  for (const auto value : {prefix.version, prefix.objects, prefix.words, prefix.grams, prefix.object_bytes,
                           prefix.word_bytes, prefix.gram_bytes})
    put_le(out, value);
  put_le(out, prefix.list_bytes);
  put_le(out, crc32c(out));
  return out;
}

std::optional<Prefix> read_prefix(std::string_view bytes) {
  if (bytes.size() < Prefix::kSize) return std::nullopt;
  const auto covered = bytes.substr(0, Prefix::kSize - sizeof(std::uint32_t));
  if (take_le<std::uint32_t>(bytes) != kMagic) return std::nullopt;
  Prefix prefix;
  for (auto* const value : {&prefix.version, &prefix.objects, &prefix.words, &prefix.grams, &prefix.object_bytes,
                            &prefix.word_bytes, &prefix.gram_bytes})
    *value = *take_le<std::uint32_t>(bytes);
  prefix.list_bytes = *take_le<std::uint64_t>(bytes);
  if (take_le<std::uint32_t>(bytes) != crc32c(covered)) return std::nullopt;
  return prefix;
}

std::vector<std::string> to_chunks(std::string_view segment) {
  std::vector<std::string> chunks;
  for (; !segment.empty(); segment.remove_prefix(std::min(kChunk, segment.size()))) {
    chunks.emplace_back(segment.substr(0, kChunk));
    put_le(chunks.back(), crc32c(chunks.back()));
  }
  return chunks;
}

std::optional<std::string_view> open_chunk(std::string_view chunk) {
  constexpr auto kSum = sizeof(std::uint32_t);
  if (chunk.size() < kSum) return std::nullopt;
  const auto bytes = chunk.substr(0, chunk.size() - kSum);
  chunk.remove_prefix(bytes.size());
  if (take_le<std::uint32_t>(chunk) != crc32c(bytes)) return std::nullopt;
  return bytes;
}

void SegmentWriter::add_object(TextObject object) {
  put_varint(objects_, static_cast<std::uint64_t>(object - last_));
  last_ = object;
  ++prefix_.objects;
}

void SegmentWriter::add_word(std::string_view word, std::string_view list) {
  dictionary_ += word;
  auto length = list.size();
  do {
    dictionary_.push_back(static_cast<char>(0x10U | (length & 0xFU)));
    length >>= 4;
  } while (length != 0);
  lists_ += list;
  ++prefix_.words;
}

void SegmentWriter::add_gram(std::uint32_t gram, std::string_view list) {
  for (const int shift : {16, 8, 0}) grams_.push_back(static_cast<char>(gram >> shift));
  put_varint(grams_, list.size());
  lists_ += list;
  ++prefix_.grams;
}

std::string SegmentWriter::finish() {
  prefix_.object_bytes = static_cast<std::uint32_t>(objects_.size());
  prefix_.word_bytes = static_cast<std::uint32_t>(dictionary_.size());
  prefix_.gram_bytes = static_cast<std::uint32_t>(grams_.size());
  prefix_.list_bytes = lists_.size();
  return write_prefix(prefix_) + objects_ + dictionary_ + grams_ + lists_;
}

void PlaceList::put(std::uint32_t value) { put_varint(bytes_, value); }

}  // namespace quartet::imapd
