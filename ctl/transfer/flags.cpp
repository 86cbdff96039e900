#include "ctl/transfer/flags.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/store/types.h"

namespace quartet::transfer {
namespace {

struct System {
  char letter;
  std::string_view name;
  std::uint64_t bit;
};
constexpr System kSystem[] = {
    {'D', "\\Draft", store::flag::kDraft},       {'F', "\\Flagged", store::flag::kFlagged},
    {'R', "\\Answered", store::flag::kAnswered}, {'S', "\\Seen", store::flag::kSeen},
    {'T', "\\Deleted", store::flag::kDeleted},
};

bool is_keyword(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return c > ' ' && c < '\x7F' && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
  });
}

}  // namespace

void Flags::add_keyword(std::string_view name) {
  if (!is_keyword(name)) return;
  if (std::ranges::any_of(keywords, [&](const std::string& known) { return ascii::iequals(known, name); })) return;
  keywords.insert(std::ranges::upper_bound(keywords, name), std::string(name));
}

void Flags::add_name(std::string_view name) {
  for (const auto& flag : kSystem)
    if (ascii::iequals(flag.name, name)) system |= flag.bit;
  add_keyword(name);
}

std::string to_letters(std::uint64_t system) {
  std::string letters;
  for (const auto& flag : kSystem)
    if ((system & flag.bit) != 0) letters += flag.letter;
  return letters;
}

std::uint64_t from_letters(std::string_view letters) {
  std::uint64_t system = 0;
  for (const auto& flag : kSystem)
    if (letters.contains(flag.letter)) system |= flag.bit;
  return system;
}

std::string to_text(const Flags& flags) {
  auto text = to_letters(flags.system);
  if (text.empty()) text = "-";
  for (const auto& keyword : flags.keywords) text.append(" ").append(keyword);
  return text;
}

Flags flags_from_text(std::string_view text) {
  const auto words = ascii::split(text, ' ');
  Flags flags;
  flags.system = from_letters(words.front());
  for (std::size_t n = 1; n < words.size(); ++n) flags.add_keyword(words[n]);
  return flags;
}

Flags flags_of(std::uint64_t flags, const std::vector<std::string>& known) {
  Flags out;
  out.system = flags & store::flag::kSystem;
  for (std::size_t n = 0; n < known.size(); ++n)
    if ((flags >> (store::kFirstKeywordBit + n) & 1) != 0) out.add_keyword(known[n]);
  return out;
}

}  // namespace quartet::transfer
