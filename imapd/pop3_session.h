// One POP3 session of a server, from greeting to close: RFC 1939 with CAPA, RESP-CODES and PIPELINING (RFC 2449), STLS
// (RFC 2595), AUTH with initial response (RFC 5034), AUTH-RESP-CODE (RFC 3206) and UTF8 (RFC 6856). USER and PASS are
// taken where passwords are; APOP, which needs passwords in clear, is not offered.
//
// Who has a maildrop open by POP3 has it alone among sessions of POP3. Without the UTF8 command, header fields in UTF-8
// are sent in ASCII (RFC 6857); the sizes told are those of the messages as they are.
#pragma once
#include <memory>

#include "imapd/session.h"

namespace quartet::imapd {

/// Runs the session to its end. `options` and `services` outlive the task. What the client had marked as deleted is
/// deleted by QUIT alone.
async::Task<void> serve_pop3(std::unique_ptr<net::Stream> stream, const SessionOptions& options, Services& services);

}  // namespace quartet::imapd
