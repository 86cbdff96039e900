// What a filter compares, for all that filters look at.
#pragma once
#include <algorithm>
#include <optional>
#include <string_view>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/mime/idna.h"
#include "common/spool/query.h"

namespace quartet::spool {

template <typename T>
bool in_range(const T& value, const std::optional<T>& from, const std::optional<T>& before) {
  return (!from || value >= *from) && (!before || value < *before);
}

/// `domain` and `wanted` as mime::ascii_domain() has them.
inline bool domain_matches(std::string_view domain, std::string_view wanted) {
  if (wanted.starts_with('.')) return domain.size() > wanted.size() && domain.ends_with(wanted);
  return domain == wanted;
}

/// Addresses are compared without regard to case, and most of the local part's users expect that too.
inline bool address_matches(std::string_view address, std::string_view wanted) {
  if (ascii::iequals(address, wanted)) return true;
  if (mime::is_ascii(address) && mime::is_ascii(wanted)) return false;
  return mime::ascii_address(address) == mime::ascii_address(wanted);
}

/// What the filter says of the sender, and of the recipient, of one message.
bool has_sender(const Filter& filter, std::string_view reverse_path);
bool has_recipient(const Filter& filter, std::string_view address);

/// Whether a held recipient whose last reply has this text is held by the rule.
bool is_held_by(std::string_view text, std::string_view rule);

}  // namespace quartet::spool
