#include <sys/un.h>

#include "common/net/socket.h"
#include "common/net/uv_stream.h"

namespace quartet::net {
namespace {

/// Lives until libuv's callback, although the waiting coroutine may be gone by then.
struct ConnectRequest {
  uv_connect_t request;
  class Connecting* waiter = nullptr;
};

class Connecting : public async::Waiter {
 public:
  Connecting(ConnectRequest* request, async::Deadline deadline) : request_(request), deadline_(deadline) {
    request->waiter = this;
  }
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (begin(handle, deadline_)) return true;
    request_->waiter = nullptr;
    return false;
  }
  async::Wait await_resume() const { return result(); }
  void abort() override { request_->waiter = nullptr; }
  void done(int result) {
    status = result;
    finish();
  }
  int status = 0;

 private:
  ConnectRequest* request_;
  async::Deadline deadline_;
};

void on_connected(uv_connect_t* request, int status) {
  const std::unique_ptr<ConnectRequest> owner(reinterpret_cast<ConnectRequest*>(request));
  if (owner->waiter != nullptr) owner->waiter->done(status);
}

/// 0 or the system's error.
int bind_to(uv_tcp_t& handle, const Address& source) {
  sockaddr_storage storage;
  source.to_sockaddr(storage);
  return uv_tcp_bind(&handle, reinterpret_cast<const sockaddr*>(&storage), 0);
}

int start(StreamHandle& handle, ConnectRequest& request, const Address& peer) {
  if (peer.is_unix()) {
    uv_pipe_connect(&request.request, &handle.pipe, peer.host().c_str(), on_connected);
    return 0;
  }
  sockaddr_storage storage;
  peer.to_sockaddr(storage);
  uv_tcp_nodelay(&handle.tcp, 1);
  return uv_tcp_connect(&request.request, &handle.tcp, reinterpret_cast<const sockaddr*>(&storage), on_connected);
}

}  // namespace

async::Task<StreamResult> connect(Address peer, ConnectOptions options, async::Deadline deadline) {
  auto handle = make_handle(peer.is_unix());
  auto request = std::make_unique<ConnectRequest>();
  if (options.source && !peer.is_unix()) {
    const int bound = bind_to(handle->tcp, *options.source);
    if (bound == UV_EADDRNOTAVAIL)
      co_return std::unexpected(IoError{IoCode::kDenied, options.source->host() + " is no address of this host"});
    if (bound != 0) co_return std::unexpected(error_of(bound));
  }
  const int started = start(*handle, *request, peer);
  if (started != 0) co_return std::unexpected(error_of(started));
  Connecting connecting(request.release(), deadline);
  const auto waited = co_await connecting;
  if (waited != async::Wait::kReady) co_return std::unexpected(error_of(waited));
  if (connecting.status != 0) co_return std::unexpected(error_of(connecting.status));
  auto local = peer.is_unix() ? peer : Address();
  co_return std::make_unique<UvStream>(std::move(handle), std::move(local), std::move(peer));
}

}  // namespace quartet::net
