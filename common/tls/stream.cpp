#include "common/tls/stream.h"

#include "common/async/wait.h"
#include "common/metrics/metrics.h"
#include "common/tls/engine.h"

namespace quartet::tls {
namespace {

using net::IoCode;
using net::IoError;

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::chrono::seconds kLastWords{5};

class TlsStream final : public net::Stream {
 public:
  TlsStream(std::unique_ptr<net::Stream> under, std::shared_ptr<const void> context, Engine engine)
      : context_(std::move(context)), under_(std::move(under)), engine_(std::move(engine)) {}

  async::Task<std::expected<void, IoError>> handshake(async::Deadline deadline) {
    for (;;) {
      const auto status = engine_.handshake();
      const auto sent = co_await flush(deadline);
      if (status == Status::kFailed) co_return std::unexpected(IoError{IoCode::kTls, engine_.error()});
      if (status == Status::kClosed) co_return std::unexpected(IoError{IoCode::kTls, "closed during the handshake"});
      if (!sent) co_return std::unexpected(sent.error());
      if (status == Status::kDone) break;
      const auto bytes = co_await under_->read_some(deadline);
      if (!bytes) co_return std::unexpected(bytes.error());
      heard_ = true;
      engine_.feed(*bytes);
    }
    info_ = engine_.info();
    co_return std::expected<void, IoError>();
  }

  async::Task<std::expected<std::string_view, IoError>> read_some(async::Deadline deadline) override {
    std::string().swap(shown_);
    for (;;) {
      const auto status = engine_.read(shown_, kReadSize);
      if (status == Status::kDone && !shown_.empty()) co_return std::string_view(shown_);
      if (status == Status::kClosed) co_return std::unexpected(IoError{IoCode::kEndOfStream, ""});
      if (status == Status::kFailed) {
        if (!writing_) co_await flush(deadline);  // the alert; whether it arrives does not matter
        co_return std::unexpected(IoError{IoCode::kTls, engine_.error()});
      }
      // A key update of the peer may ask for an answer; a write under way sends it along.
      if (engine_.has_output() && !writing_) {
        const auto sent = co_await flush(deadline);
        if (!sent) co_return std::unexpected(sent.error());
      }
      std::string().swap(shown_);
      const auto bytes = co_await under_->read_some(deadline);
      if (!bytes) {
        // Without close_notify the end may be an attacker's: it is not the end of the stream.
        const bool cut = bytes.error().code == IoCode::kEndOfStream;
        co_return std::unexpected(cut ? IoError{IoCode::kReset, "closed without close_notify"} : bytes.error());
      }
      engine_.feed(*bytes);
    }
  }

  async::Task<std::expected<void, IoError>> write(std::string_view bytes, async::Deadline deadline) override {
    while (!bytes.empty()) {
      if (engine_.write(bytes) != Status::kDone) co_return std::unexpected(IoError{IoCode::kTls, engine_.error()});
      // Several records go out in one write, but not so many that a large message is held twice in memory.
      if (bytes.empty() || ++unsent_records_ >= 4) {
        unsent_records_ = 0;
        const auto sent = co_await flush(deadline);
        if (!sent) co_return std::unexpected(sent.error());
      }
    }
    co_return std::expected<void, IoError>();
  }

  async::Task<std::expected<void, IoError>> shutdown(async::Deadline deadline) override {
    engine_.close();
    const auto sent = co_await flush(deadline);
    if (!sent) co_return std::unexpected(sent.error());
    co_return co_await under_->shutdown(deadline);
  }

  const net::Address& local() const override { return under_->local(); }
  const net::Address& peer() const override { return under_->peer(); }
  const net::TlsInfo* tls() const override { return &info_; }
  std::string channel_binding(std::string_view type) const override { return engine_.channel_binding(type); }
  Fault fault() const { return engine_.fault(); }
  std::vector<std::string> peer_names() const { return engine_.peer_names(); }
  bool has_heard() const { return heard_; }

 private:
  /// A writer and a reader that answers a key update may meet here: one at a time, in the order of encryption.
  async::Task<std::expected<void, IoError>> flush(async::Deadline deadline) {
    while (writing_) {
      const auto waited = co_await idle_.wait(deadline);
      if (waited == async::Wait::kReady) continue;
      const bool late = waited == async::Wait::kTimedOut;
      co_return std::unexpected(IoError{late ? IoCode::kTimedOut : IoCode::kCancelled, ""});
    }
    if (!engine_.has_output()) co_return std::expected<void, IoError>();
    const std::string output = engine_.take_output();
    writing_ = true;
    idle_.reset();
    const auto sent = co_await under_->write(output, deadline);
    writing_ = false;
    idle_.set();
    co_return sent;
  }

  std::shared_ptr<const void> context_;  // keys live as long as the session
  std::unique_ptr<net::Stream> under_;
  Engine engine_;
  net::TlsInfo info_;
  std::string shown_;
  int unsent_records_ = 0;
  bool heard_ = false;  // the peer said something
  bool writing_ = false;
  async::Event idle_;  // set when writing_ ends
};

enum class Role { kServer, kClient };

void count_handshake(Role role, const net::TlsInfo* agreed, double seconds) {
  static constexpr const char* kRoles[] = {"server", "client"};
  const std::string name = kRoles[static_cast<int>(role)];
  metrics::counter("quartet_tls_handshakes_total", "TLS handshakes by their result",
                   {{"role", name}, {"version", agreed != nullptr ? agreed->version : "failed"}})
      .add();
  if (agreed == nullptr) return;
  metrics::histogram("quartet_tls_handshake_seconds", "Durations of TLS handshakes that succeeded",
                     metrics::durations(), {{"role", name}})
      .observe(seconds);
}

async::Task<ConnectResult> secured(std::unique_ptr<TlsStream> stream, Role role, async::Deadline deadline) {
  const auto begun = std::chrono::steady_clock::now();
  const auto done = co_await stream->handshake(deadline);
  // Who looks only whether the port is open begins none.
  const bool probe = role == Role::kServer && !stream->has_heard();
  if (!probe) count_handshake(role, done ? stream->tls() : nullptr, metrics::seconds_since(begun));
  if (!done) co_return std::unexpected(ConnectError{done.error(), stream->fault()});
  co_return std::unique_ptr<net::Stream>(std::move(stream));
}

}  // namespace

std::vector<std::string> peer_names(const net::Stream& stream) {
  const auto* const secured = dynamic_cast<const TlsStream*>(&stream);
  return secured == nullptr ? std::vector<std::string>() : secured->peer_names();
}

async::Task<void> say_end(net::Stream* stream) {
  if (stream == nullptr || stream->tls() == nullptr) co_return;
  (void)co_await stream->shutdown(async::Deadline::after(kLastWords));
}

async::Task<net::StreamResult> accept(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ServerContext> context,
                                      async::Deadline deadline) {
  auto engine = Engine::server(*context);
  co_return co_await secured(std::make_unique<TlsStream>(std::move(stream), std::move(context), std::move(engine)),
                             Role::kServer, deadline);
}

async::Task<ConnectResult> connect(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ClientContext> context,
                                   std::string server_name, async::Deadline deadline) {
  auto engine = Engine::client(*context, server_name);
  co_return co_await secured(std::make_unique<TlsStream>(std::move(stream), std::move(context), std::move(engine)),
                             Role::kClient, deadline);
}

async::Task<ConnectResult> connect(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ClientContext> context,
                                   std::shared_ptr<const Dane> dane, async::Deadline deadline) {
  auto engine = Engine::client(*context, *dane);
  co_return co_await secured(std::make_unique<TlsStream>(std::move(stream), std::move(context), std::move(engine)),
                             Role::kClient, deadline);
}

}  // namespace quartet::tls
