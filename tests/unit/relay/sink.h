// A next hop that does what the test says: an SMTP or LMTP server on loopback, one thread a connection, line by line.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace quartet::relay::test {

/// A message as it came, accepted or not.
struct Mail {
  int connection = 0;                   // from 1
  std::string from;                     // the whole MAIL command
  std::vector<std::string> recipients;  // the RCPT commands that were accepted
  std::string body;                     // dots unstuffed
};

struct Script {
  std::string greeting = "220 sink.test ESMTP";
  std::vector<std::string> extensions = {"PIPELINING", "8BITMIME", "SIZE", "ENHANCEDSTATUSCODES"};
  bool lmtp = false;
  /// The reply to a command line; "" for the usual one, kCut to drop the connection without a word.
  std::function<std::string(int connection, const std::string& line)> command;
  /// The replies after the message (LMTP: one a recipient); none: the connection is dropped; empty function: 250.
  std::function<std::vector<std::string>(const Mail& mail)> message;
};
inline const std::string kCut = "cut";

class Sink {
 public:
  explicit Sink(Script script, std::uint16_t port = 0, const std::string& ip = "127.0.0.1");
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }
  std::vector<Mail> mails() const;
  /// False if there are not so many before long.
  bool wait_for(std::size_t mails) const;

 private:
  void accept_all();
  void serve(int fd, int connection);

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Mail> mails_;
  std::vector<int> open_;
  std::vector<std::thread> sessions_;
  std::thread acceptor_;
};

}  // namespace quartet::relay::test
