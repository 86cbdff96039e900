#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "common/base/directories.h"
#include "common/store/schema.h"
#include "common/store/shard_place.h"
#include "common/store/sqlite_database.h"

namespace quartet::store {
namespace {

constexpr std::int64_t kWriterCacheKib = 8'192;
constexpr std::int64_t kReaderCacheKib = 512;

/// Whatever the umask: words of all mail are there, in files that SQLite lets everybody read. An administrator may open
/// what exists to a group.
std::error_code make_private(const std::string& directory) {
  using std::filesystem::perms;
  std::error_code error;
  const bool made = !std::filesystem::exists(directory, error);
  if (!error) error = make_directories(directory);
  if (error) return error;
  if (made) {
    std::filesystem::permissions(directory, perms::owner_all, error);
    return error;
  }
  // As earlier versions made it; if it is not ours, that is for its owner to do.
  std::filesystem::permissions(directory, perms::others_all, std::filesystem::perm_options::remove, error);
  return {};
}

class SqliteShard final : public ShardPlace {
 public:
  SqliteShard(std::string path, std::string texts_path, std::int64_t busy_ms)
      : path_(std::move(path)), texts_path_(std::move(texts_path)), busy_ms_(busy_ms) {}
  ~SqliteShard() override {
    if (lock_fd_ >= 0) ::close(lock_fd_);
  }

  std::string name() const override { return path_; }

  Result<std::unique_ptr<Database>> writer() override {
    auto database =
        SqliteDatabase::open(path_, {.read_only = false, .cache_kib = kWriterCacheKib, .busy_ms = busy_ms_});
    if (!database) return database;
    if (const auto prepared = prepare_schema(**database); !prepared)
      return std::unexpected(StoreError{prepared.error().code, path_ + ": " + prepared.error().detail});
    if (lock_fd_ < 0) lock_fd_ = ::open((path_ + "-lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    return database;
  }

  Result<std::unique_ptr<Database>> reader() override {
    return SqliteDatabase::open(path_, {.read_only = true, .cache_kib = kReaderCacheKib, .busy_ms = busy_ms_});
  }

  Result<std::unique_ptr<Database>> texts() override {
    const auto directory = std::filesystem::path(texts_path_).parent_path().string();
    if (const auto error = make_private(directory))
      return std::unexpected(StoreError{ErrorCode::kIo, directory + ": " + error.message()});
    auto database =
        SqliteDatabase::open(texts_path_, {.read_only = false, .cache_kib = kReaderCacheKib, .busy_ms = busy_ms_});
    // What is written there is seldom written again: a short log.
    if (database && !(*database)->execute("PRAGMA wal_autocheckpoint=1024"))
      return std::unexpected((*database)->take_error());
    return database;
  }

  // The kernel's queue on a file lock, not SQLite's sleeping busy handler, orders the writers of several processes: a
  // waiter goes on as soon as the other's commit is through. SQLite's own lock remains what makes it safe.
  void lock() override {
    while (lock_fd_ >= 0 && ::flock(lock_fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  void unlock() override {
    if (lock_fd_ >= 0) (void)::flock(lock_fd_, LOCK_UN);
  }

 private:
  const std::string path_, texts_path_;
  const std::int64_t busy_ms_;
  int lock_fd_ = -1;
};

}  // namespace

std::unique_ptr<ShardPlace> sqlite_shard(std::string path, std::string texts_path, std::int64_t busy_ms) {
  return std::make_unique<SqliteShard>(std::move(path), std::move(texts_path), busy_ms);
}

}  // namespace quartet::store
