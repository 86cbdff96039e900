// The scripted name server belongs to the tests of dns; this program has its own copy of it.
#include "tests/unit/dns/scripted_server.cpp"
