// What filters in front of the mda tell Sieve scripts, as the configuration has it.
#pragma once
#include <memory>

#include "common/service/settings.h"
#include "common/sieve/verdict.h"
#include "quartet/config/v1/mda.pb.h"

namespace quartet::mda {

/// Faults go to the checker.
std::shared_ptr<const sieve::Verdicts> read_verdicts(service::Checker& checker, const config::v1::Sieve& sieve);

}  // namespace quartet::mda
