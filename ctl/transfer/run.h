// quartet-transfer as a function, for main() and for tests.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

namespace quartet::transfer {

/// The words after the program's name; QUARTET_STORE of the environment as `default_store`. The exit code: 0 all was
/// transferred, 1 not all, 2 wrong usage.
int run(const std::vector<std::string>& words, const std::string& default_store, std::ostream& out, std::ostream& err);

}  // namespace quartet::transfer
