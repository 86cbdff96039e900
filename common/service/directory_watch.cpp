#include "common/service/directory_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/directory/rewrite.h"

namespace quartet::service {

std::expected<std::unique_ptr<DirectoryWatch>, std::string> DirectoryWatch::start(const std::string& path,
                                                                                  std::function<void()> changed) {
  const auto lock = directory::lock_file(path);
  if (!lock) return std::unexpected(lock.error());
  // The file comes into being with the first change, so its folder is watched.
  const std::filesystem::path file(*lock);
  std::unique_ptr<DirectoryWatch> watch(new DirectoryWatch(file.filename().string(), std::move(changed)));
  watch->events_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  watch->stop_ = ::eventfd(0, EFD_CLOEXEC);
  if (watch->events_ < 0 || watch->stop_ < 0 ||
      ::inotify_add_watch(watch->events_, file.parent_path().c_str(), IN_MODIFY) < 0)
    return std::unexpected(fmt::format("{} cannot be watched: {}", *lock, std::strerror(errno)));
  watch->thread_ = std::thread([raw = watch.get()] { raw->watch(); });
  return watch;
}

DirectoryWatch::~DirectoryWatch() {
  if (thread_.joinable()) {
    ::eventfd_write(stop_, 1);
    thread_.join();
  }
  for (const int fd : {events_, stop_})
    if (fd >= 0) ::close(fd);
}

void DirectoryWatch::watch() const {
  std::array<pollfd, 2> sources{{{events_, POLLIN, 0}, {stop_, POLLIN, 0}}};
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (;;) {
    if (::poll(sources.data(), sources.size(), -1) < 0 && errno != EINTR) return;
    if (sources[1].revents != 0) return;
    bool ours = false;
    for (ssize_t size = ::read(events_, buffer.data(), buffer.size()); size > 0;
         size = ::read(events_, buffer.data(), buffer.size())) {
      for (ssize_t at = 0; at < size;) {
        const auto* const event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        // Where events were lost, one of them may have been ours.
        ours |= (event->mask & IN_Q_OVERFLOW) != 0 || (event->len != 0 && name_ == event->name);
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      }
    }
    if (ours) changed_();
  }
}

}  // namespace quartet::service
