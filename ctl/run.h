// quartetctl as a function, for main() and for tests.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

namespace quartet::ctl {

/// The words after the program's name; QUARTET_TARGET of the environment as `default_target`. The exit code is one of
/// ExitCode (command.h).
int run(const std::vector<std::string>& words, const std::string& default_target, std::ostream& out, std::ostream& err);

}  // namespace quartet::ctl
