// The UNIX socket: its permissions, and what was there before. The port: that it outlives a lack of descriptors.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/control/tcp_socket.h"
#include "common/control/unix_socket.h"
#include "common/net/address.h"
#include "helpers.h"

using namespace quartet::control;
using namespace quartet::control::test;

namespace {

int connect_to(const std::string& path) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return descriptor;
  ::close(descriptor);
  return -1;
}

}  // namespace

TEST_CASE("the socket has its mode whatever the umask, and its connections are given out", "[control]") {
  const TemporaryDirectory directory;
  const auto path = (directory.path() / "s").string();
  const auto before = ::umask(GENERATE(0, 077, 0777));
  auto socket = UnixSocket::open(path, 0660);
  ::umask(before);
  REQUIRE(socket.has_value());
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0660);

  std::promise<int> accepted;
  (*socket)->start([&](int descriptor) { accepted.set_value(descriptor); });
  const int ours = connect_to(path);
  REQUIRE(ours >= 0);
  const int theirs = accepted.get_future().get();
  CHECK(::write(theirs, "x", 1) == 1);
  char byte = 0;
  CHECK(::read(ours, &byte, 1) == 1);
  CHECK(byte == 'x');
  ::close(ours);
  ::close(theirs);
  socket->reset();
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("a socket of the dead is replaced, one of the living is not", "[control]") {
  const TemporaryDirectory directory;
  const auto path = (directory.path() / "s").string();
  {
    const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(dead);
  }
  auto first = UnixSocket::open(path, 0600);
  REQUIRE(first.has_value());
  const auto second = UnixSocket::open(path, 0600);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().find("another process listens there") != std::string::npos);
  CHECK(connect_to(path) >= 0);  // the first one is unharmed
}

TEST_CASE("what is not a socket stays, and a successor's socket too", "[control]") {
  const TemporaryDirectory directory;
  const auto path = (directory.path() / "s").string();
  std::ofstream(path) << "precious";
  const auto refused = UnixSocket::open(path, 0600);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().find("not a socket") != std::string::npos);
  CHECK(std::filesystem::file_size(path) == 8);
  std::filesystem::remove(path);

  auto first = UnixSocket::open(path, 0600);
  REQUIRE(first.has_value());
  std::filesystem::remove(path);
  auto second = UnixSocket::open(path, 0600);
  REQUIRE(second.has_value());
  first->reset();
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("paths that cannot be", "[control]") {
  const TemporaryDirectory directory;
  CHECK_FALSE(UnixSocket::open((directory.path() / std::string(120, 'x')).string(), 0600).has_value());
  CHECK_FALSE(UnixSocket::open((directory.path() / "no" / "such" / "s").string(), 0600).has_value());
}

TEST_CASE("a port takes connections again after the descriptors had run out", "[control]") {
  auto socket = TcpSocket::open("127.0.0.1:0");
  REQUIRE(socket.has_value());
  std::promise<int> accepted;
  auto taken = accepted.get_future();
  (*socket)->start([&](int descriptor) { accepted.set_value(descriptor); });
  const auto where = quartet::net::Address::parse((*socket)->address());
  REQUIRE(where.has_value());
  sockaddr_storage address{};
  where->to_sockaddr(address);
  const int ours = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(ours >= 0);

  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(ours);
  REQUIRE(next >= 0);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const int connected = ::connect(ours, reinterpret_cast<const sockaddr*>(&address), sizeof(sockaddr_in));
  const auto meanwhile = taken.wait_for(std::chrono::milliseconds(300));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);

  CHECK(connected == 0);
  CHECK(meanwhile == std::future_status::timeout);
  REQUIRE(taken.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  ::close(taken.get());
  ::close(ours);
}

TEST_CASE("a port that is in use is an error", "[control]") {
  const auto first = TcpSocket::open("127.0.0.1:0");
  REQUIRE(first.has_value());
  const auto second = TcpSocket::open((*first)->address());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().find((*first)->address()) != std::string::npos);
}
