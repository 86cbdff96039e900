// Sends messages by LMTP over many connections at once, as fast as the server takes them: what tests/bench/store and
// tests/bench/imap load with.
//
//   lmtp_load HOST PORT CONNECTIONS MESSAGES USERS RECIPIENTS DOMAIN FILE
//
// Message n goes to user(n mod USERS)@DOMAIN and the RECIPIENTS - 1 users after it (numbers have three digits). FILE
// holds the messages to send in turn, each as a line with its octets and then those octets: lines end in CRLF, dots are
// not doubled. Envelope and DATA go in one piece (PIPELINING). Prints the seconds from the first connection's greeting
// to the last reply. Any reply but the expected ends it with exit code 1.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "lmtp_load: {}\n", why);
  std::exit(1);
}

/// As it goes over the wire after DATA: dots doubled, the final dot behind it.
std::string on_wire(std::string_view message) {
  std::string wire;
  bool at_start = true;
  for (const char octet : message) {
    if (at_start && octet == '.') wire += '.';
    wire += octet;
    at_start = octet == '\n';
  }
  return wire + ".\r\n";
}

std::vector<std::string> read_messages(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> messages;
  for (std::string line; std::getline(file, line);) {
    std::string message(std::strtoul(line.c_str(), nullptr, 10), '\0');
    if (!file.read(message.data(), static_cast<std::streamsize>(message.size())))
      fail(fmt::format("{} ends early", path));
    messages.push_back(on_wire(message));
  }
  if (messages.empty()) fail(fmt::format("{} holds no message", path));
  return messages;
}

struct Load {
  std::uint64_t messages, users, recipients;
  std::string domain;
  std::vector<std::string> texts;
  std::uint64_t next = 0, done = 0;
};

class Connection {
 public:
  Connection(Load& load, const sockaddr_in& server) : load_(load), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0)
      fail(fmt::format("connect: {}", std::strerror(errno)));
  }

  int socket() const { return socket_; }
  bool finished() const { return phase_ == Phase::kEnd; }

  /// Takes what has come; every whole reply may lead to the next step.
  void on_readable() {
    char buffer[8192];
    const auto count = ::read(socket_, buffer, sizeof buffer);
    if (count <= 0) fail("the server closed a connection");
    input_.append(buffer, static_cast<std::size_t>(count));
    std::size_t start = 0;
    for (std::size_t end; (end = input_.find("\r\n", start)) != std::string::npos; start = end + 2) {
      const std::string_view line(input_.data() + start, end - start);
      if (line.size() < 4 || line[3] != '-') on_reply(line);
    }
    input_.erase(0, start);
  }

 private:
  enum class Phase { kGreeting, kHello, kEnvelope, kBody, kQuit, kEnd };

  void on_reply(std::string_view line) {
    const bool data = phase_ == Phase::kEnvelope && awaited_ == 1;
    const char expected = data ? '3' : '2';
    if (line.empty() || line[0] != expected) fail(fmt::format("the server said {}", line));
    if (--awaited_ != 0) return;
    switch (phase_) {
      case Phase::kGreeting:
        return step(Phase::kHello, 1, "LHLO load.example\r\n");
      case Phase::kHello:
        return begin();
      case Phase::kEnvelope:
        return step(Phase::kBody, load_.recipients, load_.texts[number_ % load_.texts.size()]);
      case Phase::kBody:
        ++load_.done;
        return begin();
      case Phase::kQuit:
      case Phase::kEnd:
        phase_ = Phase::kEnd;
        ::close(socket_);
    }
  }

  void begin() {
    if (load_.next == load_.messages) return step(Phase::kQuit, 1, "QUIT\r\n");
    number_ = load_.next++;
    std::string commands = "MAIL FROM:<from@source.example>\r\n";
    for (std::uint64_t i = 0; i < load_.recipients; ++i)
      commands += fmt::format("RCPT TO:<user{:03}@{}>\r\n", (number_ + i) % load_.users, load_.domain);
    step(Phase::kEnvelope, load_.recipients + 2, commands + "DATA\r\n");
  }

  void step(Phase phase, std::uint64_t replies, std::string_view octets) {
    phase_ = phase;
    awaited_ = replies;
    while (!octets.empty()) {  // blocking: a server that takes mail reads it
      const auto count = ::write(socket_, octets.data(), octets.size());
      if (count <= 0) fail(fmt::format("write: {}", std::strerror(errno)));
      octets.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  Load& load_;
  int socket_;
  Phase phase_ = Phase::kGreeting;
  std::uint64_t awaited_ = 1, number_ = 0;
  std::string input_;
};

double run(Load& load, const sockaddr_in& server, std::size_t count) {
  std::vector<Connection> connections;
  connections.reserve(count);
  std::vector<pollfd> polled;
  for (std::size_t i = 0; i < count; ++i)
    polled.push_back({.fd = connections.emplace_back(load, server).socket(), .events = POLLIN, .revents = 0});
  const auto begun = Clock::now();
  for (std::size_t open = count; open != 0;) {
    if (::poll(polled.data(), polled.size(), 60'000) <= 0) fail("nothing came for a minute");
    for (std::size_t i = 0; i < count; ++i) {
      if (polled[i].revents == 0) continue;
      connections[i].on_readable();
      if (!connections[i].finished()) continue;
      polled[i].fd = -1;
      --open;
    }
  }
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

}  // namespace

int main(int count, char** words) {
  if (count != 9) fail("wants HOST PORT CONNECTIONS MESSAGES USERS RECIPIENTS DOMAIN FILE");
  const auto number = [&](int word) { return std::strtoull(words[word], nullptr, 10); };
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(number(2)));
  if (::inet_pton(AF_INET, words[1], &server.sin_addr) != 1) fail("HOST must be an IPv4 address");
  Load load{.messages = number(4),
            .users = number(5),
            .recipients = number(6),
            .domain = words[7],
            .texts = read_messages(words[8])};
  if (load.users == 0 || load.recipients == 0 || load.recipients > load.users)
    fail("so many recipients need as many users");
  const auto seconds = run(load, server, number(3));
  if (load.done != load.messages) fail(fmt::format("{} of {} messages were taken", load.done, load.messages));
  fmt::print("{:.6f}\n", seconds);
}
