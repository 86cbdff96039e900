// One IMAP session of a server, from greeting to close: RFC 3501, and the extensions its CAPABILITY names.
//
// The session waits and talks to the store; imapd/proto reads commands and never waits. Everything a session needs is
// in SessionOptions and Services; it keeps no state that outlives it.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/async/task.h"
#include "common/async/thread_pool.h"
#include "common/async/wait.h"
#include "common/net/sessions.h"
#include "common/net/stream.h"
#include "common/sasl/server.h"
#include "common/service/byte_budget.h"
#include "common/service/login_failure.h"
#include "common/service/login_guard.h"
#include "common/store/namespaces.h"
#include "common/store/store.h"
#include "common/tls/server_context.h"

namespace quartet::imapd {

class ColumnCache;
class Maildrops;
class TextIndex;

struct SessionOptions {
  std::shared_ptr<const tls::ServerContext> tls;  // null: no TLS
  bool implicit_tls = false;                      // TLS from the first byte (RFC 8314)
  bool login_in_clear = false;                    // otherwise passwords are taken on TLS only (RFC 3501 section 11)
  std::uint64_t message_size = 50 * 1024 * 1024;  // octets of a message that APPEND takes
  std::chrono::seconds login_timeout{60};         // for the login as a whole, from the greeting or the TLS handshake
  std::chrono::seconds idle_timeout{1800};        // for each command after it; RFC 9051 section 5.4 wants 30 minutes
  std::chrono::seconds pop3_idle_timeout{600};    // the same of POP3; RFC 1939 section 3 wants 10 minutes
  std::chrono::seconds transfer_timeout{300};     // for the client to take what is sent, or to send what it announced
  // A command that has announced more may take `transfer_timeout` and then a second for each so many octets, of time
  // that we wait for it. 0: no such limit.
  std::uint64_t transfer_rate = 500;
  std::chrono::seconds tls_timeout{60};
  std::size_t message_limit = 0;                        // messages that one command may work on (RFC 9738); 0: no limit
  std::chrono::milliseconds progress_interval{10'000};  // from one word on how far a command is to the next
  std::size_t most_notified = 10'000;                   // mailboxes that NOTIFY is given for, at most
  std::string hostname;                                 // in the greeting
  service::LoginGuard* guard = nullptr;                 // against guessing of passwords; null: this client may guess
  std::function<void()> on_logged_in{};                 // called once, by the session that has logged in; may be empty
  async::Event* drain_begun = nullptr;                  // set when the server begins to close; of the session's loop
  net::SessionRecord* record = nullptr;                 // kept up to date; ends the session with BYE when it is to end
  const std::atomic<bool>* draining = nullptr;  // true: sessions say BYE at their next command; IDLE looks at it too
};

/// What ends a session that waits for nothing but its client.
std::vector<async::Event*> endings(const SessionOptions& options);

/// What sessions share. All of it may be used from any loop and outlives every session.
struct Services {
  store::Store& store;
  /// The name in the store of the account that the claim leads to; "" if it leads to none, after as long as otherwise,
  /// so that time does not tell which users exist.
  std::function<async::Task<std::expected<std::string, service::LoginFailure>>(sasl::Claim claim)> authenticate;
  /// What AUTHENTICATE offers where passwords are taken, and what these mechanisms need.
  std::function<std::vector<std::string>()> mechanisms = sasl::password_mechanisms;
  std::function<sasl::Verifiers()> verifiers = [] { return sasl::Verifiers(); };
  std::function<std::string()> token_refusal = [] { return std::string(); };  // see sasl::Means
  /// Null: any number of sessions of POP3 may have the same maildrop open.
  Maildrops* maildrops = nullptr;
  /// Where SORT and THREAD put many messages in order; null: on the loop.
  async::ThreadPool* workers = nullptr;
  /// What commands need of messages, in memory; null: it is read each time.
  ColumnCache* columns = nullptr;
  /// What SEARCH need not look through; null: it looks through all.
  TextIndex* texts = nullptr;
  /// For messages that APPEND brings; null: no limit.
  service::ByteBudget* budget = nullptr;
  /// Which names lead to mailboxes of others, now; null or empty: none do.
  std::function<store::NamespacesPtr()> namespaces = [] { return store::NamespacesPtr(); };
  /// Called once a login has succeeded; false refuses it (too many sessions of the account). May be empty.
  std::function<bool(const std::string& account)> on_login;
  /// Called at the end of each session for which on_login said true. May be empty.
  std::function<void(const std::string& account)> on_logout;
};

/// Runs the session to its end. `options` and `services` outlive the task. Stopping the group it runs in ends it with
/// BYE.
async::Task<void> serve(std::unique_ptr<net::Stream> stream, const SessionOptions& options, Services& services);

}  // namespace quartet::imapd
