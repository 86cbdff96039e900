// How a message comes into the queue of an msa or mta: octets within limits, the loop check, the trace field, the
// envelope with all its parameters, one durable write, one line in the log.
#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/mime/header.h"
#include "common/relay/bounce.h"
#include "common/service/byte_budget.h"
#include "common/smtp/server_session.h"
#include "common/spool/spool.h"

namespace quartet::service {

/// What the sinks of an agent share; outlives them.
struct IntakeOptions {
  std::string agent;              // "mta": its line in the log is "mta.accepted"
  std::string hostname;           // for Received
  std::string postmaster_domain;  // of "postmaster" without one
  std::size_t hops = 50;          // Received fields; more are a loop (RFC 5321 section 6.3)
  ByteBudget* budget = nullptr;
  bool priority_field = false;       // the field MT-Priority counts where MAIL does not say (RFC 6758)
  std::int8_t highest_priority = 9;  // what is asked for beyond is lowered to it (RFC 6710 section 4.1)

  using Enqueue = std::function<async::Task<std::expected<spool::MessageId, spool::SpoolError>>(spool::NewMessage)>;
  /// Spool::enqueue or HandOff::enqueue; any loop.
  Enqueue enqueue;

  /// Header fields, each with its CRLF, that the agent adds to a message with this header (RFC 6409 section 8), or the
  /// reply with which it refuses it.
  std::function<std::expected<std::string, smtp::Reply>(const mime::Header& header)> complete;
};

/// The same message to others under another sender, because an alias or a list sends it on.
struct Branch {
  std::string reverse_path;
  bool list = false;  // what the sender wants of notices ends here (RFC 3461 section 5.2.7.4)
  std::vector<smtp::RcptParameters> recipients;
};

/// What becomes of a transaction whose recipients were followed.
struct Followed {
  smtp::Transaction transaction;  // recipients under the sender's own name; may be none, if there are branches
  std::vector<Branch> branches{};
  std::vector<relay::Notice> notices{};  // that the sender gets when all of it is in the queue
  bool expanded = false;                 // recipients are others than the sender named
};

/// A sink for one message; `options` and `peer` outlive it. One reply, whatever the number of recipients: all of the
/// message is on disk, or the sender has to send it again.
std::unique_ptr<smtp::MessageSink> open_intake(const IntakeOptions& options, const smtp::Peer& peer, Followed followed);
inline std::unique_ptr<smtp::MessageSink> open_intake(const IntakeOptions& options, const smtp::Peer& peer,
                                                      smtp::Transaction transaction) {
  return open_intake(options, peer, Followed{std::move(transaction)});
}

/// RFC 8689 section 4.1: "TLS-Required: No". Two such fields are as good as none.
bool has_tls_optional(const mime::Header& header);

/// Of a fault of ours: always 4yz.
smtp::Reply reply_to(const spool::SpoolError& error);

/// RFC 3848, RFC 6531 section 4.3: "ESMTPSA", "UTF8SMTP" ...
std::string with_protocol(const smtp::Peer& peer, bool smtputf8, bool lmtp = false);

}  // namespace quartet::service
