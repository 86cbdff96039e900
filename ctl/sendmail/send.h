// One message from the standard input to the agent by SMTP.
#pragma once
#include <iosfwd>

#include "ctl/sendmail/command_line.h"
#include "ctl/sendmail/settings.h"

namespace quartet::sendmail {

/// Reads the message, submits it, says on `err` which recipients were refused and why. An exit code of sysexits.
int send(const CommandLine& line, Settings settings, std::istream& in, std::ostream& err);

}  // namespace quartet::sendmail
