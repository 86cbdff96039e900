#include "common/base/crc32c.h"

#include <array>
#include <cstring>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace quartet {
namespace {

constexpr auto kTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0x82F63B78u : value >> 1;
    table[i] = value;
  }
  return table;
}();

std::uint32_t portable(std::string_view bytes, std::uint32_t crc) {
  for (const char c : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ crc >> 8;
  return crc;
}

#if defined(__x86_64__)
/// The instruction has its result three cycles later, so three pieces of this size are taken side by side.
constexpr std::size_t kPiece = 1024;

/// What as many zero octets make of a checksum, by its octets: kBehindPiece[n][octet n of it], one xor the other.
constexpr auto kBehindPiece = [] {
  std::array<std::uint32_t, 32> of_bit{};
  for (std::size_t bit = 0; bit < of_bit.size(); ++bit) {
    std::uint32_t crc = std::uint32_t{1} << bit;
    for (std::size_t n = 0; n < kPiece; ++n) crc = kTable[crc & 0xff] ^ crc >> 8;
    of_bit[bit] = crc;
  }
  std::array<std::array<std::uint32_t, 256>, 4> tables{};
  for (std::size_t n = 0; n < tables.size(); ++n)
    for (std::size_t octet = 0; octet < 256; ++octet)
      for (std::size_t bit = 0; bit < 8; ++bit)
        if ((octet >> bit & 1) != 0) tables[n][octet] ^= of_bit[8 * n + bit];
  return tables;
}();

std::uint32_t behind_piece(std::uint64_t crc) {
  return kBehindPiece[0][crc & 0xff] ^ kBehindPiece[1][crc >> 8 & 0xff] ^ kBehindPiece[2][crc >> 16 & 0xff] ^
         kBehindPiece[3][crc >> 24 & 0xff];
}

__attribute__((target("sse4.2"))) std::uint64_t three_pieces(const char* bytes, std::uint64_t crc) {
  std::uint64_t second = 0;
  std::uint64_t third = 0;
  for (std::size_t n = 0; n < kPiece; n += 8) {
    std::uint64_t words[3];
    for (std::size_t piece = 0; piece < 3; ++piece) std::memcpy(&words[piece], bytes + piece * kPiece + n, 8);
    crc = _mm_crc32_u64(crc, words[0]);
    second = _mm_crc32_u64(second, words[1]);
    third = _mm_crc32_u64(third, words[2]);
  }
  return behind_piece(behind_piece(crc) ^ second) ^ third;
}

__attribute__((target("sse4.2"))) std::uint32_t accelerated(std::string_view bytes, std::uint32_t crc) {
  std::uint64_t state = crc;
  for (; bytes.size() >= 3 * kPiece; bytes.remove_prefix(3 * kPiece)) state = three_pieces(bytes.data(), state);
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    state = _mm_crc32_u64(state, word);
    bytes.remove_prefix(8);
  }
  auto rest = static_cast<std::uint32_t>(state);
  for (const char c : bytes) rest = _mm_crc32_u8(rest, static_cast<unsigned char>(c));
  return rest;
}
#endif

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return ~accelerated(bytes, ~crc);
#endif
  return ~portable(bytes, ~crc);
}

}  // namespace quartet
