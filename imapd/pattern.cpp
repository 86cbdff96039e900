#include "imapd/pattern.h"

#include "common/base/ascii.h"

namespace quartet::imapd {
namespace {

bool is_wild(char c) { return c == '*' || c == '%'; }

bool is_inbox(std::string_view name) { return name == "INBOX" || name.starts_with("INBOX/"); }

constexpr std::size_t kBits = 64;

void set(std::vector<std::uint64_t>& places, std::size_t place) {
  places[place / kBits] |= std::uint64_t{1} << place % kBits;
}

bool has(const std::vector<std::uint64_t>& places, std::size_t place) {
  return (places[place / kBits] >> place % kBits & 1) != 0;
}

}  // namespace

Pattern::Pattern(std::string_view text) {
  for (const char c : text) {
    if (!is_wild(c) || text_.empty() || !is_wild(text_.back()))
      text_ += c;
    else if (c == '*')
      text_.back() = c;  // "*%", "%*" and "**" are "*", "%%" is "%"
  }
  const Places none(text_.size() / kBits + 1, 0);
  any_ = level_ = none;
  for (std::size_t place = 0; place < text_.size(); ++place) {
    const char c = text_[place];
    if (is_wild(c)) {
      set(c == '*' ? any_ : level_, place);
      continue;
    }
    set(exact_.try_emplace(c, none).first->second, place);
    set(upper_.try_emplace(ascii::to_upper(c), none).first->second, place);
  }
}

const Pattern::Places* Pattern::places_of(char c, bool any_case) const {
  const auto& all = any_case ? upper_ : exact_;
  const auto found = all.find(c);
  return found == all.end() ? nullptr : &found->second;
}

bool Pattern::matches(std::string_view name) const {
  const std::size_t any_case = is_inbox(name) ? 5 : 0;
  // No backtracking, and 64 places at a time: the pattern is the client's, and others wait while it is looked at.
  Places reached(any_.size(), 0);
  set(reached, 0);
  if (!text_.empty() && is_wild(text_.front())) set(reached, 1);  // which may stand for nothing
  for (std::size_t n = 0; n < name.size(); ++n) {
    const auto* const here = places_of(name[n], n < any_case);
    const bool within_level = name[n] != '/';
    std::uint64_t left = 0;
    std::uint64_t carried = 0;
    for (std::size_t word = 0; word < reached.size(); ++word) {
      const auto wild = any_[word] | level_[word];
      const auto moved = here == nullptr ? 0 : reached[word] & (*here)[word];
      const auto stayed = reached[word] & (within_level ? wild : any_[word]);
      auto now = moved << 1 | stayed | carried;
      // A wildcard may stand for nothing; there is none behind it.
      const auto passed = now & wild;
      now |= passed << 1;
      carried = (moved | passed) >> (kBits - 1);
      reached[word] = now;
      left |= now;
    }
    if (left == 0) return false;
  }
  return has(reached, text_.size());
}

}  // namespace quartet::imapd
