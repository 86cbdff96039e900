// Files for a gateway as next hops, out of the configuration.
#pragma once
#include "common/relay/route.h"
#include "common/service/settings.h"
#include "quartet/config/v1/mta.pb.h"

namespace quartet::mta {

/// Of kind kBatch.
relay::NextHop read_batch(service::Checker& checker, const config::v1::BatchSmtp& batch);

}  // namespace quartet::mta
