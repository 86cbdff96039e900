#include "ctl/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

namespace quartet::ctl {
namespace {

constexpr std::size_t kWidth = 30;
constexpr auto kEvery = std::chrono::milliseconds(100);
constexpr std::string_view kClearLine = "\r\x1b[K";

}  // namespace

std::string progress_bar(std::uint64_t done, std::uint64_t total) {
  const double share = total == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto full = static_cast<std::size_t>(share * kWidth);
  return fmt::format("[{}{}] {:3.0f}%  {} of {}", std::string(full, '#'), std::string(kWidth - full, '.'),
                     std::min(share * 100, done < total ? 99.0 : 100.0), done, total);
}

bool Progress::on_terminal(const std::ostream& err) {
  return &err == static_cast<const std::ostream*>(&std::cerr) && ::isatty(STDERR_FILENO) == 1;
}

void Progress::show(std::uint64_t done, std::uint64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (!visible_ || now < next_) return;
  next_ = now + kEvery;
  shown_ = true;
  err_ << kClearLine << progress_bar(done, total) << std::flush;
}

Progress::~Progress() {
  if (shown_) err_ << kClearLine << std::flush;
}

}  // namespace quartet::ctl
