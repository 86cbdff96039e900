// What `quartetctl top` shows of each moment: values go in, lines come out. No terminal, no clock, no network.
#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace quartet::ctl {

struct TopSite {
  std::string site;
  bool backoff = false;
  std::uint64_t ready = 0;
  std::uint64_t connections = 0;
  std::string last_failure;
};

/// Events of one interval, a second.
struct TopRates {
  double accepted = 0, delivered = 0, deferred = 0, failed = 0;
  friend bool operator==(const TopRates&, const TopRates&) = default;
};

/// One agent at one moment, with what was before.
struct TopAgent {
  static constexpr std::size_t kHistory = 120;

  std::string name;
  std::string error;  // instead of all below, if it does not answer
  std::string state;  // "ready", or why not
  std::uint64_t messages = 0, queued = 0, active = 0, deferred = 0, held = 0;
  TopRates rates;
  std::uint64_t lost = 0;  // events that it left out because we were slow: rates are too low then
  std::vector<TopSite> sites;
  std::deque<double> delivered_before, depth_before;  // the newest last

  std::uint64_t depth() const { return queued + active + deferred + held; }
  /// Puts the present values behind those before.
  void remember();
};

/// The last `width` values as bars from zero to the largest of them, one column each; spaces where there are none yet.
std::string sparkline(const std::deque<double>& values, std::size_t width, bool unicode);

/// Whole screen: at most `height` lines of at most `width` columns.
std::vector<std::string> top_screen(std::span<const TopAgent> agents, const std::string& time, std::size_t width,
                                    std::size_t height, bool unicode);

/// One line for each agent, for when there is no terminal.
std::string top_line(const TopAgent& agent, const std::string& time);

/// The same for programs.
std::string top_json(const TopAgent& agent, const std::string& time);

}  // namespace quartet::ctl
