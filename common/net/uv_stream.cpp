#include "common/net/uv_stream.h"

#include <sys/socket.h>

#include "common/base/check.h"

namespace quartet::net {
namespace {

/// Bytes that may wait for a reader; past that the socket's own buffer fills and the peer must wait.
constexpr std::size_t kMostPending = 64 * 1024;

/// The block that the next read of this loop fills.
Blocks::Block& next_block() {
  thread_local Blocks::Block block;
  return block;
}

Address socket_name(uv_stream_t* stream, int (*get)(int, sockaddr*, socklen_t*)) {
  uv_os_fd_t descriptor;
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(stream), &descriptor) != 0) return {};
  if (get(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
}

}  // namespace

StreamHandlePointer make_handle(bool unix_socket) {
  auto* const memory = new StreamHandle;
  auto* const loop = async::Loop::current().native();
  const int status = unix_socket ? uv_pipe_init(loop, &memory->pipe, 0) : uv_tcp_init(loop, &memory->tcp);
  QUARTET_CHECK(status == 0);
  memory->handle.data = nullptr;
  return StreamHandlePointer(memory);
}

struct UvStream::Reader : async::Waiter {
  Reader(UvStream& owner, async::Deadline limit) : stream(owner), deadline(limit) {}
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!begin(handle, deadline)) return false;
    stream.reader_ = this;
    return true;
  }
  async::Wait await_resume() const { return result(); }
  void abort() override { stream.reader_ = nullptr; }
  void done() {
    stream.reader_ = nullptr;
    finish();
  }
  using Waiter::finish_later;
  UvStream& stream;
  async::Deadline deadline;
  std::string_view bytes;
};

/// Lives until libuv's callback, although the waiting coroutine may be gone by then.
struct UvStream::WriteRequest {
  union {
    uv_write_t write;
    uv_shutdown_t shutdown;
  };
  Writer* writer = nullptr;
};

struct UvStream::Writer : async::Waiter {
  Writer(UvStream& owner, WriteRequest* pending, async::Deadline limit)
      : stream(owner), request(pending), deadline(limit) {
    request->writer = this;
  }
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!begin(handle, deadline)) {
      give_up();
      return false;
    }
    stream.writer_ = this;
    return true;
  }
  async::Wait await_resume() const { return result(); }
  void abort() override { give_up(); }
  /// Half a message may be out: the connection cannot be used any more.
  void give_up() {
    stream.writer_ = nullptr;
    request->writer = nullptr;
    stream.break_off();
  }
  using Waiter::finish;
  UvStream& stream;
  WriteRequest* request;
  async::Deadline deadline;
  int status = 0;
};

UvStream::UvStream(StreamHandlePointer handle, Address local, Address peer)
    : handle_(std::move(handle)), local_(std::move(local)), peer_(std::move(peer)) {
  handle_->handle.data = this;
  if (local_.family() == Address::Family::kNone) local_ = socket_name(&handle_->stream, getsockname);
  if (peer_.family() == Address::Family::kNone) peer_ = socket_name(&handle_->stream, getpeername);
}

UvStream::~UvStream() {
  QUARTET_CHECK(reader_ == nullptr && writer_ == nullptr);
  if (block_) Blocks::here().give(std::move(block_));
}

void UvStream::on_alloc(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
  auto& block = next_block();
  if (!block) block = Blocks::here().take();
  *buffer = uv_buf_init(block.get(), Blocks::kSize);
}

void UvStream::on_read(uv_stream_t* handle, ssize_t count, const uv_buf_t*) {
  auto* const self = static_cast<UvStream*>(handle->data);
  if (self == nullptr || count == 0) return;
  if (count > 0) {
    self->arrived(std::move(next_block()), static_cast<std::size_t>(count));
  } else {
    self->failed(static_cast<int>(count));
  }
}

void UvStream::arrived(Blocks::Block block, std::size_t count) {
  if (reader_ != nullptr) {
    reader_->bytes = {block.get(), count};
    block_ = std::move(block);
    reader_->done();  // the reader may destroy this stream
    return;
  }
  pending_.append(block.get(), count);
  next_block() = std::move(block);
  if (pending_.size() >= kMostPending) stop_reading();
}

void UvStream::failed(int status) {
  stop_reading();
  if (!read_error_) read_error_ = error_of(status);
  if (reader_ != nullptr) reader_->done();
}

void UvStream::break_off() {
  stop_reading();
  if (!read_error_) read_error_ = IoError{IoCode::kReset, "a write did not end in time"};
  if (reader_ != nullptr) std::exchange(reader_, nullptr)->finish_later();
  handle_.reset();
}

void UvStream::start_reading() {
  if (reading_) return;
  const int status = uv_read_start(&handle_->stream, on_alloc, on_read);
  reading_ = status == 0;
  if (!reading_) read_error_ = error_of(status);
}

void UvStream::stop_reading() {
  if (reading_ && handle_) uv_read_stop(&handle_->stream);
  reading_ = false;
}

async::Task<std::expected<std::string_view, IoError>> UvStream::read_some(async::Deadline deadline) {
  QUARTET_CHECK(reader_ == nullptr);
  if (block_) Blocks::here().give(std::move(block_));
  shown_ = {};
  if (!pending_.empty()) {
    shown_ = std::exchange(pending_, {});
    co_return std::string_view(shown_);
  }
  if (!read_error_) start_reading();
  if (read_error_) co_return std::unexpected(*read_error_);
  Reader reader(*this, deadline);
  const auto waited = co_await reader;
  if (waited != async::Wait::kReady) co_return std::unexpected(error_of(waited));
  if (reader.bytes.empty()) co_return std::unexpected(*read_error_);
  co_return reader.bytes;
}

void UvStream::on_written(WriteRequest* request, int status) {
  const std::unique_ptr<WriteRequest> owner(request);
  auto* const writer = request->writer;
  if (writer == nullptr) return;
  writer->status = status;
  writer->stream.writer_ = nullptr;
  writer->finish();
}

async::Task<std::expected<void, IoError>> UvStream::write(std::string_view bytes, async::Deadline deadline) {
  QUARTET_CHECK(writer_ == nullptr);
  if (!handle_) co_return std::unexpected(read_error_.value_or(IoError{IoCode::kReset, ""}));
  if (bytes.empty()) co_return std::expected<void, IoError>();
  // libuv counts in 32 bits.
  if (bytes.size() > 1u << 31) co_return std::unexpected(IoError{IoCode::kSystem, "more than 2 GiB in one write"});
  auto buffer = uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  const int written = uv_try_write(&handle_->stream, &buffer, 1);
  if (written < 0 && written != UV_EAGAIN) co_return std::unexpected(error_of(written));
  if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  if (bytes.empty()) co_return std::expected<void, IoError>();
  buffer = uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  auto request = std::make_unique<WriteRequest>();
  const int status = uv_write(&request->write, &handle_->stream, &buffer, 1, [](uv_write_t* done, int result) {
    on_written(reinterpret_cast<WriteRequest*>(done), result);
  });
  if (status != 0) co_return std::unexpected(error_of(status));
  Writer writer(*this, request.release(), deadline);
  const auto waited = co_await writer;
  if (waited != async::Wait::kReady) co_return std::unexpected(error_of(waited));
  if (writer.status != 0) co_return std::unexpected(error_of(writer.status));
  co_return std::expected<void, IoError>();
}

async::Task<std::expected<void, IoError>> UvStream::shutdown(async::Deadline deadline) {
  QUARTET_CHECK(writer_ == nullptr);
  if (!handle_) co_return std::unexpected(IoError{IoCode::kReset, ""});
  auto request = std::make_unique<WriteRequest>();
  const int status = uv_shutdown(&request->shutdown, &handle_->stream, [](uv_shutdown_t* done, int result) {
    on_written(reinterpret_cast<WriteRequest*>(done), result);
  });
  if (status != 0) co_return std::unexpected(error_of(status));
  Writer writer(*this, request.release(), deadline);
  const auto waited = co_await writer;
  if (waited != async::Wait::kReady) co_return std::unexpected(error_of(waited));
  if (writer.status != 0) co_return std::unexpected(error_of(writer.status));
  co_return std::expected<void, IoError>();
}

}  // namespace quartet::net
