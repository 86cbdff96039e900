// The frame of every daemon: options, configuration, log, signals, control plane, metrics, and an orderly end.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/service/agent.h"

namespace quartet::service {

struct Program {
  std::string name;     // "mta"
  std::string summary;  // one line for --help
  /// Reads and checks the configuration and all files it names; opens nothing.
  std::function<std::expected<std::unique_ptr<Agent>, std::vector<config::Error>>(const std::string& path)> load;

  /// An option that does something else than serve, such as --check-spool; its value is the exit code.
  struct Action {
    std::string option;
    std::string help;
    std::function<int(const std::string& path)> run;
  };
  std::vector<Action> actions;
};

/// main() of a daemon. Options: --config FILE, --check, --help, --version and those of the program. SIGTERM and SIGINT
/// drain, SIGHUP reloads. Exit code 0: ended as asked; 1: could not start; 2: the options or the configuration are
/// wrong.
int run(const Program& program, int argc, char** argv);

}  // namespace quartet::service
