// QUARTET_CHECK: a broken invariant ends the process, in release builds too. That is safe because a 250 is sent only
// after the message is on disk. Never use it for what a peer, the network or the disk can cause.
#pragma once
#include <source_location>

namespace quartet {
[[noreturn]] void check_failed(const char* condition, std::source_location where = std::source_location::current());
}  // namespace quartet

#define QUARTET_CHECK(condition)           \
  do {                                     \
    if (!(condition)) [[unlikely]]         \
      ::quartet::check_failed(#condition); \
  } while (false)
