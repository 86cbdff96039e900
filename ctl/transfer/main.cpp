#include <cstdlib>
#include <iostream>

#include "ctl/transfer/run.h"

int main(int argc, char** argv) {
  const char* const store = std::getenv("QUARTET_STORE");
  return quartet::transfer::run({argv + 1, argv + argc}, store == nullptr ? "" : store, std::cout, std::cerr);
}
