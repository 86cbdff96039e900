// How an mta would answer a recipient, and why, for operators.
#pragma once
#include "common/control/recipient.h"
#include "mta/settings.h"

namespace quartet::mta {

/// The answer is that of check_recipient(); a next hop that would be asked is not.
control::RecipientAnswer explain_recipient(const Settings& settings, const control::RecipientQuestion& question,
                                           WallTime now);

}  // namespace quartet::mta
