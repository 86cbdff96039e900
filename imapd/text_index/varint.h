// Numbers of seven bits an octet, lowest first; the last octet has its top bit clear.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quartet::imapd {

inline void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

/// nullopt: cut off, or more than 64 bits.
inline std::optional<std::uint64_t> take_varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (std::size_t n = 0; n < in.size() && n < 10; ++n) {
    const auto octet = static_cast<unsigned char>(in[n]);
    if (n == 9 && octet > 1) return std::nullopt;
    value |= static_cast<std::uint64_t>(octet & 0x7FU) << (7 * n);
    if (octet < 0x80) {
      in.remove_prefix(n + 1);
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace quartet::imapd
