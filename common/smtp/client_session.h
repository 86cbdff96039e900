// An SMTP or LMTP session of a client: RFC 5321 section 3, RFC 2033, pipelined by RFC 2920. One session carries many
// transactions; the caller reuses it until a result says that it is broken.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/stream.h"
#include "common/smtp/path.h"
#include "common/smtp/reply.h"
#include "common/tls/client_context.h"
#include "common/tls/dane.h"
#include "common/tls/fault.h"

namespace quartet::smtp {

enum class StartTls { kNever, kIfOffered, kRequired };

struct ClientLogin {
  std::string user;
  std::string password;
};

/// Sees a session open, for people who want to know what happens.
class ClientObserver {
 public:
  virtual ~ClientObserver() = default;
  /// `command` is the verb alone; "" for the greeting.
  virtual void on_reply(std::string_view command, const Reply& reply) = 0;
  virtual void on_tls(const net::TlsInfo& tls) = 0;
};

struct ClientOptions {
  std::string hostname;  // for EHLO
  bool lmtp = false;
  StartTls starttls = StartTls::kIfOffered;
  std::shared_ptr<const tls::ClientContext> tls;  // null: as if STARTTLS were not offered
  std::string server_name;                        // for SNI and verification
  std::shared_ptr<const tls::Dane> dane;          // if given: for both, in place of server_name
  bool implicit_tls = false;
  std::optional<ClientLogin> login;  // used only under TLS, and then it must succeed
  // RFC 5321 section 4.5.3.2
  std::chrono::seconds greeting_timeout{300};
  std::chrono::seconds command_timeout{300};
  std::chrono::seconds tls_timeout{60};
  std::chrono::seconds data_start_timeout{120};
  std::chrono::seconds data_block_timeout{180};
  std::chrono::seconds data_end_timeout{600};
  // A server may have closed a session that was unused for longer. Then its answer to the envelope is waited for before
  // anything of the message goes out, so that a loss is known to be harmless (see Sent).
  std::chrono::milliseconds trusted_pause{1000};
  ClientObserver* observer = nullptr;  // outlives open()
};

struct Capabilities {
  bool logged_in = false;  // by AUTH of the session, after EHLO
  bool esmtp = false;
  bool pipelining = false;
  bool eight_bit = false;
  bool chunking = false;
  bool binary = false;
  bool smtputf8 = false;
  bool dsn = false;
  bool starttls = false;
  bool etrn = false;
  bool atrn = false;
  bool trace = false;        // our own XTRACE
  bool require_tls = false;  // within TLS or within this host; elsewhere it means nothing
  bool priority = false;
  bool deliver_by = false;
  std::int32_t deliver_by_least = 0;  // min-by-time of RFC 2852
  bool size = false;
  std::uint64_t size_limit = 0;          // 0: none told
  std::uint64_t recipients_limit = 0;    // RCPTMAX of RFC 9422; 0: none told
  std::uint64_t domains_limit = 0;       // RCPTDOMAINMAX: of the recipients of a session
  std::uint64_t transactions_limit = 0;  // MAILMAX
  std::vector<std::string> mechanisms;   // of AUTH, upper case
};
Capabilities parse_capabilities(const Reply& ehlo);

/// Why a session or a transaction could not go on.
struct ClientError {
  enum class Kind {
    kNetwork,   // connection lost or timed out
    kProtocol,  // what came was no SMTP
    kRefused,   // the server said no: see reply
    kTls,       // required and not to be had
    kLogin,     // required and refused
  };
  Kind kind = Kind::kNetwork;
  std::string detail;                                  // for people
  std::optional<Reply> reply;                          // the server's, if it said something
  std::optional<tls::Fault> handshake = std::nullopt;  // kTls: how the handshake failed; nothing: there was none
  bool lost = false;      // kTls: the connection broke or time ran out; another time it may work
  bool starttls = false;  // kRefused: it was STARTTLS, which the server offers, that it said no to
};

struct OutboundRecipient {
  std::string address;
  std::uint8_t notify = 0;
  std::string orcpt;
};

/// RFC 8689.
enum class RequireTls {
  kNo,
  kWhereOffered,  // the server is told if it offers REQUIRETLS
  kAlways,        // and the message goes to no other
};

/// One message for some recipients. The views outlive send().
struct OutboundTransaction {
  std::string reverse_path;
  Body body = Body::k7Bit;
  bool smtputf8 = false;
  Ret ret = Ret::kDefault;
  std::string envid;
  std::string trace;
  RequireTls require_tls = RequireTls::kNo;
  std::int8_t priority = 0;       // told where it is offered
  std::optional<DeliverBy> by{};  // with the mode R it goes only where it is offered
  std::vector<OutboundRecipient> recipients;
  std::string_view message;
  /// Turns an 8-bit message into a 7-bit one for servers without 8BITMIME (RFC 6152 section 3); nullopt: it cannot.
  std::function<std::optional<std::string>(std::string_view)> to_seven_bit;
  bool long_lines = false;  // the server is one of ours, or a program, and takes lines of over 998 octets
};

/// How much of a message went out to the server. For a recipient without a last word: before kEnd the server cannot
/// have accepted the message (RFC 5321 section 4.1.1.4); at kEnd it may have, and to send it again at once may double
/// it (RFC 1047).
enum class Sent {
  kNothing,
  kPart,
  kEnd,  // the end was written, or a write that had it failed
};

struct TransactionResult {
  // The last word on each, in order; code 0: it was not heard. A positive one is the server's promise for the message.
  std::vector<Reply> recipients;
  bool dsn_passed_on = false;         // the server offers DSN: it has the duty to notify now
  std::optional<ClientError> broken;  // the session is of no use any more
  Sent sent = Sent::kNothing;
  bool refused_here = false;  // the replies are our own: this message cannot go to what the server offers
};

class ClientSession {
 public:
  /// Greeting, EHLO (HELO where that is refused), STARTTLS, AUTH.
  static async::Task<std::expected<std::unique_ptr<ClientSession>, ClientError>> open(
      std::unique_ptr<net::Stream> stream, ClientOptions options);
  virtual ~ClientSession() = default;

  virtual const Capabilities& capabilities() const = 0;
  virtual const net::Stream& stream() const = 0;

  virtual async::Task<TransactionResult> send(const OutboundTransaction& transaction) = 0;
  /// Says QUIT and waits a few seconds for the answer.
  virtual async::Task<void> quit() = 0;
  /// One command (a line with its CRLF) between transactions, and its answer.
  virtual async::Task<std::expected<Reply, ClientError>> ask(std::string line, std::chrono::seconds timeout) = 0;
  /// The connection, after a command that turned it around (ATRN); the session is of no use any more. Null if the
  /// server said more already, which is against RFC 2645: it has to wait for our greeting.
  virtual std::unique_ptr<net::Stream> release() = 0;
};

}  // namespace quartet::smtp
