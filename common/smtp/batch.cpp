#include "common/smtp/batch.h"

#include <algorithm>

#include "common/smtp/data_decoder.h"
#include "common/smtp/outbound.h"

namespace quartet::smtp {

std::expected<std::string, Reply> batch_of(const OutboundTransaction& transaction, const BatchForm& form) {
  Capabilities offered;
  offered.esmtp = offered.size = offered.eight_bit = offered.smtputf8 = offered.dsn = form.esmtp;
  Prepared prepared;
  if (auto possible = prepare(transaction, offered, prepared); !possible) return std::unexpected(possible.error());
  std::string out = (form.esmtp ? "EHLO " : "HELO ") + form.hostname + "\r\n";
  out += mail_command(transaction, offered, prepared);
  for (const auto& recipient : transaction.recipients) out += rcpt_command(recipient, offered, prepared);
  out += "DATA\r\n" + encode_data(prepared.message) + "QUIT\r\n";
  if (form.lf) {
    const auto lone = std::ranges::remove(out, '\r');
    out.erase(lone.begin(), lone.end());
  }
  return out;
}

}  // namespace quartet::smtp
