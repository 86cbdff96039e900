#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "common/base/check.h"
#include "common/base/scope.h"
#include "common/net/socket.h"
#include "common/net/uv_stream.h"

namespace quartet::net {
namespace {

/// Pause after a failed accept (out of descriptors, mostly): the connection waits in the backlog meanwhile.
constexpr auto kAcceptPause = std::chrono::milliseconds(50);

std::unexpected<IoError> last_error() { return std::unexpected(error_of(-errno)); }

/// A file that nobody listens on is left from a process that died.
bool is_stale_socket(const sockaddr_un& address) {
  struct stat status{};
  if (lstat(address.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  // Not blocking: a live listener whose backlog is full would hold us (EAGAIN says that it lives).
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const ScopeExit close_probe([probe] { close(probe); });
  return ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
}

std::expected<int, IoError> bind_unix(const Address& address, const ListenOptions& options) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.host().c_str(), std::min(address.host().size(), sizeof name.sun_path - 1));
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return last_error();
  ScopeExit close_descriptor([descriptor] { close(descriptor); });
  auto* const generic = reinterpret_cast<const sockaddr*>(&name);
  if (bind(descriptor, generic, sizeof name) != 0) {
    if (errno != EADDRINUSE) return last_error();
    if (!is_stale_socket(name)) return std::unexpected(error_of(-EADDRINUSE));
    unlink(name.sun_path);
    if (bind(descriptor, generic, sizeof name) != 0) return last_error();
  }
  if (chmod(name.sun_path, options.unix_mode) != 0) return last_error();
  close_descriptor.dismiss();
  return descriptor;
}

std::expected<int, IoError> bind_tcp(const Address& address, const ListenOptions& options) {
  sockaddr_storage storage;
  address.to_sockaddr(storage);
  const int descriptor = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return last_error();
  ScopeExit close_descriptor([descriptor] { close(descriptor); });
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Linux gives it on to accepted sockets: one call less for each connection.
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.reuse_port && setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) return last_error();
  if (storage.ss_family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const socklen_t length = storage.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&storage), length) != 0) return last_error();
  close_descriptor.dismiss();
  return descriptor;
}

Address bound_address(const Address& wanted, int descriptor) {
  if (wanted.is_unix()) return wanted;
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &length);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
}

class UvListener final : public Listener {
 public:
  UvListener(StreamHandlePointer handle, Address local) : handle_(std::move(handle)), local_(std::move(local)) {
    handle_->handle.data = this;
  }

  ~UvListener() override {
    QUARTET_CHECK(waiter_ == nullptr);
    if (local_.is_unix()) unlink(local_.host().c_str());
  }

  int listen(int backlog) { return uv_listen(&handle_->stream, backlog, on_connection); }

  async::Task<StreamResult> accept() override {
    for (;;) {
      if (arrived_ == 0) {
        Waiting waiting(*this);
        const auto waited = co_await waiting;
        if (waited != async::Wait::kReady) co_return std::unexpected(error_of(waited));
      }
      --arrived_;
      auto connection = make_handle(local_.is_unix());
      const int status = uv_accept(&handle_->stream, &connection->stream);
      if (status == 0) {
        co_return std::make_unique<UvStream>(std::move(connection), local_, local_.is_unix() ? local_ : Address());
      }
      const auto paused = co_await async::sleep_for(kAcceptPause);
      if (paused == async::Wait::kCancelled) co_return std::unexpected(error_of(paused));
    }
  }

  const Address& local() const override { return local_; }

 private:
  struct Waiting : async::Waiter {
    explicit Waiting(UvListener& owner) : listener(owner) {}
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      if (!begin(handle, async::Deadline::never())) return false;
      listener.waiter_ = this;
      return true;
    }
    async::Wait await_resume() const { return result(); }
    void abort() override { listener.waiter_ = nullptr; }
    void done() {
      listener.waiter_ = nullptr;
      finish();
    }
    UvListener& listener;
  };

  static void on_connection(uv_stream_t* handle, int status) {
    auto* const self = static_cast<UvListener*>(handle->data);
    // On an error (EMFILE) libuv itself keeps a reserve descriptor to shed the connection; the next one comes again.
    if (self == nullptr || status != 0) return;
    ++self->arrived_;
    if (self->waiter_ != nullptr) self->waiter_->done();
  }

  StreamHandlePointer handle_;
  Address local_;
  Waiting* waiter_ = nullptr;
  std::size_t arrived_ = 0;
};

}  // namespace

std::expected<std::unique_ptr<Listener>, IoError> Listener::open(const Address& address, ListenOptions options) {
  const auto descriptor = address.is_unix() ? bind_unix(address, options) : bind_tcp(address, options);
  if (!descriptor) return std::unexpected(descriptor.error());
  auto handle = make_handle(address.is_unix());
  const int opened =
      address.is_unix() ? uv_pipe_open(&handle->pipe, *descriptor) : uv_tcp_open(&handle->tcp, *descriptor);
  if (opened != 0) {
    close(*descriptor);
    return std::unexpected(error_of(opened));
  }
  auto listener = std::make_unique<UvListener>(std::move(handle), bound_address(address, *descriptor));
  if (const int listening = listener->listen(options.backlog); listening != 0)
    return std::unexpected(error_of(listening));
  return listener;
}

}  // namespace quartet::net
