// A client for tests of the agents' sessions: says a line, takes the reply.
#pragma once
#include <memory>
#include <stdexcept>
#include <string>

#include "common/net/stream.h"
#include "common/smtp/reply.h"

namespace quartet::test {

class SmtpDialog {
 public:
  explicit SmtpDialog(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {}

  /// The next reply as one line, "250 2.1.0 sender ok"; "closed" at the end of the connection.
  async::Task<std::string> reply() {
    for (;;) {
      if (auto next = parser_.next()) {
        if (!*next) throw std::runtime_error("a malformed reply");
        const auto& reply = **next;
        co_return std::to_string(reply.code) + " " + reply.enhanced + (reply.enhanced.empty() ? "" : " ") +
            reply.text();
      }
      const auto bytes = co_await stream_->read_some(async::Deadline::after(std::chrono::seconds(20)));
      if (!bytes) co_return "closed";
      parser_.feed(*bytes);
    }
  }

  /// Sends `text` with CR LF and takes the reply.
  async::Task<std::string> say(std::string text) {
    text += "\r\n";
    const auto sent = co_await stream_->write(text, async::Deadline::after(std::chrono::seconds(20)));
    if (!sent) co_return "closed";
    co_return co_await reply();
  }

 private:
  std::unique_ptr<net::Stream> stream_;
  smtp::ReplyParser parser_;
};

}  // namespace quartet::test
