// What the relay counts and times for /metrics. Cheap enough for each message: a few atomic additions, no lock.
#pragma once
#include <cstddef>
#include <cstdint>

#include "common/base/time.h"
#include "common/net/stream.h"
#include "common/relay/route.h"
#include "common/spool/message.h"

namespace quartet::relay {

/// Parts of a delivery whose durations are shown apart.
enum class Phase {
  kQueue,        // from the acceptance of a message to the begin of its first transaction
  kLookUp,       // MX, addresses, TLSA records and policies of a next hop
  kConnect,      // TCP
  kSession,      // greeting, EHLO, STARTTLS with its handshake, AUTH
  kTransaction,  // from MAIL to the last reply
  kTotal,        // from the acceptance of a message to the next hop's promise
};

/// Makes what may stay uncounted for long, so that it is shown as 0 until then.
void prepare_figures();

/// quartet_relay_seconds{phase}.
void time_phase(Phase phase, double seconds);
/// Times a phase from its making to done(); nothing is noted without that.
class PhaseTimer {
 public:
  explicit PhaseTimer(Phase phase) : phase_(phase), begun_(std::chrono::steady_clock::now()) {}
  void done() const;

 private:
  Phase phase_;
  SteadyTime begun_;
};
/// Seconds since a message was accepted; never negative, whatever the clock did.
double age_of(const spool::Message& message);

/// quartet_relay_recipients_total{result,code}: one attempt at one recipient ended. Code 0: no reply was heard.
void count_outcome(spool::Result result, std::uint16_t code);

/// quartet_relay_sessions_total{policy,version,verified}: a session with a host is open.
void count_session(TlsPolicy policy, const net::TlsInfo* tls);
/// quartet_relay_connection_failures_total{reason}: "connect", or "session" for what came after.
void count_connection_failure(bool connected);
/// quartet_relay_connections: those that are open; `change` is 1 or -1.
void count_connection(int change);

}  // namespace quartet::relay
