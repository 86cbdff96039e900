#include "common/net/udp.h"

#include <sys/socket.h>

#include <deque>

#include "common/base/check.h"
#include "common/net/uv_support.h"

namespace quartet::net {
namespace {

/// Datagrams that may wait for the reader; more are dropped, as the network would.
constexpr std::size_t kMostWaiting = 16;

class UvUdpSocket final : public UdpSocket {
 public:
  explicit UvUdpSocket(HandlePointer<uv_udp_t> handle) : handle_(std::move(handle)) { handle_->data = this; }
  ~UvUdpSocket() override { QUARTET_CHECK(receiver_ == nullptr); }

  int start() { return uv_udp_recv_start(handle_.get(), on_alloc, on_received); }

  async::Task<std::expected<void, IoError>> send(std::string_view datagram, async::Deadline deadline) override {
    auto buffer = uv_buf_init(const_cast<char*>(datagram.data()), static_cast<unsigned>(datagram.size()));
    for (;;) {
      const int sent = uv_udp_try_send(handle_.get(), &buffer, 1, nullptr);
      if (sent >= 0) co_return std::expected<void, IoError>();
      if (sent != UV_EAGAIN) co_return std::unexpected(error_of(sent));
      if (deadline.passed()) co_return std::unexpected(IoError{IoCode::kTimedOut, ""});
      const auto waited = co_await async::sleep_for(std::chrono::milliseconds(1));  // the socket's buffer drains
      if (waited == async::Wait::kCancelled) co_return std::unexpected(error_of(waited));
    }
  }

  async::Task<std::expected<std::string_view, IoError>> receive(async::Deadline deadline) override {
    if (waiting_.empty()) {
      Receiver receiver(*this, deadline);
      const auto waited = co_await receiver;
      if (waited != async::Wait::kReady) co_return std::unexpected(error_of(waited));
    }
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    if (!next) co_return std::unexpected(next.error());
    shown_ = *std::move(next);
    co_return std::string_view(shown_);
  }

 private:
  struct Receiver : async::Waiter {
    Receiver(UvUdpSocket& owner, async::Deadline limit) : socket(owner), deadline(limit) {}
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      if (!begin(handle, deadline)) return false;
      socket.receiver_ = this;
      return true;
    }
    async::Wait await_resume() const { return result(); }
    void abort() override { socket.receiver_ = nullptr; }
    void done() {
      socket.receiver_ = nullptr;
      finish();
    }
    UvUdpSocket& socket;
    async::Deadline deadline;
  };

  static std::string& memory() {
    thread_local std::string bytes(65536, '\0');
    return bytes;
  }

  static void on_alloc(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
    *buffer = uv_buf_init(memory().data(), static_cast<unsigned>(memory().size()));
  }

  static void on_received(uv_udp_t* handle, ssize_t count, const uv_buf_t* buffer, const sockaddr* from, unsigned) {
    auto* const self = static_cast<UvUdpSocket*>(handle->data);
    if (self == nullptr || (count == 0 && from == nullptr) || self->waiting_.size() >= kMostWaiting) return;
    if (count >= 0) {
      self->waiting_.emplace_back(std::string(buffer->base, static_cast<std::size_t>(count)));
    } else {
      self->waiting_.emplace_back(std::unexpected(error_of(static_cast<int>(count))));
    }
    if (self->receiver_ != nullptr) self->receiver_->done();
  }

  HandlePointer<uv_udp_t> handle_;
  std::deque<std::expected<std::string, IoError>> waiting_;
  std::string shown_;
  Receiver* receiver_ = nullptr;
};

}  // namespace

std::expected<std::unique_ptr<UdpSocket>, IoError> UdpSocket::connect(const Address& peer) {
  auto* const memory = new uv_udp_t;
  QUARTET_CHECK(uv_udp_init(async::Loop::current().native(), memory) == 0);
  auto socket = std::make_unique<UvUdpSocket>(HandlePointer<uv_udp_t>(memory));
  sockaddr_storage storage;
  peer.to_sockaddr(storage);
  if (const int status = uv_udp_connect(memory, reinterpret_cast<const sockaddr*>(&storage)); status != 0) {
    return std::unexpected(error_of(status));
  }
  if (const int status = socket->start(); status != 0) return std::unexpected(error_of(status));
  return socket;
}

}  // namespace quartet::net
