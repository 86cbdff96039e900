#include "mda/sieve_memory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/base/id.h"
#include "common/crypto/digest.h"

namespace quartet::mda {
namespace {

/// What is remembered can be private and long; its digest is neither.
std::string digest_of(std::string_view key) {
  return hex_encode(crypto::hash(crypto::Digest::kSha256, key).substr(0, 16));
}

std::int64_t seconds_of(WallTime time) { return to_micros(time) / 1'000'000; }

}  // namespace

/// Lines of digest and time. Lines that are damaged are as good as forgotten.
FileResult<SieveMemory::Entries> SieveMemory::read(WallTime now) const {
  Entries out;
  const File file(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR) return out;
    return file_error("open", path());
  }
  std::string text;
  char buffer[16'384];
  for (;;) {
    const auto got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("read", path());
    if (got == 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  for (const auto line : ascii::split(text, '\n')) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos) continue;
    const auto end = ascii::to_number<std::int64_t>(line.substr(space + 1));
    if (end && *end > seconds_of(now)) out[std::string(line.substr(0, space))] = *end;
  }
  return out;
}

FileResult<void> SieveMemory::write(const Entries& entries) const {
  std::string text;
  for (const auto& [digest, end] : entries) text += digest + " " + std::to_string(end) + "\n";
  const auto temporary = path() + "." + Id::make().to_string();
  if (auto written = write_new(temporary, text); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path().c_str()) == 0) return {};
  const auto error = file_error("rename", temporary);
  ::unlink(temporary.c_str());
  return error;
}

FileResult<bool> SieveMemory::has(std::string_view key, WallTime now) const {
  const auto entries = read(now);
  if (!entries) return std::unexpected(entries.error());
  return entries->contains(digest_of(key));
}

FileResult<bool> SieveMemory::claim(std::string_view key, std::uint64_t seconds, WallTime now, bool renew) {
  // Nothing is remembered for 0 seconds: each one is due, whatever was remembered before (RFC 6131 section 2).
  if (seconds == 0) return true;
  std::error_code failed;
  std::filesystem::create_directories(directory_, failed);
  const auto lock_path = directory_ + "/memory.lock";
  const File lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.is_open()) return file_error("open", lock_path);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return file_error("lock", lock_path);
  }
  auto entries = read(now);
  if (!entries) return std::unexpected(entries.error());
  const auto digest = digest_of(key);
  const bool known = entries->contains(digest);
  if (known && !renew) return false;
  (*entries)[digest] = seconds_of(now) + static_cast<std::int64_t>(seconds);
  if (const auto written = write(*entries); !written) return std::unexpected(written.error());
  return !known;
}

}  // namespace quartet::mda
