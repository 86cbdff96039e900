// How far something is that takes a while: a bar on the standard error, if that is a terminal, and else nothing.
#pragma once
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace quartet::ctl {

class Progress {
 public:
  /// `visible`: see on_terminal().
  Progress(std::ostream& err, bool visible) : err_(err), visible_(visible) {}
  /// Takes the bar away.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Shows nothing within the first moment, and no oftener than people can see.
  void show(std::uint64_t done, std::uint64_t total);

  /// Whether `err` is the process's standard error and that is a terminal.
  static bool on_terminal(const std::ostream& err);

 private:
  std::ostream& err_;
  const bool visible_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
};

/// "[#####.....] 50%  500 of 1000", without an end of line.
std::string progress_bar(std::uint64_t done, std::uint64_t total);

}  // namespace quartet::ctl
