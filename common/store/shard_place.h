// ShardPlace: where a shard's tables are, and how its writers of several processes take turns.
#pragma once
#include <memory>
#include <string>

#include "common/store/database.h"

namespace quartet::store {

class ShardPlace {
 public:
  virtual ~ShardPlace() = default;
  /// For people.
  virtual std::string name() const = 0;
  /// Connections; that of the writer makes or checks the tables.
  virtual Result<std::unique_ptr<Database>> writer() = 0;
  virtual Result<std::unique_ptr<Database>> reader() = 0;
  /// For the tables of the index of texts, see text_shelf.h, which may not be there yet. begin_write() does not wait
  /// for who writes to the shard.
  virtual Result<std::unique_ptr<Database>> texts() = 0;
  /// Before a batch is put together, and after its commit: who waits here has his turn at once.
  virtual void lock() {}
  virtual void unlock() {}
};

/// A SQLite file, and the one of its texts; `busy_ms` is how long another process's commit is waited for.
std::unique_ptr<ShardPlace> sqlite_shard(std::string path, std::string texts_path, std::int64_t busy_ms);

}  // namespace quartet::store
