// A connection: TCP, UNIX, in-memory or TLS on one of these. It lives on one loop.
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/async/deadline.h"
#include "common/async/task.h"
#include "common/net/address.h"
#include "common/net/error.h"

namespace quartet::net {

/// By what the peer's certificate was verified.
enum class Trust {
  kNone,       // by nothing: any would have done
  kAuthority,  // one of the authorities that we know has signed it, and the name is right
  kDaneTa,     // a TLSA record of usage DANE-TA(2), and the name is right
  kDaneEe,     // a TLSA record of usage DANE-EE(3)
};

/// What the TLS layer of a stream agreed on.
struct TlsInfo {
  std::string version;       // "TLSv1.3"
  std::string cipher;        // OpenSSL's name
  int bits = 0;              // of the cipher
  std::string server_name;   // SNI; empty if none was sent
  std::string peer_subject;  // of a peer certificate that was verified; empty otherwise
  bool peer_verified = false;
  Trust trust = Trust::kNone;
};

class Stream {
 public:
  virtual ~Stream() = default;  // closes at once, without waiting for the peer

  /// At least one byte, as soon as there is any; the view is valid until the next call on this stream or its
  /// destruction. One reader at a time. Errors: kEndOfStream, kTimedOut (the stream stays usable), kCancelled, kReset,
  /// kTls.
  virtual async::Task<std::expected<std::string_view, IoError>> read_some(async::Deadline deadline) = 0;

  /// Ends when the kernel took all of it (back-pressure). The caller keeps `bytes` alive until then. One writer at a
  /// time; reading beside it is allowed; at most 2 GiB at a time. After any error the stream takes no more, but what
  /// the peer said before may still be read.
  virtual async::Task<std::expected<void, IoError>> write(std::string_view bytes, async::Deadline deadline) = 0;

  /// Says that nothing more will be written (TLS: close_notify, then FIN); reading goes on.
  virtual async::Task<std::expected<void, IoError>> shutdown(async::Deadline deadline) = 0;

  virtual const Address& local() const = 0;
  virtual const Address& peer() const = 0;

  /// Null in clear text.
  virtual const TlsInfo* tls() const { return nullptr; }
  /// What identifies this TLS connection to both its ends and to nobody between them, in the way that `type` names:
  /// "tls-exporter" (RFC 9266), "tls-server-end-point" or "tls-unique" (RFC 5929). Empty in clear text and where that
  /// is not possible.
  virtual std::string channel_binding(std::string_view type) const {
    (void)type;
    return {};
  }
};

using StreamResult = std::expected<std::unique_ptr<Stream>, IoError>;

/// Two ends of an in-memory connection on this loop, with back-pressure at `capacity` bytes each way.
std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_pipe(std::size_t capacity = 65536);

}  // namespace quartet::net
