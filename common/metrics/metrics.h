// Counters, gauges and histograms in Prometheus' manner. Making one takes a lock: keep the reference. Using it is one
// atomic operation. Any thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/time.h"

namespace quartet::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double change) { value_.fetch_add(change, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0;
};

class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);
  const std::vector<double>& bounds() const { return bounds_; }
  std::uint64_t count_of(std::size_t bucket) const { return counts_[bucket].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;  // upper, rising; the last bucket is unbounded
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<double> sum_ = 0;
};

/// The same name and labels give the same object, valid until the process ends. `name` by Prometheus' conventions
/// ("quartet_spool_bytes"); its first use decides help and kind: another kind is a broken invariant.
Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> bounds, Labels labels = {});

/// Upper bounds for durations in seconds, from a millisecond to a day.
std::vector<double> durations();
inline double seconds_since(SteadyTime begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

/// A gauge whose members come and go: these take the place of those shown before. Nobody else uses its name. What
/// strangers wrote may be in the labels: octets that are no printable ASCII are shown as '?'.
void show(std::string_view name, std::string_view help, std::vector<std::pair<Labels, double>> members);

/// Every metric in Prometheus' text format, version 0.0.4.
std::string render();

}  // namespace quartet::metrics
