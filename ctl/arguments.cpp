#include "ctl/arguments.h"

#include <algorithm>

#include "common/base/ascii.h"

namespace quartet::ctl {

std::expected<Arguments, std::string> Arguments::parse(std::span<const std::string> words,
                                                       std::span<const Option> known) {
  Arguments parsed;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--") {
      parsed.words_.insert(parsed.words_.end(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (!word.starts_with('-') || word == "-") {
      parsed.words_.emplace_back(word);
      continue;
    }
    const auto equals = word.find('=');
    const auto name = word.starts_with("--") ? word.substr(2, equals == word.npos ? word.npos : equals - 2) : "";
    const auto option = std::ranges::find(known, name, &Option::name);
    if (option == known.end()) return std::unexpected("unknown option " + std::string(word));
    const bool has_value = equals != word.npos;
    if (option->value.empty() && has_value) return std::unexpected("--" + std::string(name) + " takes no value");
    auto& values = parsed.options_[std::string(name)];
    if (option->value.empty()) {
      values.emplace_back();
    } else if (has_value) {
      values.emplace_back(word.substr(equals + 1));
    } else if (i + 1 < words.size()) {
      values.push_back(words[++i]);
    } else {
      return std::unexpected("--" + std::string(name) + " needs a value: " + std::string(option->value));
    }
  }
  return parsed;
}

std::optional<std::string> Arguments::value(std::string_view option) const {
  const auto found = options_.find(option);
  if (found == options_.end()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> Arguments::values(std::string_view option) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::vector<std::string>() : found->second;
}

std::expected<std::optional<std::uint64_t>, std::string> Arguments::count(std::string_view option) const {
  const auto text = value(option);
  if (!text) return std::nullopt;
  const auto number = ascii::to_number(*text);
  if (!number || *number == 0) return std::unexpected("--" + std::string(option) + ": expected a number from 1");
  return number;
}

std::span<const std::string> Arguments::operands() const {
  return std::span(words_).subspan(std::min<std::size_t>(2, words_.size()));
}

std::string Arguments::other_than(std::span<const Option> a, std::span<const Option> b) const {
  const auto among = [](std::span<const Option> options, const std::string& name) {
    return std::ranges::find(options, name, &Option::name) != options.end();
  };
  for (const auto& [name, values] : options_)
    if (!among(a, name) && !among(b, name)) return name;
  return {};
}

}  // namespace quartet::ctl
