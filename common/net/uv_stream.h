// TCP and UNIX connections: one class over uv_stream_t. Not for other folders; they see Stream.
#pragma once
#include <optional>

#include "common/net/stream.h"
#include "common/net/uv_support.h"

namespace quartet::net {

/// Memory for either kind of handle.
union StreamHandle {
  uv_handle_t handle;
  uv_stream_t stream;
  uv_tcp_t tcp;
  uv_pipe_t pipe;
};
using StreamHandlePointer = HandlePointer<StreamHandle>;

/// An initialised, unconnected handle of the current loop.
StreamHandlePointer make_handle(bool unix_socket);

class UvStream final : public Stream {
 public:
  /// `handle` is connected. Unset addresses are asked of the system.
  UvStream(StreamHandlePointer handle, Address local, Address peer);
  ~UvStream() override;

  async::Task<std::expected<std::string_view, IoError>> read_some(async::Deadline deadline) override;
  async::Task<std::expected<void, IoError>> write(std::string_view bytes, async::Deadline deadline) override;
  async::Task<std::expected<void, IoError>> shutdown(async::Deadline deadline) override;
  const Address& local() const override { return local_; }
  const Address& peer() const override { return peer_; }

 private:
  struct Reader;
  struct Writer;
  struct WriteRequest;

  static void on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* buffer);
  static void on_read(uv_stream_t* handle, ssize_t count, const uv_buf_t* buffer);
  static void on_written(WriteRequest* request, int status);
  void arrived(Blocks::Block block, std::size_t count);
  void failed(int status);
  void break_off();
  void start_reading();
  void stop_reading();

  StreamHandlePointer handle_;
  Address local_;
  Address peer_;
  Reader* reader_ = nullptr;
  Writer* writer_ = nullptr;
  bool reading_ = false;
  Blocks::Block block_;  // what the last read_some() showed, or
  std::string shown_;    // the same, if it had waited in pending_
  std::string pending_;  // arrived while nobody was reading
  std::optional<IoError> read_error_;
};

}  // namespace quartet::net
