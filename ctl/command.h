// What a command is, and what it is given.
#pragma once
#include <chrono>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/arguments.h"

namespace quartet::ctl {

/// Exit codes that scripts rely on.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,       // the agent refused, or found nothing, or what was to happen did not
  kUsage = 2,        // the command line makes no sense; nothing was sent
  kUnreachable = 3,  // no agent there, or it does not answer (in time), or it does not let us in
};

struct Invocation {
  const Arguments& arguments;
  std::ostream& out;
  std::ostream& err;
  std::string target;  // "unix:/path" or "host:port"
  std::string ca, certificate, key;
  bool json = false;
  std::optional<std::chrono::milliseconds> timeout;
};

struct Command {
  std::string_view noun;
  std::string_view verb;            // empty: the noun is the whole command
  std::string_view operands;        // for the help: "ID"
  std::size_t least = 0, most = 0;  // operands
  std::string_view summary;
  std::vector<Option> options;  // besides the global ones
  int (*run)(const Invocation& invocation);
};

std::vector<Command> queue_commands();
std::vector<Command> link_commands();
std::vector<Command> upstream_commands();
std::vector<Command> dest_commands();
std::vector<Command> node_commands();
std::vector<Command> trace_commands();

/// Says why on the standard error; kUsage.
int usage_error(const Invocation& invocation, const std::string& why);

}  // namespace quartet::ctl
