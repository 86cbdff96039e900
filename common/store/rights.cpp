#include "common/store/rights.h"

namespace quartet::store {
namespace {

/// Of the letters of RFC 2086; "" for any other.
std::string_view members_of(char letter) {
  if (letter == 'c') return "k";
  return letter == 'd' ? "xte" : "";
}

}  // namespace

Rights Rights::all() { return Rights((1U << kLetters.size()) - 1); }

std::optional<Rights> Rights::parse(std::string_view letters) {
  Rights rights;
  for (const char letter : letters) {
    if (const auto place = kLetters.find(letter); place != std::string_view::npos)
      rights.bits_ |= 1U << place;
    else if (const auto members = members_of(letter); !members.empty())
      rights = rights.with(*parse(members));
    else
      return std::nullopt;
  }
  return rights;
}

bool Rights::has(std::string_view letters) const {
  const auto wanted = parse(letters);
  return wanted && wanted->without(*this).empty();
}

bool Rights::has_any(std::string_view letters) const {
  const auto wanted = parse(letters);
  return wanted && (wanted->bits_ & bits_) != 0;
}

std::string Rights::to_string() const {
  std::string out;
  for (std::size_t n = 0; n < kLetters.size(); ++n)
    if ((bits_ >> n & 1) != 0) out += kLetters[n];
  return out;
}

std::string Rights::to_response() const {
  auto out = to_string();
  for (const char letter : {'c', 'd'})
    if (has_any(members_of(letter))) out += letter;
  return out;
}

std::uint64_t changeable_flags(Rights rights) {
  std::uint64_t flags = rights.has("w") ? ~(flag::kSeen | flag::kDeleted) : 0;
  if (rights.has("s")) flags |= flag::kSeen;
  if (rights.has("t")) flags |= flag::kDeleted;
  return flags;
}

Rights rights_of(const Acl& acl, std::string_view login) {
  Rights given;
  Rights taken;
  for (const auto& entry : acl) {
    const std::string_view identifier = entry.identifier;
    if (identifier == login || identifier == kAnyone) given = given.with(entry.rights);
    if (!identifier.starts_with('-')) continue;
    const auto whom = identifier.substr(1);
    if (whom == login || whom == kAnyone) taken = taken.with(entry.rights);
  }
  return given.without(taken);
}

}  // namespace quartet::store
