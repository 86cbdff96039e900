// The arguments of one command or test, taken one by one; what is left at the end is an error. For this folder.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/sieve/ast.h"

namespace quartet::sieve {

class Arguments {
 public:
  using Report = std::function<void(Position, std::string)>;
  /// `what` is the name of the command or test at `at`, for messages.
  Arguments(const std::vector<Argument>& source, std::string_view what, Position at, const Report& report);

  /// Tags first, in any order; each at most once.
  const Argument* tag(std::string_view name);
  const StringNode* tag_string(std::string_view name);
  std::optional<std::uint64_t> tag_number(std::string_view name);
  /// nullptr: no such tag.
  const std::vector<StringNode>* tag_strings(std::string_view name);
  /// The one of `names` that is there; two of them are an error.
  const Argument* one_of(std::initializer_list<std::string_view> names);

  /// Then what is left, in order. A missing or other one is an error and gives something empty.
  const StringNode& string(std::string_view name);
  const std::vector<StringNode>& strings(std::string_view name);
  std::uint64_t number(std::string_view name);
  /// How many are left after the tags were taken.
  std::size_t left() const { return left_.size() - next_; }
  /// Reports what nobody took.
  void finish();

  Position at() const { return at_; }
  const std::string& what() const { return what_; }
  void fault(Position at, std::string text) const { report_(at, std::move(text)); }

 private:
  const Argument* take(std::size_t index);
  const Argument* take_tag(std::size_t index);
  void there_twice(Position at, std::string_view name);
  const Argument* tag_value(std::string_view name, Argument::Kind kind, std::string_view kind_name);
  const Argument* positional(Argument::Kind kind, std::string_view name, std::string_view kind_name);

  std::string what_;
  Position at_;
  const Report& report_;
  std::vector<const Argument*> left_;
  std::size_t next_ = 0;  // of `left_`, among positional ones
  Position last_tag_{0, 0};
  std::optional<Position> first_positional_;
  bool broken_ = false;  // one error about their order is enough
  bool twice_ = false;   // a tag is, and may be left
};

}  // namespace quartet::sieve
