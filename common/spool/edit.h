// Changes of a queued message's envelope, and what takes the place of its recipients.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/spool/message.h"

namespace quartet::spool {

/// What is to be changed of one message, all at once. Addresses are compared without regard to ASCII case.
struct Edit {
  std::optional<std::string> reverse_path;            // without brackets; "": the null sender
  std::vector<NewRecipient> added;                    // due at once; those that are there are left out
  std::vector<std::pair<std::string, Result>> ended;  // addresses, and how they end: a final result, without a notice
};

enum class Edited {
  kChanged,
  kNothing,  // it is so already
  kActive,   // a recipient is under delivery, or its outcome is on its way to the disk
  kGone,     // no such message (any more)
};

/// Recipients that lead elsewhere by now, and what takes their place.
struct Replacement {
  std::vector<std::uint32_t> replaced;  // by ordinal
  std::vector<NewMessage> messages;     // those without a body get the message's
};

}  // namespace quartet::spool
