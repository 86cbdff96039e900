// What /metrics shows of things that are not counted as they happen but looked up when somebody asks. Any thread.
#pragma once
#include <string>

#include "common/service/agent.h"

namespace quartet::service {

/// quartet_build_info: the program's name and version.
void show_build(const std::string& agent);

/// quartet_ready: 1 or 0.
void show_ready(bool ready);

/// quartet_queue_*: the recipients in the queue by state, and what its log takes on disk and in memory.
void show_queue(const spool::Spool& spool);

}  // namespace quartet::service
