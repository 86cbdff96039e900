// Destinations for people.
#pragma once
#include <string>

#include "quartet/control/v1/destination.pb.h"

namespace quartet::ctl {

/// "open", "backoff", "SUSPENDED".
std::string state_text(const control::v1::Destination& destination);
/// "until 2026-11-26T15:00:00.000Z by unix:uid=0,pid=77: maintenance"; without an end of its own "until resumed by
/// ...".
std::string suspension_text(const control::v1::Suspension& suspension);
/// Lines with their ends: one for each step.
std::string explain_text(const control::v1::ExplainResponse& response);
/// The same for what a probe saw.
std::string probe_text(const control::v1::ProbeResponse& response);

}  // namespace quartet::ctl
