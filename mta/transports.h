// Next hops without a connection, out of the configuration.
#pragma once
#include "common/relay/route.h"
#include "common/service/settings.h"
#include "quartet/config/v1/mta.pb.h"

namespace quartet::mta {

/// Of kind kPipe. `agent` says as whom the mta runs.
relay::NextHop read_pipe(service::Checker& checker, const config::v1::Agent& agent, const config::v1::Pipe& pipe);

/// Of kind kBatch.
relay::NextHop read_batch(service::Checker& checker, const config::v1::BatchSmtp& batch);

}  // namespace quartet::mta
