#include "imapd/maildrops.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace quartet::imapd {
namespace {

/// The octet of the file that stands for an account: the same in every build (FNV-1a), and hardly ever that of another.
off_t place_of(const std::string& account) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char octet : account) hash = (hash ^ static_cast<unsigned char>(octet)) * 1'099'511'628'211U;
  return static_cast<off_t>(hash >> 2U);
}

}  // namespace

std::expected<std::unique_ptr<Maildrops>, std::string> Maildrops::open(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
  if (fd < 0) return std::unexpected(fmt::format("cannot open {}: {}", file, std::strerror(errno)));
  return std::unique_ptr<Maildrops>(new Maildrops(fd));
}

Maildrops::~Maildrops() { ::close(fd_); }

bool Maildrops::enter(const std::string& account) {
  if (!here_.enter(account, 1)) return false;
  if (set_lock(account, F_WRLCK)) return true;
  here_.leave(account);
  return false;
}

void Maildrops::leave(const std::string& account) {
  set_lock(account, F_UNLCK);
  here_.leave(account);
}

bool Maildrops::set_lock(const std::string& account, short type) const {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = place_of(account);
  lock.l_len = 1;
  return ::fcntl(fd_, F_OFD_SETLK, &lock) == 0;
}

}  // namespace quartet::imapd
