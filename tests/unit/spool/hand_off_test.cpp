// Messages that other writers and other processes put into the spool: each is taken over once, whoever dies when.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <map>
#include <thread>

#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;

namespace {

HandOffOptions hand_off_options(const std::filesystem::path& directory) {
  HandOffOptions options;
  options.directory = directory;
  options.segment_size = 64u << 10;
  options.large_body = 16u << 10;
  return options;
}

std::unique_ptr<HandOff> open_hand_off(HandOffOptions options) {
  auto hand_off = HandOff::open(std::move(options));
  INFO((hand_off ? std::string() : hand_off.error().detail));
  REQUIRE(hand_off.has_value());
  return std::move(*hand_off);
}

std::unique_ptr<HandOff> open_hand_off(const std::filesystem::path& directory) {
  return open_hand_off(hand_off_options(directory));
}

std::map<std::string, int> addresses(const Spool& spool) {
  std::map<std::string, int> found;
  spool.visit({}, [&](const Entry& entry) {
    ++found[entry.address];
    return true;
  });
  return found;
}

/// This program again, running one hidden test case as another process; killed with the object if it still runs.
class Child {
 public:
  Child(const char* test_case, const std::filesystem::path& directory) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const auto fd = std::to_string(ends[1]);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::setenv("QUARTET_CHILD_DIRECTORY", directory.c_str(), 1);
      ::setenv("QUARTET_CHILD_FD", fd.c_str(), 1);
      ::execl("/proc/self/exe", "child", test_case, nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    read_end_ = ends[0];
    REQUIRE(::fcntl(read_end_, F_SETFD, FD_CLOEXEC) == 0);
  }
  ~Child() {
    kill();
    ::close(read_end_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  /// The next four bytes the child wrote; nullopt when there are no more.
  std::optional<std::uint32_t> read() const {
    std::uint32_t value = 0;
    if (::read(read_end_, &value, sizeof value) != sizeof value) return std::nullopt;
    return value;
  }

 private:
  pid_t pid_ = 0;
  int read_end_ = -1;
};

// In the child.
std::filesystem::path child_directory() {
  const auto* value = std::getenv("QUARTET_CHILD_DIRECTORY");
  REQUIRE(value != nullptr);
  return value;
}
int child_fd() { return std::stoi(std::getenv("QUARTET_CHILD_FD")); }

void tell(int fd, std::uint32_t value) { (void)!::write(fd, &value, sizeof value); }

std::string address_of(std::uint32_t number) { return "r" + std::to_string(number) + "@b.test"; }

}  // namespace

TEST_CASE("a message handed over is in the queue of the owner, at once and after a restart", "[spool]") {
  const TemporaryDirectory directory;
  const std::size_t size = GENERATE(100, 40'000);
  // Whoever comes first: the directory is made.
  const auto path = directory.path() / "spool";
  auto hand_off = open_hand_off(path);
  const auto early = enqueue(*hand_off, message_to({"early@b.test"}, std::string(size, 'e')));
  auto spool = open_spool(path);
  CHECK(spool->find(early));
  const auto subscription = spool->subscribe(10);
  std::atomic<int> changes = 0;
  spool->on_change([&changes] { ++changes; });
  (void)claim_all(*spool);
  (void)spool->next_due();
  auto message = message_to({"late@b.test", "held@b.test"}, std::string(size, 'l'));
  message.envelope.auth_id = "user";
  const auto late = enqueue(*hand_off, std::move(message));
  REQUIRE(before_long([&] { return spool->find(late) != nullptr; }));
  REQUIRE(before_long([&] { return changes != 0; }));
  CHECK(subscription->take(10).size() >= 2);
  CHECK(spool->find(late)->envelope.auth_id == "user");
  CHECK(body_of(*spool, late) == std::string(size, 'l'));
  CHECK(body_of(*spool, early) == std::string(size, 'e'));
  CHECK(spool->stats().handed_over == 2);

  const auto claims = spool->claim_due(wall_now(), 10);
  REQUIRE(claims.size() == 2);
  REQUIRE(record(*spool, {outcome_of(claims[0], Result::kDelivered)}));
  const auto before = picture(*spool);
  const CrashCopy copy(path);
  spool->on_change({});
  spool.reset();
  for (const auto* where : {&path, &copy.path()}) {
    auto reopened = open_spool(*where);
    CHECK(picture(*reopened) == before);
    CHECK(body_of(*reopened, late) == std::string(size, 'l'));
    CHECK(check(*where)->healthy());
  }
}

TEST_CASE("many writers at once: every message once, while the owner delivers", "[spool]") {
  const TemporaryDirectory directory;
  constexpr int kWriters = 4, kEach = 60;
  std::map<std::string, int> delivered;
  {
    auto spool = open_spool(directory.path());
    std::vector<std::thread> writers;
    std::atomic<int> running = kWriters, failed = 0;
    for (int w = 0; w < kWriters; ++w) {
      writers.emplace_back([&, w] {
        auto hand_off = HandOff::open(hand_off_options(directory.path()));
        for (int i = 0; hand_off && i < kEach; ++i) {
          const auto body = std::string(i % 20 == 0 ? 20'000 : 500, 'x');
          if (!try_enqueue(**hand_off, message_to({address_of(static_cast<std::uint32_t>(w * 1000 + i))}, body)))
            ++failed;
        }
        if (!hand_off) ++failed;
        --running;
      });
    }
    // Some are delivered while others come in; now and then the log is tidied under everybody.
    for (int round = 0; running != 0 || spool->stats().handed_over < kWriters * kEach; ++round) {
      std::vector<Outcome> outcomes;
      for (const auto& claim : spool->claim_due(wall_now(), 5)) {
        ++delivered[claim.address];
        outcomes.push_back(outcome_of(claim, Result::kDelivered));
      }
      if (!outcomes.empty()) CHECK(record(*spool, std::move(outcomes)));
      if (round % 50 == 49) CHECK(spool->tidy());
      if (delivered.size() >= kWriters * kEach / 2) break;
      std::this_thread::yield();
    }
    for (auto& writer : writers) writer.join();
    CHECK(failed == 0);
    REQUIRE(before_long([&] { return spool->stats().handed_over == kWriters * kEach; }));
    REQUIRE(sync(*spool));
  }
  auto spool = open_spool(directory.path());
  for (const auto& [address, count] : addresses(*spool)) delivered[address] += count;
  CHECK(delivered.size() == kWriters * kEach);
  for (const auto& [address, count] : delivered) {
    INFO(address);
    CHECK(count == 1);
  }
  CHECK(check(directory.path())->healthy());
}

TEST_CASE("hands over until it is killed", "[.child]") {
  const auto out = child_fd();
  auto hand_off = HandOff::open(hand_off_options(child_directory()));
  REQUIRE(hand_off.has_value());
  for (std::uint32_t i = 0;; ++i) {
    const auto body = std::string(i % 10 == 9 ? 20'000 : 300, 'x');
    if (try_enqueue(**hand_off, message_to({address_of(i)}, body))) tell(out, i);
  }
}

// Tells of a delivery after its record is durable.
TEST_CASE("delivers until it is killed", "[.child]") {
  const auto out = child_fd();
  auto options = options_for(child_directory());
  options.checkpoint_every = 4'000;
  auto spool = Spool::open(std::move(options));
  REQUIRE(spool.has_value());
  tell(out, ~0u);
  for (;;) {
    for (const auto& claim : (*spool)->claim_due(wall_now(), 3)) {
      std::promise<bool> done;
      (*spool)->record({outcome_of(claim, Result::kDelivered)},
                       [&done](auto result) { done.set_value(result.has_value()); });
      if (done.get_future().get()) tell(out, static_cast<std::uint32_t>(std::stoul(claim.address.substr(1))));
    }
    std::this_thread::yield();
  }
}

TEST_CASE("a writer that is killed leaves every message it was told of, once", "[spool]") {
  const TemporaryDirectory directory;
  const auto path = directory.path();
  Child child("hands over until it is killed", path);
  auto spool = open_spool(path);
  std::uint32_t acknowledged = 0;
  for (int i = 0; i < 150; ++i) {
    const auto told = child.read();
    REQUIRE(told.has_value());
    acknowledged = *told;
  }
  child.kill();
  while (const auto told = child.read()) acknowledged = *told;
  REQUIRE(before_long([&] { return spool->count({}) > acknowledged; }));
  // Another process takes the dead one's place in the directory; nothing comes again.
  auto next = open_hand_off(path);
  const auto last = enqueue(*next, message_to({"next@b.test"}));
  REQUIRE(before_long([&] { return spool->find(last) != nullptr; }));
  auto found = addresses(*spool);
  for (std::uint32_t i = 0; i <= acknowledged; ++i) CHECK(found[address_of(i)] == 1);
  CHECK(found.size() <= acknowledged + 3);  // one may have been written and not told, and "next"
  for (const auto& [address, count] : found) CHECK(count == 1);
  const auto before = picture(*spool);
  spool.reset();
  CHECK(picture(*open_spool(path)) == before);
}

TEST_CASE("hands over a few and stays between write and sync", "[.child]") {
  const auto out = child_fd();
  std::atomic<bool> stay = false;
  auto options = hand_off_options(child_directory());
  options.fault = [&](journal::FileOperation operation, const std::string& name) {
    if (operation == journal::FileOperation::kSync && name.ends_with(".log") && stay) {
      tell(out, ~0u);
      for (;;) ::pause();
    }
    return 0;
  };
  auto hand_off = HandOff::open(std::move(options));
  REQUIRE(hand_off.has_value());
  for (std::uint32_t i = 0; i < 5; ++i) {
    if (try_enqueue(**hand_off, message_to({address_of(i)}))) tell(out, i);
  }
  stay = true;
  (void)try_enqueue(**hand_off, message_to({"unsynced@b.test"}));
}

// The owner reads all the time while places are left by a kill and taken by the next writer.
TEST_CASE("what a new writer in a dead one's place has not synced is not taken over", "[spool]") {
  const TemporaryDirectory directory;
  const auto path = directory.path();
  auto options = options_for(path);
  options.poll_interval = std::chrono::milliseconds(1);
  auto spool = open_spool(std::move(options));
  std::uint64_t told = 0;
  for (int life = 0; life < 12; ++life) {
    Child child("hands over a few and stays between write and sync", path);
    while (const auto value = child.read()) {
      if (*value == ~0u) break;
      ++told;
    }
    CHECK(told == 5u * static_cast<unsigned>(life + 1));
    // Those of the lives before that were not synced may have come by now: their writers are dead. This one's may not.
    REQUIRE(before_long([&] {
      auto found = addresses(*spool);
      for (std::uint32_t i = 0; i < 5; ++i)
        if (found[address_of(i)] != life + 1) return false;
      return true;
    }));
    CHECK(addresses(*spool)["unsynced@b.test"] <= life);
    child.kill();
  }
  REQUIRE(before_long([&] { return addresses(*spool)["unsynced@b.test"] == 12; }));
  const auto before = picture(*spool);
  spool.reset();
  CHECK(picture(*open_spool(path)) == before);
}

TEST_CASE("an owner that is killed again and again delivers every message", "[spool]") {
  const TemporaryDirectory directory;
  const auto path = directory.path();
  std::map<std::uint32_t, int> delivered;
  std::uint32_t next = 0;
  for (int life = 0; life < 6; ++life) {
    Child owner("delivers until it is killed", path);
    REQUIRE(owner.read() == ~0u);
    std::atomic<bool> over = false;
    std::thread writer([&] {
      auto hand_off = HandOff::open(hand_off_options(path));
      while (hand_off && !over) {
        if (try_enqueue(**hand_off, message_to({address_of(next)}))) ++next;
      }
    });
    for (int i = 0; i < 40; ++i)
      if (const auto told = owner.read()) ++delivered[*told];
    over = true;
    writer.join();
    owner.kill();
    while (const auto told = owner.read()) ++delivered[*told];
  }
  REQUIRE(next > 0);
  auto spool = open_spool(path);
  CHECK(spool->open_report().damage.empty());
  std::uint32_t untold = 0;
  for (const auto& [address, count] : addresses(*spool)) {
    CHECK(count == 1);
    delivered[static_cast<std::uint32_t>(std::stoul(address.substr(1)))] += count;
  }
  for (std::uint32_t i = 0; i < next; ++i) {
    if (!delivered.contains(i)) ++untold;  // recorded as delivered, killed before it could say so
    CHECK(delivered[i] <= 1);
  }
  CHECK(untold <= 6);
}

TEST_CASE("a hand-over that the disk refuses is told and not taken over", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  std::atomic<int> error_number = 0;
  auto options = hand_off_options(directory.path());
  options.fault = [&error_number](journal::FileOperation operation, const std::string&) {
    return operation == journal::FileOperation::kSync ? error_number.load() : 0;
  };
  auto hand_off = open_hand_off(std::move(options));
  enqueue(*hand_off, message_to({"first@b.test"}));
  error_number = ENOSPC;
  const auto refused = try_enqueue(*hand_off, message_to({"refused@b.test"}));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kNoSpace);
  CHECK(hand_off->fault());
  error_number = 0;
  enqueue(*hand_off, message_to({"last@b.test"}));
  CHECK_FALSE(hand_off->fault());
  REQUIRE(before_long([&] { return spool->stats().handed_over == 2; }));
  CHECK(addresses(*spool) == std::map<std::string, int>{{"first@b.test", 1}, {"last@b.test", 1}});
  hand_off->close();
  const auto closed = try_enqueue(*hand_off, message_to({"closed@b.test"}));
  REQUIRE_FALSE(closed);
  CHECK(closed.error().code == ErrorCode::kClosed);
  spool.reset();
  CHECK(open_spool(directory.path())->counts().messages == 2);
}
