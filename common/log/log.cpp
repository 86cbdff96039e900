#include "common/log/log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/time.h"
#include "common/log/level.h"
#include "common/log/tap.h"

namespace quartet::log {
namespace {

/// Past this the oldest promise of a log, that it is complete, yields to the newer one, that mail flows: lines are
/// dropped and counted.
constexpr std::size_t kMostBuffered = 16 * 1024 * 1024;

/// What the two buffers keep of their room when they are empty.
constexpr std::size_t kMostKept = 1024 * 1024;

std::atomic<Level> current_level = Level::kInfo;
/// Of those who look on; kNone: nobody does.
constexpr int kNone = static_cast<int>(Level::kError) + 1;
std::atomic<int> tapped_level = kNone;

/// Those who look on.
class Taps {
 public:
  void add(std::shared_ptr<Tap> tap, Level level) {
    const std::unique_lock lock(mutex_);
    taps_.push_back({std::move(tap), level});
    count();
  }
  void remove(const Tap* gone) {
    const std::unique_lock lock(mutex_);
    std::erase_if(taps_, [gone](const Entry& each) { return each.tap.get() == gone; });
    count();
  }
  void give(Level level, std::string_view event, std::string_view line) {
    const std::shared_lock lock(mutex_);
    for (const auto& each : taps_) {
      if (level >= each.level) each.tap->take(level, event, line);
    }
  }

 private:
  struct Entry {
    std::shared_ptr<Tap> tap;
    Level level;
  };
  void count() {
    int lowest = kNone;
    for (const auto& each : taps_) lowest = std::min(lowest, static_cast<int>(each.level));
    tapped_level = lowest;
  }

  std::shared_mutex mutex_;
  std::vector<Entry> taps_;
};

Taps& taps() {
  static Taps instance;
  return instance;
}

class Writer {
 public:
  Writer() : thread_([this] { run(); }) {}

  ~Writer() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  void configure(const Options& options) {
    const std::lock_guard lock(mutex_);
    options_ = options;
    ++generation_;
    current_level = options.level;
    until_.reset();
  }

  void set_level(Level level, WallTime until) {
    const std::lock_guard lock(mutex_);
    current_level = level;
    until_ = until;
    wake_.notify_all();
  }

  void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    const auto& options = options_here();
    if (static_cast<int>(level) >= tapped_level.load(std::memory_order_relaxed))
      taps().give(level, event,
                  format_line(Format::kJson, to_rfc3339(wall_now()), options.agent, level, event, fields));
    // Warnings and errors are written whatever the level.
    if (level < Level::kWarn && level < current_level.load(std::memory_order_relaxed)) return;
    auto line = format_line(options.format, to_rfc3339(wall_now()), options.agent, level, event, fields);
    line += '\n';
    bool first;
    {
      const std::lock_guard lock(mutex_);
      if (buffer_.size() > kMostBuffered) {
        ++dropped_;
        return;
      }
      first = buffer_.empty();
      buffer_ += line;
    }
    if (first) wake_.notify_all();
  }

  void flush() {
    std::unique_lock lock(mutex_);
    flushing_ = true;
    wake_.notify_all();
    written_.wait(lock, [this] { return buffer_.empty() && !writing_; });
  }

 private:
  /// This thread's copy, so that lines are made without a lock.
  const Options& options_here() {
    thread_local Options options;
    thread_local std::uint64_t generation = 0;
    if (generation != generation_.load(std::memory_order_acquire)) {
      const std::lock_guard lock(mutex_);
      options = options_;
      generation = generation_;
    }
    return options;
  }

  void run() {
    std::string lines;
    std::unique_lock lock(mutex_);
    for (;;) {
      if (!wait_for_lines(lock)) return;
      // A few milliseconds gather the lines of a busy moment into one write.
      if (!closing_ && !flushing_)
        wake_.wait_for(lock, std::chrono::milliseconds(5), [this] { return closing_ || flushing_; });
      lines.clear();
      if (lines.capacity() > kMostKept) std::string().swap(lines);
      lines.swap(buffer_);
      const auto told = std::exchange(dropped_, 0);
      if (told > 0) {
        lines += format_line(options_.format, to_rfc3339(wall_now()), options_.agent, Level::kWarn, "log.dropped",
                             {{"lines", told}}) +
                 "\n";
      }
      const int descriptor = options_.descriptor;
      writing_ = true;
      lock.unlock();
      const auto left = write_lines(descriptor, lines);
      lock.lock();
      writing_ = false;
      // Among them, as the last, the one that was to tell of others.
      if (!left.empty())
        dropped_ += static_cast<std::uint64_t>(std::ranges::count(left, '\n')) + told - (told > 0 ? 1 : 0);
      flushing_ = flushing_ && !buffer_.empty();
      if (buffer_.empty()) written_.notify_all();
    }
  }

  /// False when there are none and never will be.
  bool wait_for_lines(std::unique_lock<std::mutex>& lock) {
    for (;;) {
      if (until_ && wall_now() >= *until_) {
        current_level = options_.level;
        until_.reset();
      }
      if (closing_ || !buffer_.empty()) return !buffer_.empty();
      if (until_)
        wake_.wait_until(lock, *until_);
      else
        wake_.wait(lock);
    }
  }

  /// What was not written. Behind a line that a full disk cut off, the next begins on a line of its own.
  std::string_view write_lines(int descriptor, std::string_view lines) {
    if (cut_ && !write_all(descriptor, "\n").empty()) return lines;
    const auto left = write_all(descriptor, lines);
    cut_ = left.size() < lines.size() && lines[lines.size() - left.size() - 1] != '\n';
    return left;
  }

  /// What was not written: the disk is full, or nobody reads the log any more.
  static std::string_view write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto written = ::write(descriptor, bytes.data(), bytes.size());
      if (written >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(written));
      } else if (errno == EAGAIN) {
        // Somebody else who has the same pipe or terminal has made it so that it does not wait.
        pollfd wanted{.fd = descriptor, .events = POLLOUT, .revents = 0};
        ::poll(&wanted, 1, -1);
      } else if (errno != EINTR) {
        break;
      }
    }
    return bytes;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable written_;
  Options options_;
  std::optional<WallTime> until_;              // the level is not that of options_ until then
  std::atomic<std::uint64_t> generation_ = 1;  // of options_
  std::string buffer_;
  std::uint64_t dropped_ = 0;
  bool cut_ = false;  // of the thread that writes: the last line is not whole
  bool writing_ = false;
  bool flushing_ = false;
  bool closing_ = false;
  std::thread thread_;
};

Writer& writer() {
  static Writer instance;
  return instance;
}

}  // namespace

void configure(const Options& options) { writer().configure(options); }

void set_level(Level level) { current_level = level; }

void set_level(Level level, WallTime until) { writer().set_level(level, until); }

std::shared_ptr<void> attach(std::shared_ptr<Tap> tap, Level level) {
  auto* const key = tap.get();
  taps().add(std::move(tap), level);
  return {key, [](const Tap* gone) { taps().remove(gone); }};
}

bool enabled(Level level) {
  return level >= current_level.load(std::memory_order_relaxed) ||
         static_cast<int>(level) >= tapped_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  writer().write(level, event, fields);
}

void flush() { writer().flush(); }

}  // namespace quartet::log
