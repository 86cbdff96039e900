// How many connections a site gets: slow start, 1/N feedback, and when it counts as dead.
//
// A site is a next hop as the scheduler sees it. The controller knows no clock and no connection: the site reports what
// happened and asks what is allowed.
#pragma once
#include <chrono>
#include <cstddef>

#include "common/base/time.h"

namespace quartet::relay {

struct ConcurrencyLimits {
  std::size_t initial = 2;
  std::size_t maximum = 20;
  std::chrono::seconds first_pause = std::chrono::seconds(30);    // after the site was found dead
  std::chrono::seconds longest_pause = std::chrono::minutes(15);  // the pause doubles with each failed probe up to this
};

class Concurrency {
 public:
  explicit Concurrency(ConcurrencyLimits limits) : limits_(limits), window_(static_cast<double>(limits.initial)) {}

  /// A connection or transaction that worked: the window grows by 1/N, so it doubles after about N successes.
  void on_success();

  /// The site itself failed (no connection, no greeting, 421, broken session), not one recipient. After as many
  /// failures in a row as the window is wide (a cohort) the site is dead until a pause has passed.
  void on_failure(SteadyTime now);

  /// Connections allowed at `now`: 0 while dead, 1 when a probe is due, else the window.
  std::size_t allowed(SteadyTime now) const;

  bool dead() const { return dead_; }
  /// When a dead site may be probed.
  SteadyTime probe_at() const { return probe_at_; }

  /// The window stays, within the new maximum.
  void set_limits(ConcurrencyLimits limits);

  /// Forget the failures, e.g. because the remote side asked for its mail (ETRN) or an operator said so.
  void revive();

 private:
  ConcurrencyLimits limits_;
  double window_;
  double failures_ = 0;  // in cohorts: each failure adds 1/window
  bool dead_ = false;
  std::chrono::seconds pause_{0};
  SteadyTime probe_at_{};
};

}  // namespace quartet::relay
