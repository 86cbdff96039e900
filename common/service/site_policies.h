// How sites are treated, from the words of a configuration: retry schedules, rates, source addresses.
#pragma once
#include <vector>

#include "common/net/address.h"
#include "common/relay/policy.h"
#include "common/relay/relay.h"
#include "common/service/settings.h"

namespace quartet::service {

/// What is not set is as in `usual`.
relay::RetrySchedule retry_schedule(Checker& checker, const v1::Retry& retry, relay::RetrySchedule usual);

dns::Families families(v1::Dns::Families families, dns::Families otherwise);

/// The field `source_address` of `owner`. Whether the host has the addresses is seen when they are used: some come and
/// go.
std::vector<net::Address> source_addresses(Checker& checker, const google::protobuf::Message& owner,
                                           const google::protobuf::RepeatedPtrField<std::string>& values);

/// For RoutingTable::site_policies; `options` has what holds where they say nothing.
decltype(relay::RoutingTable::site_policies) site_policies(Checker& checker, const v1::Sending& sending,
                                                           const relay::Options& options);

}  // namespace quartet::service
