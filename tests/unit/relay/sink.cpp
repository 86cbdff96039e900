#include "sink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <stdexcept>

#include "common/base/ascii.h"

namespace quartet::relay::test {
namespace {

/// Blocking lines over a socket.
class Lines {
 public:
  explicit Lines(int fd) : fd_(fd) {}

  std::optional<std::string> read() {
    for (;;) {
      if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
        auto line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return line;
      }
      char bytes[4096];
      const auto got = ::recv(fd_, bytes, sizeof bytes, 0);
      if (got <= 0) return std::nullopt;
      buffer_.append(bytes, static_cast<std::size_t>(got));
    }
  }
  void write(const std::string& line) {
    const auto bytes = line + "\r\n";
    (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  int fd_;
  std::string buffer_;
};

std::string hello(const Script& script) {
  std::string reply = "250";
  auto last = std::string("sink.test");
  for (const auto& extension : script.extensions) {
    reply += "-" + last + "\r\n250";
    last = extension;
  }
  return reply + " " + last;
}

std::optional<std::string> read_message(Lines& lines) {
  std::string body;
  for (;;) {
    auto line = lines.read();
    if (!line) return std::nullopt;
    if (*line == ".") return body;
    if (line->starts_with('.')) line->erase(0, 1);
    body += *line + "\r\n";
  }
}

}  // namespace

Sink::Sink(Script script, std::uint16_t port, const std::string& ip) : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen on " + ip);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

Sink::~Sink() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (auto& session : sessions_) session.join();
  for (const int fd : open_) ::close(fd);
}

std::vector<Mail> Sink::mails() const {
  const std::lock_guard lock(mutex_);
  return mails_;
}

bool Sink::wait_for(std::size_t mails) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return mails_.size() >= mails; });
}

void Sink::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // replies are written one by one
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    sessions_.emplace_back([this, fd, number = ++connections_] {
      serve(fd, number);
      ::shutdown(fd, SHUT_RDWR);
    });
  }
}

void Sink::serve(int fd, int connection) {
  Lines lines(fd);
  lines.write(script_.greeting);
  if (!script_.greeting.starts_with('2')) return;
  Mail mail;
  while (const auto line = lines.read()) {
    const auto verb = ascii::upper(line->substr(0, 4));
    auto reply = script_.command ? script_.command(connection, *line) : "";
    if (reply == kCut) return;
    const bool usual = reply.empty();
    if (verb == "DATA" && usual) {
      reply = mail.recipients.empty() ? "554 5.5.1 no valid recipients" : "354 go on";
    } else if (usual) {
      reply = verb == "EHLO" || verb == "LHLO" ? hello(script_) : verb == "QUIT" ? "221 bye" : "250 2.0.0 fine";
    }
    lines.write(reply);
    if (verb == "QUIT") return;
    if (verb == "MAIL") mail = {connection, *line, {}, {}};
    if (verb == "RCPT" && reply.starts_with('2')) mail.recipients.push_back(*line);
    if (verb != "DATA" || !reply.starts_with('3')) continue;
    auto body = read_message(lines);
    if (!body) return;
    mail.body = std::move(*body);
    std::vector<std::string> replies(script_.lmtp ? mail.recipients.size() : 1, "250 2.0.0 taken");
    if (script_.message) replies = script_.message(mail);
    {
      const std::lock_guard lock(mutex_);
      mails_.push_back(mail);
    }
    changed_.notify_all();
    for (const auto& said : replies) lines.write(said);
    if (replies.empty()) return;
  }
}

}  // namespace quartet::relay::test
