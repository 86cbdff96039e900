// What a client session writes for a transaction, fitted to what the server offers. Sans-IO; not for other folders.
#pragma once
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "common/smtp/client_session.h"

namespace quartet::smtp {

/// The message as it goes out.
struct Prepared {
  std::string_view message;
  std::string converted;  // memory of `message` where it was converted; then do not move this object
  Body body = Body::k7Bit;
  bool smtputf8 = false;
};

/// Fills `out`, or returns the reply in the server's place when the message cannot go there at all.
std::expected<void, Reply> prepare(const OutboundTransaction& transaction, const Capabilities& offered, Prepared& out);

std::string mail_command(const OutboundTransaction& transaction, const Capabilities& offered, const Prepared& prepared);
std::string rcpt_command(const OutboundRecipient& recipient, const Capabilities& offered, const Prepared& prepared);

}  // namespace quartet::smtp
