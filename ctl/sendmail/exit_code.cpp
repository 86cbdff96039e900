#include "ctl/sendmail/exit_code.h"

namespace quartet::sendmail {

int exit_code(const smtp::Reply& reply) {
  if (reply.code / 100 == 2) return EX_OK;
  if (!reply.permanent()) return EX_TEMPFAIL;
  const auto is = [&](std::string_view status) { return reply.enhanced.starts_with(status); };
  if (reply.enhanced == "5.1.1" || reply.enhanced == "5.1.6" || reply.enhanced == "5.1.3" || reply.enhanced == "5.2.1")
    return EX_NOUSER;
  if (reply.enhanced == "5.1.2" || reply.enhanced == "5.1.10") return EX_NOHOST;
  if (reply.enhanced == "5.3.4" || is("5.6.")) return EX_DATAERR;
  if (is("5.7.")) return EX_NOPERM;
  return EX_UNAVAILABLE;
}

int exit_code(const smtp::ClientError& error) {
  using Kind = smtp::ClientError::Kind;
  switch (error.kind) {
    case Kind::kProtocol:
      return EX_PROTOCOL;
    case Kind::kLogin:
      return error.reply && !error.reply->permanent() ? EX_TEMPFAIL : EX_NOPERM;
    case Kind::kRefused:
      return error.reply && error.reply->permanent() ? exit_code(*error.reply) : EX_TEMPFAIL;
    case Kind::kNetwork:
    case Kind::kTls:
      return EX_TEMPFAIL;
  }
  return EX_SOFTWARE;
}

}  // namespace quartet::sendmail
