// A script as its grammar sees it: RFC 5228 section 8.2. What commands and tests mean, the compiler knows.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/sieve/error.h"

namespace quartet::sieve {

struct StringNode {
  Position at;
  std::string text;
};

struct Argument {
  enum class Kind : std::uint8_t { kTag, kNumber, kStrings };
  Kind kind = Kind::kTag;
  Position at;
  std::string tag;  // lower case, without the colon
  std::uint64_t number = 0;
  std::vector<StringNode> strings;
  bool list = false;  // `strings` was written in brackets
};

struct TestNode {
  Position at;
  std::string name;  // lower case
  std::vector<Argument> arguments;
  std::vector<TestNode> tests;
  bool test_list = false;  // `tests` was written in parentheses
};

struct CommandNode {
  Position at;
  std::string name;  // lower case
  std::vector<Argument> arguments;
  std::vector<TestNode> tests;
  bool test_list = false;
  std::optional<std::vector<CommandNode>> block;
};

}  // namespace quartet::sieve
