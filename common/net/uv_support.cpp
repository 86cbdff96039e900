#include "common/net/uv_support.h"

namespace quartet::net {
namespace {

constexpr std::size_t kMostFreeBlocks = 64;

IoCode code_of(int status) {
  switch (status) {
    case UV_EOF:
      return IoCode::kEndOfStream;
    case UV_ETIMEDOUT:
      return IoCode::kTimedOut;
    case UV_ECANCELED:
      return IoCode::kCancelled;
    case UV_ECONNRESET:
    case UV_EPIPE:
    case UV_ECONNABORTED:
    case UV_ENOTCONN:
      return IoCode::kReset;
    case UV_ECONNREFUSED:
    case UV_ENOENT:  // of a UNIX socket
      return IoCode::kRefused;
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_ENETDOWN:
    case UV_EADDRNOTAVAIL:
      return IoCode::kUnreachable;
    case UV_EADDRINUSE:
      return IoCode::kInUse;
    case UV_EACCES:
    case UV_EPERM:
      return IoCode::kDenied;
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOBUFS:
    case UV_ENOMEM:
      return IoCode::kScarce;
    default:
      return IoCode::kSystem;
  }
}

}  // namespace

IoError error_of(int status) {
  const auto code = code_of(status);
  const bool told = code == IoCode::kSystem || code == IoCode::kScarce || code == IoCode::kUnreachable;
  return {code, told ? uv_strerror(status) : ""};
}

IoError error_of(async::Wait wait) {
  return {wait == async::Wait::kTimedOut ? IoCode::kTimedOut : IoCode::kCancelled, ""};
}

Blocks& Blocks::here() {
  thread_local Blocks blocks;
  return blocks;
}

Blocks::Block Blocks::take() {
  if (free_.empty()) return std::make_unique_for_overwrite<char[]>(kSize);
  auto block = std::move(free_.back());
  free_.pop_back();
  return block;
}

void Blocks::give(Block block) {
  if (free_.size() < kMostFreeBlocks) free_.push_back(std::move(block));
}

}  // namespace quartet::net
