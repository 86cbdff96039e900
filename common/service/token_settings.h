// How tokens are checked, out of a configuration.
#pragma once
#include <memory>

#include "common/service/settings.h"
#include "common/service/tokens.h"
#include "quartet/config/v1/oauth.pb.h"

namespace quartet::service {

/// Null where no tokens are wanted, and after a fault.
std::shared_ptr<Tokens> read_tokens(Checker& checker, bool wanted, const v1::OAuth& source);

}  // namespace quartet::service
