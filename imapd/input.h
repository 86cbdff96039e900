// What the client says: bytes from the stream into the command reader, and why there are no more.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/async/task.h"
#include "common/async/wait.h"
#include "common/net/stream.h"
#include "imapd/output.h"
#include "imapd/proto/command_reader.h"

namespace quartet::imapd {

class Input {
 public:
  enum class End { kNone, kPeerLost, kTimedOut, kStopped };

  /// What was said is sent before each wait. `output` outlives it.
  explicit Input(Output& output) : output_(output) {}

  void attach(net::Stream& stream) { stream_ = &stream; }
  CommandReader& reader() { return reader_; }
  End end() const { return end_; }

  /// More bytes into the reader; false when there are no more, see end().
  async::Task<bool> fill(std::chrono::seconds timeout);
  /// As fill(), for a session with nothing under way: also false, with kStopped, once any of `enough` is set.
  async::Task<bool> fill_unless(std::chrono::seconds timeout, std::vector<async::Event*> enough);
  /// As fill(), but says nothing of what is in the output: for a reader beside a writer.
  async::Task<bool> read(std::chrono::seconds timeout);
  /// One line outside of commands (AUTHENTICATE); nullopt when there is none. One that is too long comes as "*".
  async::Task<std::optional<std::string>> line(std::chrono::seconds timeout);

 private:
  Output& output_;
  net::Stream* stream_ = nullptr;
  CommandReader reader_;
  End end_ = End::kNone;
};

}  // namespace quartet::imapd
