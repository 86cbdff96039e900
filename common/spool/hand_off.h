// Putting messages into a spool that another process owns, on the same host: the message is appended to segments of
// this process in the spool's directory, one write and one sync, and the owner takes it into its index, exactly once.
// A hint by datagram wakes the owner; it also looks by itself, so a lost hint only delays.
#pragma once
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "common/async/task.h"
#include "common/spool/spool.h"

namespace quartet::spool {

struct HandOffOptions {
  std::filesystem::path directory;  // the owner's; made if missing, so that the order of starting does not matter
  std::uint32_t segment_size = 64u << 20;
  std::uint32_t large_body = 256u << 10;
  std::function<int(journal::FileOperation, const std::string&)> fault;  // tests
};

/// Safe from any thread.
class HandOff {
 public:
  static std::expected<std::unique_ptr<HandOff>, SpoolError> open(HandOffOptions options);
  ~HandOff();

  /// As Spool::submit and Spool::enqueue.
  void submit(NewMessage message, Spool::Accepted completion);
  async::Task<std::expected<MessageId, SpoolError>> enqueue(NewMessage message);

  void close();
  std::optional<SpoolError> fault() const;

 private:
  class Impl;
  explicit HandOff(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace quartet::spool
