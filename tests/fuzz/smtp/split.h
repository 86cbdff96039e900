// Cuts fuzz input into pieces: what a sans-IO parser yields must not depend on them.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace quartet::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Pieces whose sizes follow from `seed`; 0 gives single octets.
inline std::vector<std::string_view> pieces(std::string_view input, std::uint8_t seed) {
  std::vector<std::string_view> out;
  std::uint32_t state = seed;
  while (!input.empty()) {
    state = state * 1664525u + (seed == 0 ? 0 : 1013904223u);
    const std::size_t size = seed == 0 ? 1 : 1 + (state >> 24) % (1 + seed % 37);
    out.push_back(input.substr(0, size));
    input.remove_prefix(std::min(size, input.size()));
  }
  return out;
}

}  // namespace quartet::fuzz
