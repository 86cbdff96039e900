// Selectors as people write them: rcpt.domain="x.org" and age>2h and last.code=452
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "quartet/control/v1/common.pb.h"

namespace quartet::control {

struct SelectorError {
  std::size_t column = 0;  // in octets, from 1
  std::string text;
};

/// Reads terms joined by `and`; common.proto has the grammar (Selector.text). Durations of `next` count from `now`.
/// What is returned has `text` empty and at least one condition.
std::expected<v1::Selector, SelectorError> parse_selector(std::string_view text, WallTime now);

/// Replaces `text` by the conditions it stands for, beside those that are there. The error names field and column; it
/// is one too if a condition is in the text as well as in its field.
std::expected<void, std::string> expand_text(v1::Selector& selector, WallTime now);

}  // namespace quartet::control
