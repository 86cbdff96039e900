// sysexits(3), with which programs that call sendmail decide: what to report, and whether to try again.
#pragma once
#include <sysexits.h>

#include "common/smtp/client_session.h"

namespace quartet::sendmail {

/// Of a refused recipient: EX_TEMPFAIL for a 4yz or no reply, EX_NOUSER, EX_NOHOST, EX_NOPERM or EX_DATAERR as the
/// enhanced status of a 5yz tells (RFC 3463), else EX_UNAVAILABLE. EX_OK for a positive one.
int exit_code(const smtp::Reply& reply);

/// Of a session that did not come to be.
int exit_code(const smtp::ClientError& error);

}  // namespace quartet::sendmail
