// Catch2's main, compiled once for all unit tests because it takes longer than any of them.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

/// libuv closes its descriptors by system calls that ThreadSanitizer does not see. Where another thread then lists a
/// directory through a descriptor of the same number, that is taken for a race about it.
extern "C" const char* __tsan_default_suppressions() { return "race:^closedir$\n"; }
