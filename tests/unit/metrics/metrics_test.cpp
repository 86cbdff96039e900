#include "common/metrics/metrics.h"

#include <catch2/catch.hpp>

using namespace quartet;

TEST_CASE("the same name and labels are the same counter", "[metrics]") {
  auto& one = metrics::counter("test_total", "Things", {{"kind", "a"}});
  one.add();
  metrics::counter("test_total", "Things", {{"kind", "a"}}).add(2);
  metrics::counter("test_total", "Things", {{"kind", "b\"\\\n"}}).add(5);
  CHECK(one.value() == 3);
  const auto text = metrics::render();
  CHECK(text.find("# HELP test_total Things\n# TYPE test_total counter\n") != std::string::npos);
  CHECK(text.find("test_total{kind=\"a\"} 3\n") != std::string::npos);
  CHECK(text.find("test_total{kind=\"b\\\"\\\\\\n\"} 5\n") != std::string::npos);
}

TEST_CASE("a histogram's buckets are cumulative", "[metrics]") {
  auto& seconds = metrics::histogram("test_seconds", "Waits", {0.1, 1});
  for (const double value : {0.05, 0.1, 0.5, 3.0}) seconds.observe(value);
  const auto text = metrics::render();
  CHECK(text.find("test_seconds_bucket{le=\"0.1\"} 2\n") != std::string::npos);
  CHECK(text.find("test_seconds_bucket{le=\"1\"} 3\n") != std::string::npos);
  CHECK(text.find("test_seconds_bucket{le=\"+Inf\"} 4\n") != std::string::npos);
  CHECK(text.find("test_seconds_count 4\n") != std::string::npos);
  CHECK(text.find("test_seconds_sum 3.65\n") != std::string::npos);
}

TEST_CASE("a gauge goes both ways", "[metrics]") {
  auto& gauge = metrics::gauge("test_depth", "Depth");
  gauge.set(5);
  gauge.add(-2);
  CHECK(gauge.value() == 3);
}
