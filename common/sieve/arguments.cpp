#include "common/sieve/arguments.h"

#include <fmt/format.h>

#include <algorithm>

namespace quartet::sieve {
namespace {

const StringNode kNoString;
const std::vector<StringNode> kNoStrings;

}  // namespace

Arguments::Arguments(const std::vector<Argument>& source, std::string_view what, Position at, const Report& report)
    : what_(what), at_(at), report_(report) {
  for (const auto& argument : source) left_.push_back(&argument);
}

const Argument* Arguments::take(std::size_t index) {
  const auto* out = left_[index];
  left_.erase(left_.begin() + static_cast<std::ptrdiff_t>(index));
  return out;
}

const Argument* Arguments::take_tag(std::size_t index) {
  last_tag_ = std::max(last_tag_, left_[index]->at);
  return take(index);
}

const Argument* Arguments::tag(std::string_view name) {
  const Argument* found = nullptr;
  for (std::size_t i = 0; i < left_.size();) {
    if (left_[i]->kind != Argument::Kind::kTag || left_[i]->tag != name) {
      ++i;
      continue;
    }
    if (found != nullptr) {
      there_twice(left_[i]->at, name);
      return found;
    }
    found = take_tag(i);
  }
  return found;
}

/// That is enough to know: to take out all the others would take time as the square of their number.
void Arguments::there_twice(Position at, std::string_view name) {
  fault(at, fmt::format("\":{}\" is there twice", name));
  twice_ = true;
}

const Argument* Arguments::one_of(std::initializer_list<std::string_view> names) {
  const Argument* found = nullptr;
  for (const auto name : names) {
    const auto* other = tag(name);
    if (other == nullptr) continue;
    if (found != nullptr)
      fault(other->at, fmt::format("\":{}\" and \":{}\" exclude each other", found->tag, other->tag));
    found = other;
  }
  return found;
}

const Argument* Arguments::tag_value(std::string_view name, Argument::Kind kind, std::string_view kind_name) {
  const Argument* first = nullptr;
  const Argument* value = nullptr;
  for (std::size_t i = 0; i < left_.size();) {
    if (left_[i]->kind != Argument::Kind::kTag || left_[i]->tag != name) {
      ++i;
      continue;
    }
    const auto* tag = take_tag(i);
    if (i >= left_.size() || left_[i]->kind != kind) {
      fault(tag->at, fmt::format("expected {} after \":{}\"", kind_name, name));
      return nullptr;
    }
    const auto* found = take(i);
    if (first != nullptr) {
      there_twice(first->at, name);
      return value;
    }
    first = tag;
    value = found;
  }
  return value;
}

const StringNode* Arguments::tag_string(std::string_view name) {
  const auto* value = tag_value(name, Argument::Kind::kStrings, "a string");
  if (value == nullptr) return nullptr;
  if (value->list) {
    fault(value->at, fmt::format("expected a string after \":{}\", not a list", name));
    return nullptr;
  }
  return &value->strings[0];
}

std::optional<std::uint64_t> Arguments::tag_number(std::string_view name) {
  const auto* value = tag_value(name, Argument::Kind::kNumber, "a number");
  return value == nullptr ? std::nullopt : std::optional(value->number);
}

const std::vector<StringNode>* Arguments::tag_strings(std::string_view name) {
  const auto* value = tag_value(name, Argument::Kind::kStrings, "a string or a list of strings");
  return value == nullptr ? nullptr : &value->strings;
}

const Argument* Arguments::positional(Argument::Kind kind, std::string_view name, std::string_view kind_name) {
  if (broken_) return nullptr;
  // Tags that nobody knows are reported by finish(), once.
  while (next_ < left_.size() && left_[next_]->kind == Argument::Kind::kTag) ++next_;
  if (next_ >= left_.size()) {
    fault(at_, fmt::format("{} needs its {}: {}", what_, name, kind_name));
    broken_ = true;
    return nullptr;
  }
  const auto* found = left_[next_];
  if (found->kind != kind) {
    fault(found->at, fmt::format("expected {} as {} of {}", kind_name, name, what_));
    broken_ = true;
    return nullptr;
  }
  if (!first_positional_) first_positional_ = found->at;
  return take(next_);
}

const StringNode& Arguments::string(std::string_view name) {
  const auto* found = positional(Argument::Kind::kStrings, name, "a string");
  if (found == nullptr) return kNoString;
  if (found->list) fault(found->at, fmt::format("expected a string as {} of {}, not a list", name, what_));
  return found->strings[0];
}

const std::vector<StringNode>& Arguments::strings(std::string_view name) {
  const auto* found = positional(Argument::Kind::kStrings, name, "a string or a list of strings");
  return found == nullptr ? kNoStrings : found->strings;
}

std::uint64_t Arguments::number(std::string_view name) {
  const auto* found = positional(Argument::Kind::kNumber, name, "a number");
  return found == nullptr ? 0 : found->number;
}

void Arguments::finish() {
  if (broken_ || twice_) return;
  if (first_positional_ && last_tag_ > *first_positional_)
    return fault(last_tag_, fmt::format("tags of {} come before its other arguments", what_));
  for (const auto* argument : left_) {
    if (argument->kind == Argument::Kind::kTag)
      fault(argument->at, fmt::format("{} knows no \":{}\" here", what_, argument->tag));
    else
      fault(argument->at, fmt::format("one argument too many for {}", what_));
    return;
  }
}

}  // namespace quartet::sieve
