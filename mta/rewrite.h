// Where a recipient's mail goes when its address stands for others: an alias domain, a sender that was rewritten when
// mail was forwarded (SRS), an alias, a group, a list. The tables of routes look at the result.
#pragma once
#include <string>

#include "common/base/time.h"
#include "common/service/intake.h"
#include "common/smtp/server_machine.h"
#include "common/spool/edit.h"
#include "mta/settings.h"

namespace quartet::mta {

/// The address itself if it stands for no other one; aliases are not followed.
std::string rewritten(const Settings& settings, const std::string& recipient, WallTime now);

/// What `recipient`, as rewritten() gives it, leads to; nullopt if it is no alias, or aliases are not followed here.
std::optional<directory::Expansion> expansion_of(const Settings& settings, const std::string& recipient);

/// All recipients of a transaction. The sender hears of them by the address that he gave: it becomes ORCPT if he gave
/// none (RFC 3461 section 4.2). The mail of an alias goes on with what the sender wants of notices; with several
/// members it is told at once that there are more, instead of hearing of each success (section 5.2.7). What a list
/// sends on is between its owner and its members.
service::Followed follow(const Settings& settings, smtp::Transaction transaction, WallTime now);

/// The same for recipients of a message that is queued: what they lead to now, if that is not what they are.
spool::Replacement replacement_of(const Settings& settings, const spool::Message& message,
                                  const std::vector<spool::Claim>& recipients, WallTime now);

}  // namespace quartet::mta
