#include "common/service/failure_table.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "common/base/encoding.h"
#include "common/base/scope.h"
#include "common/crypto/digest.h"

namespace quartet::service {
namespace {

constexpr char kMagic[8] = {'Q', 'L', 'O', 'G', 'I', 'N', '0', '1'};
constexpr std::size_t kName = 6;  // of them: the same in every version
constexpr std::size_t kSlots = 64 * 1024 - 4;
constexpr std::size_t kWays = 4;
/// Less than so many failures is forgotten.
constexpr double kNothing = 0.01;
/// Scores are kept in units of this.
constexpr double kUnit = 1.0 / 1024;

/// A file that is named by mistake, a key or the directory, must not be lost. Blank: one that is new.
bool is_ours(int descriptor) {
  char begin[sizeof kMagic] = {};
  if (::pread(descriptor, begin, sizeof begin, 0) < 0) return false;
  return std::ranges::all_of(begin, [](char c) { return c == 0; }) || std::memcmp(begin, kMagic, kName) == 0;
}

std::uint64_t seconds_of(WallTime now) { return static_cast<std::uint64_t>(to_micros(now) / 1'000'000); }

}  // namespace

/// Zero: nobody has it.
struct FailureTable::Slot {
  std::atomic<std::uint64_t> hash;
  std::atomic<std::uint64_t> value;  // when, in seconds since 1970, above 32 bits of score
};

struct FailureTable::Memory {
  char magic[8];
  char salt[16];  // so that nobody can choose keys that drive others out
  char unused[40];
  Slot slots[kSlots];
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "processes share them");

std::expected<std::unique_ptr<FailureTable>, std::string> FailureTable::open(const std::string& file,
                                                                             std::chrono::seconds half_life) {
  static_assert(sizeof(Memory) == 1024 * 1024);
  const auto fault = [&file](const char* what) {
    return std::unexpected(fmt::format("{}: {}: {}", file, what, std::strerror(errno)));
  };
  int descriptor = -1;
  const ScopeExit close_file([&descriptor] {
    if (descriptor < 0) return;
    // The mapping keeps the open file, and with it a lock that is not given up.
    ::flock(descriptor, LOCK_UN);
    ::close(descriptor);
  });
  if (!file.empty()) {
    descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (descriptor < 0) return fault("cannot be opened");
    // Only one process gives the file its form.
    if (::flock(descriptor, LOCK_EX) != 0) return fault("cannot be locked");
    struct stat status = {};
    if (::fstat(descriptor, &status) != 0) return fault("cannot be read");
    if (!is_ours(descriptor)) return std::unexpected(file + ": is there and is something else");
    if (static_cast<std::size_t>(status.st_size) != sizeof(Memory) &&
        (::ftruncate(descriptor, 0) != 0 || ::ftruncate(descriptor, sizeof(Memory)) != 0))
      return fault("cannot be written");
  }
  void* const mapped = ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE,
                              file.empty() ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) return fault("cannot be mapped");
  auto* const memory = static_cast<Memory*>(mapped);
  if (std::memcmp(memory->magic, kMagic, sizeof kMagic) != 0) {
    std::memset(mapped, 0, sizeof(Memory));
    std::memcpy(memory->salt, crypto::random_octets(sizeof memory->salt).data(), sizeof memory->salt);
    std::memcpy(memory->magic, kMagic, sizeof kMagic);
  }
  return std::unique_ptr<FailureTable>(new FailureTable(memory, half_life));
}

FailureTable::~FailureTable() { ::munmap(memory_, sizeof(Memory)); }

std::uint64_t FailureTable::hash_of(std::string_view key) const {
  const auto digest = crypto::hmac(crypto::Digest::kSha256, std::string_view(memory_->salt, sizeof memory_->salt), key);
  std::string_view octets = digest;
  return std::max<std::uint64_t>(take_le<std::uint64_t>(octets).value_or(1), 1);
}

FailureTable::Slot* FailureTable::bucket(std::uint64_t hash) const {
  return memory_->slots + hash % (kSlots / kWays) * kWays;
}

double FailureTable::decayed(std::uint64_t value, WallTime now) const {
  const auto then = value >> 32;
  const auto since = seconds_of(now) > then ? seconds_of(now) - then : 0;  // clocks are set back at times
  const auto halvings = static_cast<double>(since) / static_cast<double>(half_life_.count());
  return static_cast<double>(value & 0xFFFFFFFF) * kUnit * std::exp2(-halvings);
}

double FailureTable::score(std::string_view key, WallTime now) const {
  const auto hash = hash_of(key);
  const auto* const slots = bucket(hash);
  for (std::size_t n = 0; n < kWays; ++n) {
    if (slots[n].hash.load(std::memory_order_relaxed) != hash) continue;
    const auto score = decayed(slots[n].value.load(std::memory_order_relaxed), now);
    return score < kNothing ? 0 : score;
  }
  return 0;
}

double FailureTable::add(std::string_view key, WallTime now) {
  const auto hash = hash_of(key);
  auto* const slots = bucket(hash);
  auto* const end = slots + kWays;
  auto* slot =
      std::find_if(slots, end, [hash](const Slot& s) { return s.hash.load(std::memory_order_relaxed) == hash; });
  const bool known = slot != end;
  if (!known)
    slot = std::min_element(slots, end, [&](const Slot& a, const Slot& b) {
      return decayed(a.value.load(std::memory_order_relaxed), now) <
             decayed(b.value.load(std::memory_order_relaxed), now);
    });
  auto before = slot->value.load(std::memory_order_relaxed);
  for (;;) {
    const auto score = (known ? decayed(before, now) : 0) + 1;
    const auto units = std::min<std::uint64_t>(static_cast<std::uint64_t>(score / kUnit), 0xFFFFFFFF);
    // The key comes first: whoever sees it with the value of the one before counts too much for a moment, not too
    // little.
    if (!known) slot->hash.store(hash, std::memory_order_relaxed);
    if (slot->value.compare_exchange_weak(before, seconds_of(now) << 32 | units, std::memory_order_relaxed))
      return score;
  }
}

}  // namespace quartet::service
