// Script text to its syntax tree: RFC 5228 section 8.2.
#pragma once
#include <cstddef>
#include <expected>
#include <string_view>
#include <vector>

#include "common/sieve/ast.h"

namespace quartet::sieve {

struct SyntaxLimits {
  std::size_t bytes = 1024 * 1024;  // of a script
  std::size_t nesting = 32;         // of blocks, and of tests
  std::size_t strings = 10'000;     // in one list
};

/// The first error, if there is one.
std::expected<std::vector<CommandNode>, Error> parse(std::string_view script, const SyntaxLimits& limits = {});

}  // namespace quartet::sieve
