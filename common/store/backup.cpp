#include "common/store/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <vector>

#include "common/base/directories.h"
#include "common/base/scope.h"
#include "common/base/time.h"
#include "common/journal/files.h"
#include "common/store/layout.h"
#include "common/store/shard_files.h"
#include "common/store/sqlite_database.h"
#include "common/store/upkeep_lock.h"

namespace quartet::store {
namespace {

namespace fs = std::filesystem;
using Done = std::expected<void, StoreError>;

// In a backup that has been whole once.
constexpr const char* kMark = "backup";
constexpr std::string_view kOf = "of ";
constexpr std::size_t kBlock = 1 << 20;

std::unexpected<StoreError> failed(const std::string& what, int number) {
  return std::unexpected(StoreError{ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(number))});
}

Done sync(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(path, errno);
  const int result = ::fsync(fd);
  const int number = errno;
  ::close(fd);
  return result == 0 ? Done{} : failed(path, number);
}

Done make(const std::string& directory) {
  if (const auto error = make_directories(directory)) return failed(directory, error.value());
  return {};
}

bool same_file(const struct stat& one, const std::string& other_path) {
  struct stat other = {};
  return ::stat(other_path.c_str(), &other) == 0 && other.st_size == one.st_size &&
         other.st_mtim.tv_sec == one.st_mtim.tv_sec && other.st_mtim.tv_nsec == one.st_mtim.tv_nsec;
}

/// Whether the file could be written again, behind a look at it, and its time stay the same: that has the grain of a
/// clock tick, on some file systems of a second.
bool just_written(const struct stat& info) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto age = (now.tv_sec - info.st_mtim.tv_sec) * 1'000'000'000 + now.tv_nsec - info.st_mtim.tv_nsec;
  return age < (info.st_mtim.tv_nsec == 0 ? 2'000'000'000 : 50'000'000);
}

/// Segments are allocated ahead: what is only zeros takes no room in the copy.
Done copy_contents(int from, int to, const std::string& name) {
  std::vector<char> block(kBlock);
  off_t offset = 0;
  for (;;) {
    const ssize_t got = ::pread(from, block.data(), block.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(name, errno);
    if (got == 0) break;
    const auto size = static_cast<std::size_t>(got);
    const bool zeros = std::all_of(block.begin(), block.begin() + got, [](char c) { return c == 0; });
    for (std::size_t at = 0; !zeros && at < size;) {
      const ssize_t put = ::pwrite(to, block.data() + at, size - at, offset + static_cast<off_t>(at));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return failed(name, errno);
      at += static_cast<std::size_t>(put);
    }
    offset += got;
  }
  return ::ftruncate(to, offset) == 0 ? Done{} : failed(name, errno);
}

/// Copies files into one directory: beside, synced, renamed, with the time of the original as it was before. If that
/// time may also be the one of what the original is a moment later, it gets none: the next backup copies it again.
class Copier {
 public:
  Copier(BackupReport& report, const ShowProgress& progress, std::uint64_t total)
      : report_(report), progress_(progress), total_(total) {}

  Done copy(const std::string& from, const std::string& to) {
    const int in = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
    if (in < 0) return failed(from, errno);
    const ScopeExit close_in([in] { ::close(in); });
    struct stat info = {};
    if (::fstat(in, &info) != 0) return failed(from, errno);
    const auto size = static_cast<std::uint64_t>(info.st_size);
    ++report_.files;
    report_.bytes += size;
    if (progress_) progress_(report_.bytes, std::max(total_, report_.bytes));
    if (same_file(info, to)) return {};
    if (just_written(info)) info.st_mtim = {};
    ++report_.copied_files;
    report_.copied_bytes += size;
    return write(in, info, from, to);
  }

 private:
  static Done write(int in, const struct stat& info, const std::string& from, const std::string& to) {
    const std::string draft = to + ".new";
    const int out = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (out < 0) return failed(draft, errno);
    const ScopeExit close_out([out] { ::close(out); });
    if (const auto copied = copy_contents(in, out, from); !copied) return copied;
    const timespec times[2] = {info.st_atim, info.st_mtim};
    if (::futimens(out, times) != 0 || ::fsync(out) != 0 || ::rename(draft.c_str(), to.c_str()) != 0)
      return failed(to, errno);
    return {};
  }

  BackupReport& report_;
  const ShowProgress& progress_;
  const std::uint64_t total_;
};

/// What of `bytes/` some shards name, as paths from there.
using Names = std::set<std::string>;

Done add_names(Database& database, Names& names) {
  {
    auto query = database.prepare("SELECT DISTINCT segment FROM object");
    while (query.step()) names.insert(journal::segment_name(query.number(0)));
  }
  {
    auto query = database.prepare("SELECT DISTINCT file FROM object WHERE file<>0");
    while (query.step()) names.insert(journal::payload_name(query.number(0)));
  }
  if (database.failed()) return std::unexpected(database.take_error());
  return {};
}

/// The shard at this moment as a file of its own, and what it names.
Done snapshot_shard(const std::string& directory, std::size_t number, const std::string& draft, Names& names) {
  const auto source = open_shard(directory, number, false);
  if (!source) return std::unexpected(source.error());
  ::unlink(draft.c_str());
  if (draft.contains('\'')) return failed(draft, EINVAL);
  // SQLite writes into an empty file and leaves its mode; one that it makes everybody may read, and it has subjects and
  // addresses in it.
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0) return failed(draft, errno);
  ::close(fd);
  if (!(*source)->execute(fmt::format("VACUUM INTO '{}'", draft).c_str()))
    return std::unexpected((*source)->take_error());
  {
    const auto copy = SqliteDatabase::open(draft, {.read_only = true});
    if (!copy) return std::unexpected(copy.error());
    if (const auto added = add_names(**copy, names); !added) return added;
  }
  for (const char* more : {"-wal", "-shm"}) ::unlink((draft + more).c_str());  // there only if SQLite left it empty
  return sync(draft);
}

/// Takes away what an older backup had and no shard names any more.
void remove_others(const std::string& bytes, const Names& names) {
  std::error_code error;
  for (const char* part : {"", "payload/"})
    for (fs::directory_iterator it(bytes + "/" + part, error), end; !error && it != end; it.increment(error))
      if (!it->is_directory() && !names.contains(part + it->path().filename().string())) fs::remove(it->path(), error);
}

std::uint64_t sizes_of(const std::string& bytes, const Names& names) {
  std::uint64_t sum = 0;
  for (const auto& name : names) {
    std::error_code error;
    const auto size = fs::file_size(bytes + "/" + name, error);
    if (!error) sum += size;
  }
  return sum;
}

/// The store that a backup is of, as its mark names it; "": it was never whole, or an older version has made it.
std::string source_of(const std::string& backup) {
  std::ifstream mark(backup + "/" + kMark);
  for (std::string line; std::getline(mark, line);)
    if (line.starts_with(kOf)) return line.substr(kOf.size());
  return {};
}

/// One name, whatever way it is written.
std::string name_of_store(const std::string& directory) {
  std::error_code error;
  const auto path = fs::canonical(directory, error);
  return error ? directory : path.string();
}

Done write_mark(const std::string& directory, const std::string& store) {
  const std::string path = directory + "/" + kMark;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return failed(path, errno);
  const auto text = fmt::format("complete {}\n{}{}\n", to_micros(wall_now()) / 1'000'000, kOf, store);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int number = errno;
  ::close(fd);
  if (!written) return failed(path, number);
  return sync(directory);
}

/// Nobody else's directory is written into, nor a backup of another store, which would be gone.
Done take_target(const std::string& to, const std::string& store) {
  std::error_code error;
  if (fs::exists(to, error) && !fs::is_empty(to, error) && !fs::exists(to + "/store.conf", error))
    return std::unexpected(StoreError{ErrorCode::kExists, to + " is not empty and no backup of a store"});
  if (fs::exists(to + "/lock", error) || fs::exists(to + "/hints", error))
    return std::unexpected(StoreError{ErrorCode::kExists, to + " is a store, not a backup of one"});
  if (const auto other = source_of(to); !other.empty() && other != store)
    return std::unexpected(StoreError{
        ErrorCode::kExists, fmt::format("{} is a backup of {}, not of {}; if that is where the store was, remove {}/{}",
                                        to, other, store, to, kMark)});
  for (const char* part : {"", "/index", "/bytes/payload"})
    if (const auto made = make(to + part); !made) return made;
  return {};
}

Done copy_bytes(const std::string& from, const std::string& to, const Names& names, Copier& copier) {
  for (const auto& name : names)
    if (const auto copied = copier.copy(from + "/bytes/" + name, to + "/bytes/" + name); !copied) return copied;
  if (const auto synced = sync(to + "/bytes/payload"); !synced) return synced;
  return sync(to + "/bytes");
}

/// Every mailbox looks new to clients: numbers above all that the account has given out, and by the clock, as it may
/// have given out more since the backup.
Done renew_uidvalidity(const std::string& directory, std::size_t number) {
  const auto database = open_shard(directory, number, false);
  if (!database) return std::unexpected(database.error());
  const auto sql = fmt::format(
      "BEGIN IMMEDIATE;"
      "UPDATE account SET uidvalidity_next=max(uidvalidity_next,{});"
      "UPDATE mailbox SET uidvalidity=(SELECT uidvalidity_next FROM account a WHERE a.id=mailbox.account)+"
      "(SELECT count(*) FROM mailbox o WHERE o.account=mailbox.account AND o.id<mailbox.id);"
      "UPDATE account SET uidvalidity_next=uidvalidity_next+(SELECT count(*) FROM mailbox o WHERE "
      "o.account=account.id);"
      "COMMIT",
      to_micros(wall_now()) / 1'000'000);
  if (!(*database)->execute(sql.c_str())) return std::unexpected((*database)->take_error());
  return {};
}

/// Takes away the names of files that are not there.
std::vector<std::string> take_missing(const std::string& bytes, Names& names) {
  std::vector<std::string> missing;
  for (auto name = names.begin(); name != names.end();) {
    std::error_code error;
    if (fs::exists(bytes + "/" + *name, error) || error) {  // what cannot be looked at is an error of the copying
      ++name;
      continue;
    }
    missing.push_back(*name);
    name = names.erase(name);
  }
  return missing;
}

/// Into `directory`, which is new and not yet named as a store.
Result<BackupReport> copy_backup(const std::string& from, const std::string& directory, std::size_t shards,
                                 const ShowProgress& progress) {
  BackupReport report;
  Names names;
  for (const char* part : {"", "/index", "/bytes/payload"})
    if (const auto made = make(directory + part); !made) return std::unexpected(made.error());
  for (std::size_t n = 0; n < shards; ++n) {
    const auto shard = open_shard(from, n, true);
    if (!shard) return std::unexpected(shard.error());
    if (const auto added = add_names(**shard, names); !added) return std::unexpected(added.error());
  }
  report.missing = take_missing(from + "/bytes", names);
  if (names.empty() && !report.missing.empty()) return failed(from + "/bytes/" + report.missing.front(), ENOENT);
  Copier copier(report, progress, sizes_of(from + "/bytes", names));
  for (std::size_t n = 0; n < shards; ++n)
    if (const auto copied = copier.copy(shard_file(from, n), shard_file(directory, n)); !copied)
      return std::unexpected(copied.error());
  if (const auto copied = copy_bytes(from, directory, names, copier); !copied) return std::unexpected(copied.error());
  if (const auto copied = copier.copy(from + "/store.conf", directory + "/store.conf"); !copied)
    return std::unexpected(copied.error());
  if (const auto synced = sync(directory + "/index"); !synced) return std::unexpected(synced.error());
  return report;
}

}  // namespace

Result<BackupReport> backup(const std::string& directory, const std::string& to, const ShowProgress& progress) {
  const auto shards = count_shards(directory);
  if (!shards) return std::unexpected(shards.error());
  const auto lock = UpkeepLock::keep(directory);
  if (!lock) return std::unexpected(lock.error());
  const auto store = name_of_store(directory);
  if (const auto taken = take_target(to, store); !taken) return std::unexpected(taken.error());
  Names names;
  for (std::size_t n = 0; n < *shards; ++n)
    if (const auto taken = snapshot_shard(directory, n, shard_file(to, n) + ".new", names); !taken)
      return std::unexpected(taken.error());
  BackupReport report;
  Copier copier(report, progress, sizes_of(directory + "/bytes", names));
  if (const auto copied = copy_bytes(directory, to, names, copier); !copied) return std::unexpected(copied.error());
  if (const auto copied = copier.copy(directory + "/store.conf", to + "/store.conf"); !copied)
    return std::unexpected(copied.error());
  // Shards stand for themselves: between two of these renames the backup is right as well.
  for (std::size_t n = 0; n < *shards; ++n) {
    const auto path = shard_file(to, n);
    if (::rename((path + ".new").c_str(), path.c_str()) != 0) return failed(path, errno);
    ++report.files;
    ++report.copied_files;
    const auto size = fs::file_size(path);
    report.bytes += size;
    report.copied_bytes += size;
  }
  if (const auto synced = sync(to + "/index"); !synced) return std::unexpected(synced.error());
  if (const auto marked = write_mark(to, store); !marked) return std::unexpected(marked.error());
  remove_others(to + "/bytes", names);
  return report;
}

Result<BackupReport> restore(const std::string& from, const std::string& directory, bool keep_uidvalidity,
                             const ShowProgress& progress) {
  std::error_code error;
  if (!fs::exists(from + "/" + kMark, error))
    return std::unexpected(StoreError{ErrorCode::kIo, from + " is no backup, or one that was never whole"});
  if (fs::exists(directory, error) && !fs::is_empty(directory, error))
    return std::unexpected(StoreError{ErrorCode::kExists, directory + " is not empty"});
  const auto shards = count_shards(from);
  if (!shards) return std::unexpected(shards.error());
  // Beside, so that no agent takes half of it for a store.
  fs::path target = fs::absolute(directory, error).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  const std::string draft = target.string() + ".restoring";
  fs::remove_all(draft, error);
  const auto report = copy_backup(from, draft, *shards, progress);
  if (!report) return report;
  for (std::size_t n = 0; n < *shards && !keep_uidvalidity; ++n)
    if (const auto renewed = renew_uidvalidity(draft, n); !renewed) return std::unexpected(renewed.error());
  fs::permissions(draft, fs::perms::owner_all, error);
  if (::rename(draft.c_str(), target.c_str()) != 0) return failed(target, errno);
  if (const auto synced = sync(target.parent_path()); !synced) return std::unexpected(synced.error());
  return report;
}

}  // namespace quartet::store
