// Where a recipient's mail goes when its address stands for another one: an alias domain, or a sender that was
// rewritten when mail was forwarded (SRS). The tables of routes look at the result.
#pragma once
#include <string>

#include "common/base/time.h"
#include "common/smtp/server_machine.h"
#include "mta/settings.h"

namespace quartet::mta {

/// The address itself if it stands for no other.
std::string rewritten(const Settings& settings, const std::string& recipient, WallTime now);

/// All recipients of a transaction. The sender hears of them by the address that he gave: it becomes ORCPT if he gave
/// none (RFC 3461 section 4.2).
void rewrite_recipients(const Settings& settings, smtp::Transaction& transaction, WallTime now);

}  // namespace quartet::mta
