// mbox and Maildir: what is written, what is kept when something goes wrong, and many writers at a time.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "mda/maildir.h"
#include "mda/mbox.h"
#include "tests/unit/mda/helpers.h"
#include "tests/unit/spool/helpers.h"

using namespace quartet;
using namespace quartet::mda;
using namespace quartet::mda::test;

namespace {

const WallTime kThen = from_micros(1'795'525'509'000'000);  // 2026-11-24 13:05:09 UTC

std::vector<std::string> files_in(const std::string& path) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(path)) out.push_back(entry.path().string());
  return out;
}

/// Whether somebody else has locked it.
bool has_fcntl_lock(const std::string& path) {
  const File file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

TEST_CASE("messages follow one another in an mbox", "[mda]") {
  const Directory directory;
  const auto path = directory.file("box");
  REQUIRE(append_mbox(path, "A: 1\r\n\r\nx\r\n", "a@a.test", kThen));
  REQUIRE(append_mbox(path, "B: 2\r\n\r\ny\r\n", "b@b.test", kThen));
  CHECK(read_file(path) ==
        "From a@a.test Tue Nov 24 13:05:09 2026\nA: 1\n\nx\n\nFrom b@b.test Tue Nov 24 13:05:09 2026\nB: 2\n\ny\n\n");
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK_FALSE(std::filesystem::exists(path + ".lock"));
}

TEST_CASE("a message begins on a line of its own behind a cut one", "[mda]") {
  const Directory directory;
  const auto path = directory.file("box");
  std::ofstream(path) << "From x\nhalf a li";
  REQUIRE(append_mbox(path, "A: 1\r\n\r\n", "a@a.test", kThen));
  CHECK(read_file(path).starts_with("From x\nhalf a li\nFrom a@a.test "));
}

TEST_CASE("a lock of somebody else is waited for, and not for ever", "[mda]") {
  const Directory directory;
  const auto path = directory.file("box");
  const MboxOptions quick{.lock_timeout = std::chrono::milliseconds(50)};
  SECTION("by file") {
    std::ofstream(path + ".lock") << "";
    const auto refused = append_mbox(path, "A: 1\r\n\r\n", "", kThen, quick);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().number == EAGAIN);
    CHECK(std::filesystem::exists(path + ".lock"));
    // One that nobody can hold any more is taken away.
    const MboxOptions impatient{.lock_timeout = std::chrono::milliseconds(5000), .stale_lock = std::chrono::seconds(0)};
    CHECK(append_mbox(path, "A: 1\r\n\r\n", "", kThen, impatient));
  }
  SECTION("by fcntl") {
    const File file(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    REQUIRE(::fcntl(file.get(), F_OFD_SETLK, &lock) == 0);
    const auto refused = append_mbox(path, "A: 1\r\n\r\n", "", kThen, quick);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().number == EAGAIN);
  }
  SECTION("given back in time") {
    auto file = File(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    REQUIRE(::fcntl(file.get(), F_OFD_SETLK, &lock) == 0);
    FileResult<void> result = std::unexpected(FileError{});
    std::thread writer([&] { result = append_mbox(path, "A: 1\r\n\r\n", "", kThen); });
    file = File();
    writer.join();
    CHECK(result.has_value());
  }
  SECTION("by file, with another mbox in the place of the first") {
    std::ofstream(path) << "";
    std::ofstream(path + ".lock") << "";
    FileResult<void> result = std::unexpected(FileError{});
    std::thread writer([&] { result = append_mbox(path, "A: 1\r\n\r\n", "", kThen); });
    CHECK(spool::test::before_long([&] { return has_fcntl_lock(path); }));
    std::ofstream(directory.file("other")) << "From x\n\n";
    std::filesystem::rename(directory.file("other"), path);
    std::filesystem::remove(path + ".lock");
    writer.join();
    CHECK(result.has_value());
    CHECK(read_file(path).starts_with("From x\n\nFrom MAILER-DAEMON "));
    CHECK_FALSE(std::filesystem::exists(path + ".lock"));
  }
}

TEST_CASE("of several deliveries to an mbox that stays locked one waits", "[mda]") {
  const Directory directory;
  const auto path = directory.file("box");
  auto file = File(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  REQUIRE(::fcntl(file.get(), F_OFD_SETLK, &lock) == 0);
  const MboxOptions options{.lock_timeout = std::chrono::seconds(60), .long_turn = std::chrono::milliseconds(50)};
  std::atomic<int> delivered = 0, refused = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i)
    writers.emplace_back([&] { ++(append_mbox(path, "A: 1\r\n\r\n", "", kThen, options) ? delivered : refused); });
  CHECK(spool::test::before_long([&] { return refused == 2; }));
  CHECK(delivered == 0);
  file = File();
  for (auto& writer : writers) writer.join();
  CHECK(refused == 2);
  CHECK(delivered == 1);
}

TEST_CASE("an mbox is no link and no directory", "[mda]") {
  const Directory directory;
  const auto path = directory.file("box");
  std::ofstream(directory.file("other")) << "";
  REQUIRE(::symlink(directory.file("other").c_str(), path.c_str()) == 0);
  CHECK_FALSE(append_mbox(path, "A: 1\r\n\r\n", "", kThen));
  CHECK(read_file(directory.file("other")).empty());
  CHECK_FALSE(append_mbox(directory.path().string(), "A: 1\r\n\r\n", "", kThen));
  CHECK_FALSE(append_mbox(directory.file("no/such/box"), "A: 1\r\n\r\n", "", kThen));
}

TEST_CASE("what does not fit into an mbox is cut off again", "[mda]") {
  const Directory directory;
  const auto path = directory.file("box");
  REQUIRE(append_mbox(path, "A: 1\r\n\r\nx\r\n", "", kThen));
  const auto before = read_file(path);
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &usual) == 0);
  const rlimit small{4096, usual.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto written = append_mbox(path, "B: 2\r\n\r\n" + std::string(9000, 'y') + "\r\n", "", kThen);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &usual) == 0);
  std::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(written);
  CHECK(written.error().number == EFBIG);
  CHECK(read_file(path) == before);
}

TEST_CASE("many writers of one mbox lose and mix nothing", "[mda]") {
  const Directory directory;
  const auto path = directory.file("box");
  constexpr int kWriters = 8;
  constexpr int kEach = 10;
  std::vector<std::thread> writers;
  std::atomic<int> failed = 0;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int n = 0; n < kEach; ++n) {
        const auto mark = std::to_string(writer) + "." + std::to_string(n);
        const auto text = "Mark: " + mark + "\r\n\r\n" + std::string(5000, 'z') + "\r\nEnd: " + mark + "\r\n";
        if (!append_mbox(path, text, "a@a.test", kThen)) ++failed;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  CHECK(failed == 0);
  std::istringstream lines(read_file(path));
  std::set<std::string> seen;
  std::string open;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("From ")) CHECK(open.empty());
    if (line.starts_with("Mark: ")) open = line.substr(6);
    if (!line.starts_with("End: ")) continue;
    CHECK(line.substr(5) == open);
    seen.insert(std::exchange(open, {}));
  }
  CHECK(seen.size() == kWriters * kEach);
}

TEST_CASE("a Maildir is made, and filled by name", "[mda]") {
  const Directory directory;
  const auto path = directory.file("Maildir");
  REQUIRE(deliver_maildir(path, "A: 1\r\n\r\nFrom x\r\n", "mail.test"));
  CHECK(files_in(path + "/tmp").empty());
  CHECK(std::filesystem::is_directory(path + "/cur"));
  const auto files = files_in(path + "/new");
  REQUIRE(files.size() == 1);
  CHECK(read_file(files[0]) == "A: 1\n\nFrom x\n");
  CHECK(files[0].contains(".mail.test,S=13"));
  CHECK_FALSE(deliver_maildir(directory.file("no/such"), "A: 1\r\n\r\n", "mail.test"));
}

TEST_CASE("many writers of one Maildir never meet", "[mda]") {
  const Directory directory;
  const auto path = directory.file("Maildir");
  std::vector<std::thread> writers;
  std::atomic<int> failed = 0;
  for (int writer = 0; writer < 8; ++writer) {
    writers.emplace_back([&] {
      for (int n = 0; n < 10; ++n) {
        if (!deliver_maildir(path, "A: 1\r\n\r\n", "h/o:st")) ++failed;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  CHECK(failed == 0);
  CHECK(files_in(path + "/new").size() == 80);
  CHECK(files_in(path + "/tmp").empty());
}
