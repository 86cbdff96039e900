// The routing table of an mta out of its configuration.
#pragma once
#include <memory>
#include <string_view>

#include "common/directory/directory.h"
#include "common/relay/route.h"
#include "common/service/settings.h"
#include "quartet/config/v1/mta.pb.h"

namespace quartet::mta {

/// Null after a fault. `directory` may be null; `options` are those of the relay.
std::shared_ptr<const relay::Router> read_routes(service::Checker& checker, const config::v1::Mta& source,
                                                 const directory::Directory* directory, const relay::Options& options);

using service::is_domain_pattern;

/// Whether one of the patterns covers `domain`, which is in lower case like them.
bool covers(const std::vector<std::string>& patterns, std::string_view domain);

}  // namespace quartet::mta
