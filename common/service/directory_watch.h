// Tells when another process has changed the directory by common/directory/edit.h.
#pragma once
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace quartet::service {

class DirectoryWatch {
 public:
  /// `changed` is called on a thread of the watch's own, once or more often for what is announced (rewrite.h). The
  /// error is one line for the operator.
  static std::expected<std::unique_ptr<DirectoryWatch>, std::string> start(const std::string& path,
                                                                           std::function<void()> changed);
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

 private:
  DirectoryWatch(std::string name, std::function<void()> changed)
      : name_(std::move(name)), changed_(std::move(changed)) {}
  void watch() const;

  const std::string name_;  // of the lock's file, in its folder
  const std::function<void()> changed_;
  int events_ = -1;  // inotify(7)
  int stop_ = -1;    // eventfd(2)
  std::thread thread_;
};

}  // namespace quartet::service
