// A program that is run for one piece of work: bytes go in, what it says and how it ended come back.
#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/deadline.h"
#include "common/async/task.h"
#include "common/net/error.h"

namespace quartet::net {

struct ProcessOptions {
  std::vector<std::string> arguments;    // the first is the program's path; no shell looks at them
  std::vector<std::string> environment;  // "NAME=value"; nothing else is passed on
  std::string directory = "/";
  std::optional<unsigned> user;  // to become; only root can. Further groups are given up
  std::optional<unsigned> group;
  std::size_t most_output = 4096;  // kept; the rest is read and forgotten
};

struct ProcessEnd {
  int exit_code = 0;
  int signal = 0;  // that ended it; 0: it ended by itself
  bool timed_out = false;
  std::string output;  // standard output and standard error, as they came
};

/// Ends when the program has ended and its output is read, or a second later if somebody else has its output open. A
/// program that has not ended by the deadline, or when the caller's group stops, is told to by SIGTERM, and five
/// seconds later by SIGKILL, with all of its session. Whether it read its input is not looked at. The caller keeps
/// `input` alive. The error: it could not be started.
async::Task<std::expected<ProcessEnd, IoError>> run_process(ProcessOptions options, std::string_view input,
                                                            async::Deadline deadline);

}  // namespace quartet::net
