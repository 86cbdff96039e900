// The scripted next hop belongs to the tests of relay; this program has its own copy of it.
#include "tests/unit/relay/sink.cpp"
