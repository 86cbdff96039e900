// A script's text to its compiled form, or to all that is wrong with it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/sieve/error.h"
#include "common/sieve/extension.h"
#include "common/sieve/external_list.h"
#include "common/sieve/parser.h"

namespace quartet::sieve {

struct Program;
using ProgramPtr = std::shared_ptr<const Program>;

struct CompileOptions {
  SyntaxLimits syntax;
  std::size_t errors = 20;      // so many are reported at most
  std::size_t variables = 500;  // of one script
  std::uint64_t vacation_seconds_default = 7 * 86'400;
  std::uint64_t vacation_seconds_least = 0;  // of :seconds; :days has a day (RFC 5230 section 4.1)
  std::uint64_t vacation_seconds_most = 90 * 86'400;
  std::uint64_t duplicate_seconds_default = 7 * 86'400;
  std::uint64_t duplicate_seconds_most = 30 * 86'400;
  Extensions without;  // are not there
  /// RFC 6134: what lists there are beside kDefaultAddressBook; nullopt: it is not known, and there may be any.
  std::optional<ListNames> lists;
};

/// Errors in the order of their places.
std::expected<ProgramPtr, std::vector<Error>> compile(std::string_view script, const CompileOptions& options = {});

/// The extensions the script asked for: what a host has to look up before it runs.
Extensions extensions_of(const Program& program);

}  // namespace quartet::sieve
