// The relay's tables of an mda: next hops by the configuration, the rest by forward_host or MX, and the way back to
// ourselves.
#pragma once
#include "common/relay/route.h"
#include "common/service/settings.h"

namespace quartet::mda {

struct Settings;

/// Of settings that are read as far as listeners and tables. Without faults of its own: next hops are checked again.
relay::RoutingTable routes(service::Checker& checker, const Settings& settings);

}  // namespace quartet::mda
