// Tokens by which a change shows that somebody looked at a dry run of it.
#pragma once
#include <string>

#include "common/base/time.h"
#include "common/control/order.h"

namespace quartet::control {

/// The change takes mail away from all of the queue.
bool wants_confirmation(ChangeVerb verb, const v1::ChangeRequest& request);

/// For this change, by this process, from `now` on for ten minutes. Guards and dry_run are no part of the change.
std::string confirm_token(ChangeVerb verb, const v1::ChangeRequest& request, WallTime now);
/// Whether the request's token is one for it.
bool is_confirmed(ChangeVerb verb, const v1::ChangeRequest& request, WallTime now);

}  // namespace quartet::control
