// DestinationService.Explain.
#pragma once
#include "common/control/calls.h"
#include "common/relay/relay.h"
#include "quartet/control/v1/destination.pb.h"

namespace quartet::control {

/// In words of the control plane, except the site's state.
void fill(v1::ExplainResponse& to, const relay::Explanation& explanation);
void fill(v1::Suspension& to, const relay::Suspension& suspension);

}  // namespace quartet::control
