#include "imapd/maildrops.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>

#include "common/base/id.h"

namespace quartet::imapd {
namespace {

/// The octet of the file that stands for an account: the same in every build (FNV-1a), and hardly ever that of another.
off_t place_of(const std::string& account) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char octet : account) hash = (hash ^ static_cast<unsigned char>(octet)) * 1'099'511'628'211U;
  return static_cast<off_t>(hash >> 2U);
}

/// Behind all places of accounts.
constexpr off_t kPlaceOfName = std::numeric_limits<off_t>::max() - 1;

bool set_lock_at(int fd, off_t place, short type, int how) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = place;
  lock.l_len = 1;
  return ::fcntl(fd, how, &lock) == 0;
}

/// What the file has in it: the first of the host's processes writes it. Empty, and errno, if that fails.
std::string name_in(int fd) {
  if (!set_lock_at(fd, kPlaceOfName, F_WRLCK, F_OFD_SETLKW)) return {};
  std::array<char, 26> text{};
  const auto octets = ::pread(fd, text.data(), text.size(), 0);
  auto name = std::string(text.data(), octets > 0 ? static_cast<std::size_t>(octets) : 0);
  if (octets >= 0 && !Id::parse(name)) {
    name = Id::make().to_string();
    if (::pwrite(fd, name.data(), name.size(), 0) != static_cast<ssize_t>(name.size())) name.clear();
  }
  set_lock_at(fd, kPlaceOfName, F_UNLCK, F_OFD_SETLK);
  return name;
}

}  // namespace

std::expected<std::unique_ptr<Maildrops>, std::string> Maildrops::open(const std::string& file, store::Store& store,
                                                                       Times times) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
  if (fd < 0) return std::unexpected(fmt::format("cannot open {}: {}", file, std::strerror(errno)));
  auto host = name_in(fd);
  std::unique_ptr<Maildrops> maildrops(new Maildrops(fd, std::move(host), store, times));
  if (maildrops->host_.empty()) return std::unexpected(fmt::format("cannot write {}: {}", file, std::strerror(errno)));
  return maildrops;
}

Maildrops::~Maildrops() { ::close(fd_); }

async::Task<store::Result<bool>> Maildrops::enter(std::string account) {
  if (!lock(account)) co_return false;
  const auto held = co_await renew(account);
  if (!held || !*held) unlock(account);
  co_return held;
}

async::Task<store::Result<bool>> Maildrops::renew(std::string account) {
  return store_.hold_maildrop(std::move(account), host_, times_.lease);
}

async::Task<void> Maildrops::leave(std::string account) {
  // Where this fails the lease ends by itself, and this host may take it up before.
  (void)co_await store_.leave_maildrop(account, host_);
  unlock(account);
}

bool Maildrops::lock(const std::string& account) {
  if (!here_.enter(account, 1)) return false;
  if (set_lock(account, F_WRLCK)) return true;
  here_.leave(account);
  return false;
}

void Maildrops::unlock(const std::string& account) {
  set_lock(account, F_UNLCK);
  here_.leave(account);
}

bool Maildrops::set_lock(const std::string& account, short type) const {
  return set_lock_at(fd_, place_of(account), type, F_OFD_SETLK);
}

}  // namespace quartet::imapd
