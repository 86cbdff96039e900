// TLS without I/O: cipher text in, cipher text out. Unit tests and the fuzzer drive it without a socket.
#pragma once
#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/stream.h"
#include "common/tls/client_context.h"
#include "common/tls/dane.h"
#include "common/tls/fault.h"
#include "common/tls/server_context.h"

namespace quartet::tls {

enum class Status {
  kDone,       // the operation is complete
  kWantInput,  // more cipher text of the peer is needed
  kClosed,     // the peer said close_notify
  kFailed,     // see error(); the connection is of no use, but output() may hold an alert to send
};

/// After every call output() may have something to send. One thread at a time.
class Engine {
 public:
  static Engine server(const ServerContext& context);
  /// `name`: for SNI, and what the certificate must be for if the context verifies (then without one the handshake
  /// fails); an IP address is possible.
  static Engine client(const ClientContext& context, const std::string& name);
  /// As `dane` says, whatever the context would verify; its base domain is the SNI.
  static Engine client(const ClientContext& context, const Dane& dane);
  Engine(Engine&&) noexcept;
  ~Engine();

  /// Cipher text from the peer.
  void feed(std::string_view bytes);
  /// Takes what must be sent to the peer.
  std::string take_output();
  bool has_output() const;

  Status handshake();
  /// Appends up to `limit` octets of plain text to `out`.
  Status read(std::string& out, std::size_t limit);
  /// Encrypts a prefix of `bytes` (at most a record) and removes it from the view.
  Status write(std::string_view& bytes);
  /// Queues close_notify.
  void close();

  const std::string& error() const { return error_; }
  /// What kind of error() it is.
  Fault fault() const { return fault_; }
  /// After the handshake.
  net::TlsInfo info() const;
  /// Whom the peer's certificate names, if it was verified: the addresses (rfc822Name) in its subjectAltName, or
  /// without any its common name. After the handshake.
  std::vector<std::string> peer_names() const;
  /// net::Stream::channel_binding(); after the handshake.
  std::string channel_binding(std::string_view type) const;

 private:
  struct Native;
  explicit Engine(std::unique_ptr<Native> native);
  Status result(int returned);

  std::unique_ptr<Native> native_;
  std::string error_;
  Fault fault_ = Fault::kHandshake;
};

}  // namespace quartet::tls
