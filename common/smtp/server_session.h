// One SMTP or LMTP session of a server, from greeting to close. ServerMachine decides what to say; the agent's Handler
// decides about addresses and messages; this waits.
#pragma once
#include <atomic>
#include <chrono>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/net/sessions.h"
#include "common/net/stream.h"
#include "common/sasl/server.h"
#include "common/smtp/server_machine.h"
#include "common/tls/server_context.h"

namespace quartet::smtp {

/// Who talks to us; complete when the handler is asked.
struct Peer {
  net::Address address;
  net::Address local;
  std::string hello;  // what it calls itself
  bool esmtp = false;
  const net::TlsInfo* tls = nullptr;
  std::string login;  // empty until authenticated
  /// Of the client before the peer, as the peer says it (XFORWARD); for the log, and for one message.
  std::optional<ClientAttributes> origin{};
};

/// Takes one message. The session writes the pieces in order, then asks for the replies.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  /// Octets of the message, dots already unstuffed. An error is the reply after the end; the rest is read and dropped.
  virtual async::Task<std::expected<void, Reply>> write(std::string bytes) = 0;
  /// One reply; for LMTP one for each accepted recipient, in order (RFC 2033 section 4.2). A positive one is a promise.
  virtual async::Task<std::vector<Reply>> finish() = 0;
};

/// The agent's say; one object a session. Replies of the class 2yz mean yes; 421 to MAIL, RCPT or AUTH ends the
/// session.
class Handler {
 public:
  virtual ~Handler() = default;
  /// Before the greeting; a negative reply ends the session with it.
  virtual async::Task<Reply> on_open(const Peer& peer) = 0;
  virtual async::Task<Reply> on_mail(const Peer& peer, const MailParameters& mail) = 0;
  virtual async::Task<Reply> on_rcpt(const Peer& peer, const Transaction& transaction, const RcptParameters& rcpt) = 0;
  virtual async::Task<std::expected<std::unique_ptr<MessageSink>, Reply>> on_message(
      const Peer& peer, const Transaction& transaction) = 0;
  /// There is no transaction any more: its message is delivered or refused, or the client gave it up (RSET, LHLO).
  virtual void on_transaction_ended() {}
  /// 235 lets in as claim.user(), which the handler sets where a token alone says who it is; 535 does not, 454 is a
  /// failure of ours. EXTERNAL is offered to whom the server's context asks for a certificate and who has shown one.
  virtual async::Task<Reply> on_auth(const Peer& peer, sasl::Claim& claim);
  /// For the mechanisms that need them (SCRAM).
  virtual sasl::Verifiers verifiers();
  /// For the mechanisms by token: see sasl::Means.
  virtual std::string token_refusal();
  virtual async::Task<Reply> on_etrn(const Peer& peer, const std::string& argument);
  /// ATRN of a client that is authenticated; no domains: all it may have (RFC 2645). A positive reply turns the
  /// connection around: when it was sent on_turned() gets the stream, and the session ends with it.
  virtual async::Task<Reply> on_atrn(const Peer& peer, const std::vector<std::string>& domains);
  /// `peer` is another client from now on (XCLIENT): what it is to be offered.
  virtual ServerFeatures features_for(const Peer& peer, ServerFeatures features);
  /// The peer is a server from now on and will greet us; TLS stays as it is. `peer` outlives the task, except tls.
  virtual async::Task<void> on_turned(const Peer& peer, std::unique_ptr<net::Stream> stream);
};

struct ServerOptions {
  ServerFeatures features;                        // starttls and tls below are kept in step by serve()
  std::shared_ptr<const tls::ServerContext> tls;  // null: no TLS
  bool implicit_tls = false;                      // TLS from the first byte (RFC 8314)
  std::chrono::seconds command_timeout{300};      // RFC 5321 section 4.5.3.2.7
  std::chrono::seconds data_timeout{180};         // for the next octets of a message
  // A message may take `data_grace` and then a second for each `data_rate` octets, of time that we wait for it; who is
  // slower gets 421, so that nobody holds a session for days with an octet every three minutes. 0: no such limit.
  std::uint64_t data_rate = 500;
  std::chrono::milliseconds data_grace{60'000};
  std::chrono::seconds tls_timeout{60};
  const std::atomic<bool>* draining = nullptr;  // true: idle sessions get 421
  net::SessionRecord* record = nullptr;         // kept up to date; ends the session with 421 when it is to end
};

enum class SessionEnd { kQuit, kPeerLost, kTimedOut, kRefused, kStopped, kTlsFailed, kPlaintextInjected, kTurned };

/// Runs the session to its end. `options` and `handler` outlive the task.
async::Task<SessionEnd> serve(std::unique_ptr<net::Stream> stream, const ServerOptions& options, Handler& handler);

const char* to_string(SessionEnd end);

}  // namespace quartet::smtp
