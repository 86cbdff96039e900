// Programs as next hops, out of a configuration.
#pragma once
#include "common/relay/route.h"
#include "common/service/settings.h"
#include "quartet/config/v1/pipe.pb.h"

namespace quartet::service {

/// Of kind kPipe. `agent` says as whom the agent runs.
relay::NextHop read_pipe(Checker& checker, const v1::Agent& agent, const v1::Pipe& pipe);

}  // namespace quartet::service
