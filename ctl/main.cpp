#include <cstdlib>
#include <iostream>

#include "ctl/command.h"
#include "ctl/run.h"

int main(int argc, char** argv) {
  const char* const target = std::getenv("QUARTET_TARGET");
  const int code = quartet::ctl::run({argv + 1, argv + argc}, target == nullptr ? "" : target, std::cout, std::cerr);
  // Half of an export or a list must not pass for all of it, as on a disk that is full.
  if (std::cout.flush()) return code;
  std::cerr << "quartetctl: the standard output cannot be written\n";
  return code == quartet::ctl::kOk ? quartet::ctl::kFailed : code;
}
