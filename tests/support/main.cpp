// Catch2's main, compiled once for all unit tests because it takes longer than any of them.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
