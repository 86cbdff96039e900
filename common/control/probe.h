// DestinationService.Probe.
#pragma once
#include <string>

#include "common/control/calls.h"
#include "common/relay/relay.h"
#include "quartet/control/v1/destination.pb.h"

namespace quartet::control {

/// `relay` outlives the call. `peer` for the log.
grpc::ServerWriteReactor<v1::ProbeResponse>* probe(Calls& calls, relay::Relay& relay, const v1::ProbeRequest& request,
                                                   const std::string& peer);

}  // namespace quartet::control
