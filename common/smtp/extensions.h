// Values of MAIL parameters that say how and when a message is to be sent on: RFC 2852 (BY), RFC 4865 (HOLDFOR,
// HOLDUNTIL), RFC 6710 (MT-PRIORITY). Sans-IO.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace quartet::smtp {

/// RFC 2852 section 4: by when a message is to be delivered, and what happens if it is not.
struct DeliverBy {
  std::int32_t seconds = 0;  // from now on; more than 0 with the mode R
  bool notify = false;       // mode N: the sender is told, and delivery goes on; else R: the message is returned
  bool trace = false;        // the sender is told of each relay on the way
  friend bool operator==(const DeliverBy&, const DeliverBy&) = default;
};

/// "120;R", "-30;NT"; at most nine digits.
std::optional<DeliverBy> parse_deliver_by(std::string_view value);
std::string to_string(const DeliverBy& by);

/// "-9" to "9", without a plus or zeros in front (RFC 6710 section 6).
std::optional<std::int8_t> parse_priority(std::string_view value);

/// One to nine digits, the first not 0 (RFC 4865 section 4).
std::optional<std::chrono::seconds> parse_hold_for(std::string_view value);

}  // namespace quartet::smtp
