// What a server says of recipients for whom a transaction has no room: RFC 5321 section 4.5.3.1.10.
#pragma once
#include <string_view>

#include "common/smtp/reply.h"

namespace quartet::smtp {

/// They go in another transaction. RFC 821 had 552 for it, some servers say 451 with the code of RFC 3463 section 3.6.
inline bool is_too_many(const Reply& reply) {
  const std::string_view enhanced = reply.enhanced;
  if (enhanced == "4.5.3") return true;
  return (reply.code == 452 || reply.code == 552) && (enhanced.empty() || enhanced.substr(1) == ".5.3");
}

}  // namespace quartet::smtp
