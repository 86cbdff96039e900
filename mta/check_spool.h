// mta --check-spool: what an operator asks after a disk has misbehaved.
#pragma once
#include <string>

namespace quartet::mta {

/// Prints what was found in the spool of the configuration at `path`. 0: all is well; 1: damage, or nothing could be
/// read; 2: the configuration is wrong.
int check_spool(const std::string& path);

}  // namespace quartet::mta
