// Batch SMTP (RFC 2442): the client's side of an SMTP session as a file, for gateways to networks that mail reaches by
// other ways than a connection. Sans-IO.
#pragma once
#include <expected>
#include <string>

#include "common/smtp/client_session.h"

namespace quartet::smtp {

struct BatchForm {
  std::string hostname;  // for HELO
  bool esmtp = false;    // EHLO, with the parameters of SIZE, 8BITMIME, SMTPUTF8 and DSN; else HELO and 7-bit mail
  bool lf = false;       // lines end with LF instead of CRLF
};

/// From HELO to QUIT, with one transaction. The error is the reply to the message in the gateway's place: it cannot be
/// written in this form.
std::expected<std::string, Reply> batch_of(const OutboundTransaction& transaction, const BatchForm& form);

}  // namespace quartet::smtp
