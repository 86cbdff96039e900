#include "common/service/process.h"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

using namespace quartet;
using namespace quartet::service;

namespace {

struct Scratch : quartet::test::TemporaryDirectory {
  std::string operator/(const char* name) const { return file(name); }
};

uid_t owner(const std::string& path) {
  struct stat status{};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_uid;
}

void make_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(descriptor);
}

bool is_root() {
  if (::geteuid() == 0) return true;
  WARN("only root can give files away: skipped");
  return false;
}

}  // namespace

TEST_CASE("root hands sockets and missing directories over", "[process]") {
  if (!is_root()) return;
  const auto nobody = ::getpwnam("nobody")->pw_uid;
  const Scratch scratch;
  make_socket(scratch / "lmtp");
  std::filesystem::create_directory(scratch / "there");
  const auto handed =
      hand_over({{scratch / "lmtp"}, {scratch / "var/spool/", scratch / "there", "", scratch / "store"}}, "nobody");
  REQUIRE(handed.has_value());
  CHECK(owner(scratch / "lmtp") == nobody);
  CHECK(owner(scratch / "var") == 0);
  CHECK(owner(scratch / "var/spool") == nobody);
  CHECK(owner(scratch / "store") == nobody);
  CHECK(owner(scratch / "there") == 0);
  struct stat status{};
  REQUIRE(::stat((scratch / "store").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  CHECK(hand_over({{}, {scratch / "store"}}, "nobody").has_value());
}

TEST_CASE("what stands in a socket's place is not given away", "[process]") {
  if (!is_root()) return;
  const Scratch scratch;
  std::ofstream(scratch / "secret") << "x";
  std::filesystem::create_symlink(scratch / "secret", scratch / "link");
  for (const char* name : {"secret", "link", "missing"})
    CHECK_FALSE(hand_over({{scratch / name}, {}}, "nobody").has_value());
  CHECK(owner(scratch / "secret") == 0);
}

TEST_CASE("nothing is handed over without a user", "[process]") {
  const Scratch scratch;
  CHECK(hand_over({{scratch / "missing"}, {scratch / "spool"}}, "").has_value());
  CHECK_FALSE(std::filesystem::exists(scratch / "spool"));
}

TEST_CASE("an unknown user is an error", "[process]") {
  CHECK(become("").has_value());
  const auto became = become("no-such-user-here");
  REQUIRE_FALSE(became.has_value());
  CHECK(became.error() == "user no-such-user-here: unknown");
}
