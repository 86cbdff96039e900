#include <cstdlib>
#include <iostream>

#include "ctl/run.h"

int main(int argc, char** argv) {
  const char* const target = std::getenv("QUARTET_TARGET");
  return quartet::ctl::run({argv + 1, argv + argc}, target == nullptr ? "" : target, std::cout, std::cerr);
}
