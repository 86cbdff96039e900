// What filters in front of the mda tell Sieve scripts, as the configuration has it.
#pragma once
#include <memory>

#include "common/sieve/verdict.h"
#include "common/sieve_site/faults.h"
#include "quartet/config/v1/mda.pb.h"

namespace quartet::sieve_site {

std::shared_ptr<const sieve::Verdicts> read_verdicts(const Report& report, const config::v1::Sieve& sieve);

}  // namespace quartet::sieve_site
