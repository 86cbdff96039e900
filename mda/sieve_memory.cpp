#include "mda/sieve_memory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/base/id.h"
#include "common/crypto/digest.h"

namespace quartet::mda {
namespace {

constexpr std::size_t kMostOfNoUse = 100;  // lines

/// What is remembered can be private and long; its digest is neither.
std::string digest_of(std::string_view key) {
  return hex_encode(crypto::hash(crypto::Digest::kSha256, key).substr(0, 16));
}

std::string line_of(const std::string& digest, std::int64_t end) { return digest + " " + std::to_string(end) + "\n"; }

std::int64_t seconds_of(WallTime time) { return to_micros(time) / 1'000'000; }

}  // namespace

/// Lines of digest and time; of several with one digest the last counts. Lines that are damaged are as good as
/// forgotten.
FileResult<SieveMemory::Contents> SieveMemory::read(WallTime now) const {
  Contents out;
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
    ++out.lines;
    if (!end) continue;
    std::string digest(line.substr(0, space));
    if (*end > seconds_of(now))
      out.entries[std::move(digest)] = *end;
    else
      out.entries.erase(digest);
  }
  out.whole = text.empty() || text.back() == '\n';
  return out;
}

/// To write the file anew for each message would cost its size, which is as many lines as there were messages.
FileResult<void> SieveMemory::append(const std::string& digest, std::int64_t end, const Contents& before) const {
  const File file(::open(path().c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file.is_open()) return file_error("open", path());
  auto written = write_all(file, (before.whole ? "" : "\n") + line_of(digest, end), path());
  if (written) written = sync(file, path());
  return written;
}

FileResult<void> SieveMemory::write(const Contents& contents) const {
  std::string text;
  for (const auto& [digest, end] : contents.entries) text += line_of(digest, end);
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
  const auto contents = read(now);
  if (!contents) return std::unexpected(contents.error());
  return contents->entries.contains(digest_of(key));
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
  auto contents = read(now);
  if (!contents) return std::unexpected(contents.error());
  const auto digest = digest_of(key);
  const auto end = seconds_of(now) + static_cast<std::int64_t>(seconds);
  const bool known = contents->entries.contains(digest);
  if (known && !renew) return false;
  contents->entries[digest] = end;
  const bool anew = contents->lines == 0 || contents->lines > 2 * contents->entries.size() + kMostOfNoUse;
  const auto written = anew ? write(*contents) : append(digest, end, *contents);
  if (!written) return std::unexpected(written.error());
  return !known;
}

}  // namespace quartet::mda
