// What the libuv wrappers of this folder share; not for others.
#pragma once
#include <uv.h>

#include <memory>
#include <string>
#include <vector>

#include "common/async/wait.h"
#include "common/net/error.h"

namespace quartet::net {

IoError error_of(int uv_status);
IoError error_of(async::Wait wait);

/// A handle's memory lives until libuv's close callback, longer than the object that owns it.
template <typename T>
struct HandleCloser {
  void operator()(T* handle) const {
    reinterpret_cast<uv_handle_t*>(handle)->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) { delete reinterpret_cast<T*>(closed); });
  }
};
template <typename T>
using HandlePointer = std::unique_ptr<T, HandleCloser<T>>;

/// Read buffers of one loop. A stream holds one only from the arrival of bytes until its next read, so an idle
/// connection has none.
class Blocks {
 public:
  static constexpr std::size_t kSize = 32 * 1024;
  using Block = std::unique_ptr<char[]>;

  static Blocks& here();
  Block take();
  void give(Block block);

 private:
  std::vector<Block> free_;
};

}  // namespace quartet::net
