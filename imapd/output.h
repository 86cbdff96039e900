// What the server says: a buffer in front of the stream. It is sent when it has grown or when the session waits for its
// client, so a slow client holds back the work that is done for it and not the server's memory.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "common/async/task.h"
#include "common/net/stream.h"

namespace quartet::imapd {

class Output {
 public:
  /// `timeout`: for the client to take each piece of what is sent.
  explicit Output(std::chrono::seconds timeout) : timeout_(timeout) {}

  /// The stream to write to from now on; what is in the buffer has been flushed. Outlives its use.
  void attach(net::Stream& stream) { stream_ = &stream; }

  /// To append to; complete lines with their CRLF, or parts that later make complete lines.
  std::string& text() { return text_; }
  /// One line; CR and LF in it, which would make two, are taken out.
  void line(std::string_view text);

  /// Whether drain() would send something.
  bool full() const { return text_.size() >= kFull; }
  /// Sends the buffer if it is full.
  async::Task<void> drain();
  /// Sends everything.
  async::Task<void> flush();
  /// Puts `bytes` behind the buffer; long ones go out without a copy. They stay alive until this has ended.
  async::Task<void> send(std::string_view bytes);

  /// The client is gone or does not read, or is to get no more: all that follows is dropped.
  bool failed() const { return failed_; }
  void give_up() { failed_ = true; }

 private:
  async::Task<void> write(std::string_view bytes);

  static constexpr std::size_t kFull = 64 * 1024;

  const std::chrono::seconds timeout_;
  net::Stream* stream_ = nullptr;
  std::string text_;
  bool failed_ = false;
};

}  // namespace quartet::imapd
