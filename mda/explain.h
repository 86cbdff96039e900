// How an mda would answer a recipient, and where the mail would go, for operators.
#pragma once
#include "common/control/recipient.h"
#include "mda/session.h"

namespace quartet::mda {

/// As the tables say it: room in the mailbox and the user's script are not looked at.
control::RecipientAnswer explain_recipient(const Tables& tables, const control::RecipientQuestion& question,
                                           WallTime now);

}  // namespace quartet::mda
