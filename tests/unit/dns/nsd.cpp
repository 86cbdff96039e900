#include "tests/unit/dns/nsd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>

#include "tests/unit/dns/packet.h"

namespace quartet::dns::testing {
namespace {

constexpr const char* kProgram = "/usr/sbin/nsd";

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// A port that was free for both UDP and TCP a moment ago; start() tries again if another was faster.
std::uint16_t free_port() {
  for (;;) {
    const int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof(address);
    const bool bound = bind(tcp, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       getsockname(tcp, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
                       bind(udp, reinterpret_cast<sockaddr*>(&address), size) == 0;
    close(tcp);
    close(udp);
    if (bound) return ntohs(address.sin_port);
  }
}

}  // namespace

Nsd::Nsd(std::map<std::string, std::string> zones) : zones_(std::move(zones)) {
  for (int attempt = 0; attempt < 5; ++attempt)
    if (start()) return;
  throw std::runtime_error(std::string(kProgram) + " does not start; its log is in " + directory_.string());
}

Nsd::~Nsd() {
  stop();
  std::filesystem::remove_all(directory_);
}

bool Nsd::start() {
  std::string pattern = (std::filesystem::temp_directory_path() / "quartet-nsd-XXXXXX").string();
  if (directory_.empty()) directory_ = mkdtemp(pattern.data());
  const auto port = free_port();
  address_ = *net::Address::from_ip("127.0.0.1", port);
  std::ofstream config(directory_ / "nsd.conf");
  config << fmt::format(
      "server:\n server-count: 1\n ip-address: 127.0.0.1@{1}\n username: \"\"\n zonesdir: \"{0}\"\n database: \"\"\n"
      " pidfile: \"\"\n xfrdfile: \"{0}/xfrd\"\n xfrdir: \"{0}\"\n zonelistfile: \"{0}/zones\"\n"
      " logfile: \"{0}/log\"\n rrl-ratelimit: 0\nremote-control:\n control-enable: no\n",
      directory_.string(), port);
  for (const auto& [zone, records] : zones_) {
    config << fmt::format("zone:\n name: \"{0}\"\n zonefile: \"{0}.zone\"\n", zone);
    std::ofstream(directory_ / (zone + ".zone"))
        << "$ORIGIN " << zone << ".\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 30\n@ NS ns\nns A 127.0.0.1\n"
        << records;
  }
  config.close();
  const auto path = (directory_ / "nsd.conf").string();
  const auto parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    execl(kProgram, kProgram, "-d", "-c", path.c_str(), nullptr);
    _exit(127);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    if (answers_within(100)) return true;
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = 0;
      return false;
    }
  }
  stop();
  return false;
}

void Nsd::stop() {
  if (pid_ == 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

/// Asks for an SOA; a refusal of the port counts as "not yet", after the rest of the time.
bool Nsd::answers_within(int milliseconds) const {
  const int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  auto address = loopback(address_.port());
  const auto query = Packet(1, 0x0100, zones_.begin()->first, Type::kSoa).bytes();
  char answer[512];
  bool ready = connect(udp, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
               send(udp, query.data(), query.size(), 0) == static_cast<ssize_t>(query.size());
  pollfd wait{udp, POLLIN, 0};
  ready = ready && poll(&wait, 1, milliseconds) == 1 && recv(udp, answer, sizeof(answer), 0) > 12;
  if (!ready) poll(nullptr, 0, milliseconds / 4);
  close(udp);
  return ready;
}

}  // namespace quartet::dns::testing
