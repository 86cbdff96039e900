#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/check.h"
#include "common/base/scope.h"
#include "common/net/socket.h"
#include "common/net/uv_stream.h"

namespace quartet::net {
namespace {

std::unexpected<IoError> last_error() { return std::unexpected(error_of(-errno)); }

/// A file that nobody listens on is left from a process that died.
bool is_stale_socket(const sockaddr_un& address) {
  struct stat status = {};
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

/// What ended one connection, not the listener: the client was gone before it was taken (accept(2)).
bool is_of_connection(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN || error == ENOPROTOOPT ||
         error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH || error == EOPNOTSUPP || error == ENETUNREACH;
}

/// Accepts by itself rather than by uv_listen(), which never leaves its loop while there is no descriptor, not even one
/// in reserve, and which closes the waiting connections while there is.
class UvListener final : public Listener {
 public:
  UvListener(int descriptor, HandlePointer<uv_poll_t> poll, Address local)
      : descriptor_(descriptor), poll_(std::move(poll)), local_(std::move(local)) {
    poll_->data = this;
  }

  ~UvListener() override {
    QUARTET_CHECK(waiter_ == nullptr);
    poll_.reset();
    close(descriptor_);
    if (local_.is_unix()) unlink(local_.host().c_str());
  }

  async::Task<StreamResult> accept() override {
    for (;;) {
      if (!ready_) {
        Waiting waiting(*this);
        const auto waited = co_await waiting;
        if (waited != async::Wait::kReady) co_return std::unexpected(error_of(waited));
      }
      const int taken = ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (taken >= 0) co_return stream_of(taken);
      if (is_of_connection(errno)) continue;
      ready_ = false;
      if (errno != EAGAIN) co_return last_error();
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
      listener.watch();
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

  StreamResult stream_of(int descriptor) {
    auto connection = make_handle(local_.is_unix());
    const int status =
        local_.is_unix() ? uv_pipe_open(&connection->pipe, descriptor) : uv_tcp_open(&connection->tcp, descriptor);
    if (status == 0)
      return std::make_unique<UvStream>(std::move(connection), local_, local_.is_unix() ? local_ : Address());
    close(descriptor);
    return std::unexpected(error_of(status));
  }

  void watch() {
    if (watched_) return;
    watched_ = true;
    QUARTET_CHECK(uv_poll_start(poll_.get(), UV_READABLE, on_readable) == 0);
  }

  static void on_readable(uv_poll_t* handle, int, int) {
    auto* const self = static_cast<UvListener*>(handle->data);
    if (self == nullptr) return;
    if (self->waiter_ != nullptr) {
      self->ready_ = true;
      self->waiter_->done();
    } else {
      // Nobody takes connections now, and this would be called without end.
      uv_poll_stop(handle);
      self->watched_ = false;
    }
  }

  int descriptor_;
  HandlePointer<uv_poll_t> poll_;
  Address local_;
  Waiting* waiter_ = nullptr;
  bool ready_ = false;  // a connection may be waiting
  bool watched_ = false;
};

}  // namespace

std::expected<std::unique_ptr<Listener>, IoError> Listener::open(const Address& address, ListenOptions options) {
  const auto descriptor = address.is_unix() ? bind_unix(address, options) : bind_tcp(address, options);
  if (!descriptor) return std::unexpected(descriptor.error());
  ScopeExit close_descriptor([descriptor] { close(*descriptor); });
  if (::listen(*descriptor, options.backlog) != 0) return last_error();
  HandlePointer<uv_poll_t> poll(new uv_poll_t);
  // An own failure, as of the loop's memory, needs no close callback: the handle is not known to the loop yet.
  if (const int status = uv_poll_init(async::Loop::current().native(), poll.get(), *descriptor); status != 0) {
    delete poll.release();
    return std::unexpected(error_of(status));
  }
  close_descriptor.dismiss();
  return std::make_unique<UvListener>(*descriptor, std::move(poll), bound_address(address, *descriptor));
}

}  // namespace quartet::net
