// UpkeepLock: while one process reads the bytes of a whole store, no other collects garbage in it.
#pragma once
#include <expected>
#include <optional>
#include <string>

#include "common/store/types.h"

namespace quartet::store {

/// A lock of the file `collect.lock` in the store's directory; it ends with the process.
class UpkeepLock {
 public:
  /// For who removes bytes: nullopt while anybody else holds it.
  static std::optional<UpkeepLock> try_remove(const std::string& directory);
  /// For who reads them; several may. Waits for a collection to end.
  static std::expected<UpkeepLock, StoreError> keep(const std::string& directory);
  ~UpkeepLock();
  UpkeepLock(UpkeepLock&& other) noexcept;
  UpkeepLock& operator=(UpkeepLock&&) = delete;

 private:
  explicit UpkeepLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace quartet::store
