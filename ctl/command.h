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
#include "ctl/contexts.h"

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
  std::vector<Context> contexts{};  // those that were chosen by name; the first is what `target` and so on are of
};

struct Command {
  std::string_view noun;
  std::string_view verb;            // empty: the noun is the whole command
  std::string_view operands;        // for the help: "ID"
  std::size_t least = 0, most = 0;  // operands
  std::string_view summary;
  std::vector<Option> options;  // besides the global ones
  int (*run)(const Invocation& invocation);
  bool needs_agent = true;        // false: works without a target
  std::string_view choices = {};  // of its operand, as in Option
  /// How it deals with several contexts: it is run for one after the other, or sees to all of them itself, or cannot.
  enum class Several { kEach, kItself, kNo } several = Several::kEach;
};

/// What the program is for, and its exit codes, as help and manual have them.
inline constexpr std::string_view kPurpose = "looks at a running agent of Quartet and tells it what to do";
inline constexpr std::string_view kExitCodes =
    "0 done; 1 refused, not found or failed; 2 wrong usage; 3 the agent cannot be reached";

/// The table that parsing, help, completion and manual pages go by.
const std::vector<Command>& all_commands();
const std::vector<Option>& global_options();
/// "queue show ID"
std::string synopsis(const Command& command);

std::vector<Command> queue_commands();
std::vector<Command> operation_commands();
std::vector<Command> rule_commands();
std::vector<Command> link_commands();
std::vector<Command> upstream_commands();
std::vector<Command> dest_commands();
std::vector<Command> session_commands();
std::vector<Command> account_commands();
std::vector<Command> mailbox_commands();
std::vector<Command> quota_commands();
std::vector<Command> sieve_commands();
std::vector<Command> store_commands();
/// Also those of quartet-transfer, which runs them.
std::vector<Command> transfer_commands();
std::vector<Command> config_commands();
std::vector<Command> node_commands();
std::vector<Command> trace_commands();
std::vector<Command> tail_commands();
std::vector<Command> top_commands();
std::vector<Command> shell_commands();

/// Makes `context` the agent that is asked.
void go_to(Invocation& invocation, const Context& context);

/// Says why on the standard error; kUsage.
int usage_error(const Invocation& invocation, const std::string& why);

}  // namespace quartet::ctl
