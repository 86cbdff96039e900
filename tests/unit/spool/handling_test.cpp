#include "common/spool/handling.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::spool;

TEST_CASE("what was asked for is read back", "[spool]") {
  Envelope envelope;
  envelope.received = from_micros(5);
  CHECK_FALSE(tls_optional(envelope));
  CHECK_FALSE(deadline(envelope));
  CHECK(released(envelope) == from_micros(5));
  const Deadline wanted{from_micros(1'795'694'400'000'001), GENERATE(true, false), GENERATE(true, false)};
  set_tls_optional(envelope);
  set_release(envelope, from_micros(77));
  set_deadline(envelope, wanted);
  CHECK(tls_optional(envelope));
  CHECK(released(envelope) == from_micros(77));
  CHECK(deadline(envelope) == wanted);
}

TEST_CASE("attributes that make no sense ask for nothing", "[spool]") {
  Envelope envelope;
  envelope.received = from_micros(5);
  envelope.attributes = {{"release", "soon"}, {"deliver-by", "7"}, {"tls-required", "yes"}};
  CHECK(released(envelope) == from_micros(5));
  CHECK_FALSE(deadline(envelope));
  CHECK_FALSE(tls_optional(envelope));
}
