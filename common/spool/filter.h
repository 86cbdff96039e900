// What a filter compares, for all that filters look at.
#pragma once
#include <algorithm>
#include <optional>
#include <string_view>

#include "common/base/ascii.h"

namespace quartet::spool {

template <typename T>
bool in_range(const T& value, const std::optional<T>& from, const std::optional<T>& before) {
  return (!from || value >= *from) && (!before || value < *before);
}

inline bool domain_matches(std::string_view domain, std::string_view wanted) {
  if (wanted.starts_with('.')) return domain.size() > wanted.size() && ascii::iends_with(domain, wanted);
  return ascii::iequals(domain, wanted);
}

/// Addresses are compared without regard to case, and most of the local part's users expect that too.
inline bool address_matches(std::string_view address, std::string_view wanted) {
  return ascii::iequals(address, wanted);
}

/// Whether a held recipient whose last reply has this text is held by the rule.
bool is_held_by(std::string_view text, std::string_view rule);

}  // namespace quartet::spool
