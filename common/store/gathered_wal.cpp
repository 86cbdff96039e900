#include "common/store/gathered_wal.h"

#include <sqlite3.h>

#include <cstddef>
#include <new>
#include <string>
#include <string_view>

#include "common/base/check.h"

namespace quartet::store {
namespace {

constexpr char kName[] = "quartet";
constexpr std::size_t kFrameHeader = 24;
// SQLite's own files take no write of 128 KiB or more, and a page may have 64.
constexpr std::size_t kMostGathered = 60 << 10;

/// What is appended waits to be written. SQLite tells nobody of frames before it has written the last of the
/// transaction, which is marked: with that one all are written. Whatever else is done with the file comes behind what
/// waits.
class Log {
 public:
  Log(sqlite3_file* file, const sqlite3_io_methods& methods) : file_(file), methods_(methods) {}

  int write(std::string_view bytes, sqlite3_int64 offset) {
    const bool header = bytes.size() == kFrameHeader;
    if (header) last_ = is_last(bytes);
    if (!append(bytes, offset)) {
      if (const int code = flush(); code != SQLITE_OK) return code;
      if (!begins(offset)) return write_within(bytes, offset);
      begin_ = offset;
      gathered_ = bytes;
      page_ = -1;
    }
    end_ = begin_ + static_cast<sqlite3_int64>(gathered_.size());
    const bool enough = last_ || gathered_.size() >= kMostGathered;
    return !header && enough ? flush() : SQLITE_OK;
  }

  /// What waits belongs to a transaction that was given up: others may write in its place.
  void give_up() { gathered_.clear(); }

  int flush() {
    if (gathered_.empty()) return SQLITE_OK;
    const int code = put(gathered_, begin_);
    gathered_.clear();  // of a write that fails SQLite takes back the transaction
    return code;
  }

 private:
  /// Octets 4 to 7 of the last frame's header are the size of the database, of others zero.
  static bool is_last(std::string_view header) { return header.substr(4, 4) != std::string_view("\0\0\0\0", 4); }

  bool append(std::string_view bytes, sqlite3_int64 offset) {
    if (gathered_.empty() || offset != end_) return false;
    gathered_ += bytes;
    return true;
  }

  /// Whether what is written there is new: behind all else, or where the log begins anew.
  bool begins(sqlite3_int64 offset) const { return offset >= end_ || offset == 0; }

  /// A page that changes again in its transaction is written where it was; the headers from there on are written once
  /// more, then, and of the last of them no page tells when. Or a frame takes the place of one that was given up, or
  /// that was before others have begun the log anew: behind that one is the end.
  int write_within(std::string_view bytes, sqlite3_int64 offset) {
    const auto after = offset + static_cast<sqlite3_int64>(bytes.size());
    const bool header = bytes.size() == kFrameHeader;
    if (!header && offset == page_) end_ = after;
    page_ = header ? after : -1;
    return put(bytes, offset);
  }

  int put(std::string_view bytes, sqlite3_int64 offset) {
    return methods_.xWrite(file_, bytes.data(), static_cast<int>(bytes.size()), offset);
  }

  sqlite3_file* const file_;
  const sqlite3_io_methods& methods_;
  std::string gathered_;
  sqlite3_int64 begin_ = 0;  // of what is gathered
  sqlite3_int64 end_ = 0;    // of all that was appended
  sqlite3_int64 page_ = -1;  // where the page of the header would be that was just written within
  bool last_ = false;        // the header before was that of a transaction's last frame
};

/// Of a file, behind what the system's file system keeps of it.
struct Tail {
  const sqlite3_io_methods* system;
  sqlite3_io_methods methods;  // the same but for what is done here
  Log* log;                    // of its database, too
  sqlite3_file* database;      // of the log's file
};

sqlite3_vfs& system_files() {
  static sqlite3_vfs* const found = sqlite3_vfs_find(nullptr);
  return *found;
}

std::size_t tail_offset() {
  return (static_cast<std::size_t>(system_files().szOsFile) + alignof(Tail) - 1) / alignof(Tail) * alignof(Tail);
}

Tail& tail_of(sqlite3_file* file) {
  return *std::launder(reinterpret_cast<Tail*>(reinterpret_cast<std::byte*>(file) + tail_offset()));
}

/// `function`(methods of the system), behind what waits.
template <typename F>
int flush_then(sqlite3_file* file, F function) {
  const Tail& tail = tail_of(file);
  const int code = tail.log->flush();
  return code == SQLITE_OK ? function(*tail.system) : code;
}

int read(sqlite3_file* file, void* bytes, int count, sqlite3_int64 offset) {
  return flush_then(file, [&](auto& system) { return system.xRead(file, bytes, count, offset); });
}

int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  return tail_of(file).log->write({static_cast<const char*>(bytes), static_cast<std::size_t>(count)}, offset);
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return flush_then(file, [&](auto& system) { return system.xTruncate(file, size); });
}

int sync(sqlite3_file* file, int flags) {
  return flush_then(file, [&](auto& system) { return system.xSync(file, flags); });
}

int size(sqlite3_file* file, sqlite3_int64* octets) {
  return flush_then(file, [&](auto& system) { return system.xFileSize(file, octets); });
}

/// Of the database: the lock of writers, which is the first, is what a transaction ends with.
int lock_shared_memory(sqlite3_file* file, int first, int count, int flags) {
  const Tail& tail = tail_of(file);
  if (first == 0 && (flags & SQLITE_SHM_UNLOCK) != 0 && tail.log != nullptr) tail.log->give_up();
  return tail.system->xShmLock(file, first, count, flags);
}

/// From now on the file's methods are those of its tail.
Tail& put_tail(sqlite3_file* file) {
  Tail& tail = *new (&tail_of(file)) Tail{file->pMethods, *file->pMethods, nullptr, nullptr};
  file->pMethods = &tail.methods;
  return tail;
}

/// The database is closed after its log.
int close_log(sqlite3_file* file) {
  const Tail& tail = tail_of(file);
  tail_of(tail.database).log = nullptr;
  delete tail.log;
  return tail.system->xClose(file);
}

void take_log(sqlite3_file* file, sqlite3_file* database) {
  Tail& tail = put_tail(file);
  tail.database = database;
  tail.log = new Log(file, *tail.system);
  tail_of(database).log = tail.log;
  tail.methods.xClose = close_log;
  tail.methods.xRead = read;
  tail.methods.xWrite = write;
  tail.methods.xTruncate = truncate;
  tail.methods.xSync = sync;
  tail.methods.xFileSize = size;
}

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int code = system_files().xOpen(&system_files(), name, file, flags, out_flags);
  if (code != SQLITE_OK) return code;
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) put_tail(file).methods.xShmLock = lock_shared_memory;
  if ((flags & SQLITE_OPEN_WAL) != 0) take_log(file, sqlite3_database_file_object(name));
  return SQLITE_OK;
}

/// All but open() is the system's: its functions find in the copy what they take from it.
sqlite3_vfs make() {
  sqlite3_vfs made = system_files();
  made.zName = kName;
  made.pNext = nullptr;
  made.szOsFile = static_cast<int>(tail_offset() + sizeof(Tail));
  made.xOpen = open;
  return made;
}

}  // namespace

const char* gathered_wal() {
  static sqlite3_vfs made = make();
  [[maybe_unused]] static const bool registered = [] {
    QUARTET_CHECK(sqlite3_vfs_register(&made, 0) == SQLITE_OK);
    return true;
  }();
  return kName;
}

}  // namespace quartet::store
