// One question to one server: UDP, and TCP when the answer does not fit. Private to this folder.
#pragma once
#include <cstdint>
#include <expected>

#include "common/async/deadline.h"
#include "common/async/task.h"
#include "common/dns/error.h"
#include "common/dns/message.h"
#include "common/net/address.h"

namespace quartet::dns {

struct ExchangeOptions {
  bool edns = true;
  bool authentic_data = false;
};

/// A response to just this question, whatever its code. Datagrams with another id or question are passed over
/// (RFC 5452 section 9.1); a malformed one with our id ends the exchange. Errors: kServerFailed (nonsense), kTimedOut,
/// kNetwork, kScarce, kCancelled, kBadName.
async::Task<std::expected<Message, Error>> exchange(net::Address server, Question question, ExchangeOptions options,
                                                    async::Deadline deadline);

/// Cryptographically random, for ids.
std::uint32_t random_number();

}  // namespace quartet::dns
