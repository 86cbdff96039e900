// The words of a command line: options anywhere, then noun, verb and operands.
#pragma once
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::ctl {

struct Option {
  std::string_view name;   // "older-than"
  std::string_view value;  // what follows it, for the help; empty: nothing does
  std::string_view help;
  std::string_view choices = {};  // all that may follow it, with spaces between, where that is known
};

class Arguments {
 public:
  /// `known` are the options of all commands; the error names the word that makes no sense. "--" ends the options.
  static std::expected<Arguments, std::string> parse(std::span<const std::string> words, std::span<const Option> known);

  bool has(std::string_view option) const { return options_.contains(option); }
  /// The last one given.
  std::optional<std::string> value(std::string_view option) const;
  /// All that were given.
  std::vector<std::string> values(std::string_view option) const;

  /// A number from 1; nullopt if the option is not given.
  std::expected<std::optional<std::uint64_t>, std::string> count(std::string_view option) const;

  const std::vector<std::string>& words() const { return words_; }
  /// What follows noun and verb.
  std::span<const std::string> operands() const;

  /// The first given option that is not among these; empty if there is none.
  std::string other_than(std::span<const Option> a, std::span<const Option> b) const;

 private:
  std::vector<std::string> words_;
  std::map<std::string, std::vector<std::string>, std::less<>> options_;
};

}  // namespace quartet::ctl
