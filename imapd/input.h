// What the client says: bytes from the stream into the command reader, and why there are no more.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/task.h"
#include "common/async/wait.h"
#include "common/net/stream.h"
#include "common/service/client_deadlines.h"
#include "imapd/output.h"
#include "imapd/proto/command_reader.h"

namespace quartet::imapd {

class Input {
 public:
  enum class End { kNone, kPeerLost, kTimedOut, kStopped };

  /// The client is to log in, from now on. What was said is sent before each wait. `output` outlives it.
  Input(Output& output, const service::ClientDeadlines::Times& times) : output_(output), deadlines_(times) {}

  void attach(net::Stream& stream) { stream_ = &stream; }
  CommandReader& reader() { return reader_; }
  const CommandReader& reader() const { return reader_; }
  End end() const { return end_; }

  /// See service::ClientDeadlines.
  void begin_login() { deadlines_.begin_login(); }
  void logged_in() { deadlines_.logged_in(); }

  /// More bytes into the reader; false when there are no more, see end(). For a session with nothing under way: also
  /// false, with kStopped, once any of `enough` is set.
  async::Task<bool> fill(std::vector<async::Event*> enough = {});
  /// As fill(), but says nothing of what is in the output: for a reader beside a writer.
  async::Task<bool> read();
  /// One line outside of commands (AUTHENTICATE); nullopt when there is none. One that is too long comes as "*".
  async::Task<std::optional<std::string>> line();

 private:
  async::Deadline begin_wait();
  bool take(const std::expected<std::string_view, net::IoError>& bytes);

  Output& output_;
  net::Stream* stream_ = nullptr;
  CommandReader reader_;
  service::ClientDeadlines deadlines_;
  std::uint64_t ended_ = 0;  // of what the reader has seen the end when we last waited
  End end_ = End::kNone;
};

}  // namespace quartet::imapd
