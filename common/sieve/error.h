// What is wrong with a script, and where.
#pragma once
#include <cstdint>
#include <string>

namespace quartet::sieve {

/// A place in a script; both count from 1, columns in octets.
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  friend auto operator<=>(const Position&, const Position&) = default;
};

struct Error {
  Position at;
  std::string text;
};

/// "3:14: unknown command \"fielinto\"".
std::string to_string(const Error& error);

}  // namespace quartet::sieve
