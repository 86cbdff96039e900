// Clients that log in, do what mail programs do, and log out, all at once and again and again: what tests/bench/imap
// measures commands under way side by side with.
//
//   imap_load HOST PORT CLIENTS SECONDS LOGIN PASSWORD MAILBOX FILE
//
// All work on one mailbox, as the default mix of imaptest does: LOGIN, LIST and STATUS every second time, SELECT, FETCH
// of envelopes, FETCH of a whole message, STORE every second time, STORE of \Deleted, EXPUNGE, APPEND of a message of
// FILE (as lmtp_load takes it), LOGOUT. Prints the commands a second. Any BAD ends it with exit code 1.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "imap_load: {}\n", why);
  std::exit(1);
}

std::vector<std::string> read_messages(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> messages;
  for (std::string line; std::getline(file, line);) {
    std::string message(std::strtoul(line.c_str(), nullptr, 10), '\0');
    if (!file.read(message.data(), static_cast<std::streamsize>(message.size())))
      fail(fmt::format("{} ends early", path));
    messages.push_back(std::move(message));
  }
  if (messages.empty()) fail(fmt::format("{} holds no message", path));
  return messages;
}

/// The octets that follow a line which ends in "{N}"; 0 if it ends otherwise.
std::size_t literal_after(std::string_view line) {
  const auto open = line.rfind('{');
  std::size_t octets = 0;
  if (!line.ends_with('}') || open == std::string_view::npos) return 0;
  std::from_chars(line.data() + open + 1, line.data() + line.size(), octets);
  return octets;
}

struct Load {
  sockaddr_in server{};
  int events = ::epoll_create1(0);
  std::string login, password, mailbox;
  std::vector<std::string> texts;
  std::vector<char> buffer = std::vector<char>(256 * 1024);
  std::mt19937 random{1};
  std::uint64_t commands = 0;
  bool over = false;

  std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random); }
};

class Client {
 public:
  explicit Client(Load& load) : load_(load) { connect(); }

  bool finished() const { return socket_ < 0; }

  /// Takes what has come; a tagged reply leads to the next command.
  void on_readable() {
    auto& buffer = load_.buffer;
    const auto count = ::read(socket_, buffer.data(), buffer.size());
    if (count <= 0) fail("the server closed a connection");
    std::string_view rest(buffer.data(), static_cast<std::size_t>(count));
    if (!input_.empty()) rest = input_.append(rest);
    for (;;) {
      const auto skipped = std::min(literal_, rest.size());
      literal_ -= skipped;
      rest.remove_prefix(skipped);
      const auto end = literal_ > 0 ? std::string_view::npos : rest.find("\r\n");
      if (end == std::string_view::npos) break;
      const auto line = rest.substr(0, end);
      rest.remove_prefix(end + 2);
      literal_ = literal_after(line);
      on_line(line);
      if (step_ == Step::kGreeting || finished()) return;
    }
    input_ = std::string(rest);
  }

 private:
  enum class Step {
    kGreeting,
    kLogin,
    kList,
    kStatus,
    kSelect,
    kFetch,
    kWhole,
    kStore,
    kDelete,
    kExpunge,
    kAppend,
    kLogout
  };

  void connect() {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&load_.server), sizeof load_.server) != 0)
      fail(fmt::format("connect: {}", std::strerror(errno)));
    epoll_event wanted{.events = EPOLLIN, .data = {.ptr = this}};
    if (::epoll_ctl(load_.events, EPOLL_CTL_ADD, socket_, &wanted) != 0) fail("epoll_ctl");
    step_ = Step::kGreeting;
    input_.clear();
    literal_ = 0;
    exists_ = 0;
  }

  void on_line(std::string_view line) {
    if (step_ == Step::kGreeting) return next();
    if (line.starts_with(tag_) && line.substr(tag_.size()).starts_with(' ')) {
      const auto status = line.substr(tag_.size() + 1);
      if (!status.starts_with("OK") && !status.starts_with("NO")) fail(fmt::format("the server said {}", line));
      ++load_.commands;
      return next();
    }
    std::size_t number = 0;
    if (!line.starts_with("* ")) return;
    const auto [end, error] = std::from_chars(line.data() + 2, line.data() + line.size(), number);
    const std::string_view what(end, static_cast<std::size_t>(line.data() + line.size() - end));
    if (error != std::errc{}) return;
    if (what == " EXISTS") exists_ = number;
    if (what == " EXPUNGE" && exists_ > 0) --exists_;
  }

  /// The command of the step; "" to pass it over.
  std::string command() {
    const bool sometimes = load_.pick(2) == 0;
    const auto some = [this] { return exists_ == 0 ? std::size_t{0} : 1 + load_.pick(exists_); };
    const auto number = some();
    switch (step_) {
      case Step::kLogin:
        return fmt::format("LOGIN {} {}", load_.login, load_.password);
      case Step::kList:
        return sometimes ? "LIST \"\" *" : "";
      case Step::kStatus:
        return sometimes ? fmt::format("STATUS {} (MESSAGES UNSEEN RECENT)", load_.mailbox) : "";
      case Step::kSelect:
        return fmt::format("SELECT {}", load_.mailbox);
      case Step::kFetch:
        return number == 0 ? "" : fmt::format("FETCH {} (UID FLAGS INTERNALDATE ENVELOPE BODYSTRUCTURE)", number);
      case Step::kWhole:
        return number == 0 ? "" : fmt::format("FETCH {} BODY.PEEK[]", number);
      case Step::kStore:
        return number == 0 || !sometimes ? "" : fmt::format("STORE {} FLAGS (\\Seen \\Answered)", number);
      case Step::kDelete:
        return number == 0 || exists_ < 30 ? "" : fmt::format("STORE {} +FLAGS (\\Deleted)", number);
      case Step::kExpunge:
        return "EXPUNGE";
      case Step::kAppend:
        message_ = load_.texts[load_.pick(load_.texts.size())];
        return fmt::format("APPEND {} {{{}+}}\r\n", load_.mailbox, message_.size());
      default:
        return "LOGOUT";
    }
  }

  void next() {
    for (;;) {
      if (step_ == Step::kLogout) {
        ::close(socket_);
        socket_ = -1;
        if (!load_.over) connect();
        return;
      }
      step_ = static_cast<Step>(static_cast<int>(step_) + 1);
      message_ = {};
      const auto text = command();
      if (text.empty()) continue;
      tag_ = fmt::format("zq{}", ++number_);
      return send(fmt::format("{} {}", tag_, text), message_);
    }
  }

  void send(const std::string& text, std::string_view message) {
    const auto part = [](std::string_view octets) { return iovec{const_cast<char*>(octets.data()), octets.size()}; };
    iovec parts[] = {part(text), part(message), part("\r\n")};
    msghdr whole{};
    whole.msg_iov = parts;
    whole.msg_iovlen = std::size(parts);
    const auto sent = ::sendmsg(socket_, &whole, MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(text.size() + message.size() + 2)) fail("a command could not be sent");
  }

  Load& load_;
  int socket_ = -1;
  Step step_ = Step::kGreeting;
  std::string tag_, input_;
  std::string_view message_;  // that the command brings
  std::size_t literal_ = 0;   // octets of it that are still to come
  std::uint64_t number_ = 0;
  std::size_t exists_ = 0;
};

/// Until all have logged out, after so many seconds.
double run(Load& load, std::size_t count, double seconds) {
  std::deque<Client> clients;
  for (std::size_t n = 0; n < count; ++n) clients.emplace_back(load);
  const auto began = Clock::now();
  const auto elapsed = [began] { return std::chrono::duration<double>(Clock::now() - began).count(); };
  for (auto left = count; left > 0;) {
    load.over = elapsed() >= seconds;
    epoll_event ready[128];
    const int number = ::epoll_wait(load.events, ready, std::size(ready), 60'000);
    if (number <= 0) fail("the server does not answer");
    for (int n = 0; n < number; ++n) {
      auto& client = *static_cast<Client*>(ready[n].data.ptr);
      client.on_readable();
      if (client.finished()) --left;
    }
  }
  return elapsed();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) fail("HOST PORT CLIENTS SECONDS LOGIN PASSWORD MAILBOX FILE");
  Load load;
  load.server.sin_family = AF_INET;
  load.server.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10)));
  if (::inet_pton(AF_INET, argv[1], &load.server.sin_addr) != 1) fail("HOST is an IPv4 address");
  load.login = argv[5];
  load.password = argv[6];
  load.mailbox = argv[7];
  load.texts = read_messages(argv[8]);
  const auto seconds = run(load, std::strtoul(argv[3], nullptr, 10), std::strtod(argv[4], nullptr));
  fmt::print("{:.1f}\n", static_cast<double>(load.commands) / seconds);
  return 0;
}
