// Little-endian integers in byte strings, base64 (RFC 4648 section 4) and hex.
#pragma once
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace quartet {

static_assert(std::endian::native == std::endian::little, "records on disk are little-endian and copied as they are");

/// Appends the integer's bytes, least significant first.
template <std::integral T>
void put_le(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

/// Takes one integer from the front of `in`; nullopt, and `in` untouched, when too few bytes are left.
template <std::integral T>
std::optional<T> take_le(std::string_view& in) {
  if (in.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, in.data(), sizeof(T));
  in.remove_prefix(sizeof(T));
  return value;
}

/// Appends a 32-bit length and the bytes.
void put_bytes(std::string& out, std::string_view bytes);

/// Takes what put_bytes wrote; a view into `in`'s memory.
std::optional<std::string_view> take_bytes(std::string_view& in);

std::string base64_encode(std::string_view bytes);

/// Strict: whole quartets, padding only at the end, no white space, no other character.
std::optional<std::string> base64_decode(std::string_view text);

std::string hex_encode(std::string_view bytes);
std::optional<std::string> hex_decode(std::string_view text);

}  // namespace quartet
