// One ManageSieve session: a user's scripts over RFC 5804.
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
#include "common/service/login_failure.h"
#include "common/service/login_guard.h"
#include "common/tls/server_context.h"
#include "mda/scripts.h"

namespace quartet::mda {

struct ManageSieveOptions {
  std::shared_ptr<const tls::ServerContext> tls;  // null: nobody can log in, for passwords are taken within TLS only
  bool implicit_tls = false;
  std::string hostname;
  std::size_t redirects = 10;                  // of one script, announced
  std::size_t scripts = 100;                   // of one user
  std::chrono::seconds login_timeout{60};      // for the login as a whole, from the greeting or the TLS handshake
  std::chrono::seconds idle_timeout{1800};     // for each command after it; RFC 5804 section 1.2 wants 30 minutes
  std::chrono::seconds transfer_timeout{300};  // for the client to take what is sent, or to go on with a command
  // A command that has begun may take `transfer_timeout` and then a second for each so many octets, of time that we
  // wait for it. 0: no such limit.
  std::uint64_t transfer_rate = 500;
  async::Event* drain_begun = nullptr;          // set when the server begins to close; of the session's loop
  net::SessionRecord* record = nullptr;         // kept up to date; ends the session with BYE when it is to end
  const std::atomic<bool>* draining = nullptr;  // true: BYE before the next command
};

struct ManageSieveServices {
  Scripts& scripts;
  async::ThreadPool& files;
  /// The login of the account that the claim leads to, or "".
  std::function<async::Task<std::expected<std::string, service::LoginFailure>>(sasl::Claim claim)> authenticate;
  /// What AUTHENTICATE offers within TLS, and what these mechanisms need.
  std::function<std::vector<std::string>()> mechanisms;
  std::function<sasl::Verifiers()> verifiers;
  std::function<std::string()> token_refusal;  // see sasl::Means
  service::LoginGuard& guard;
};

/// `options` and `services` outlive the task.
async::Task<void> serve_managesieve(std::unique_ptr<net::Stream> stream, const ManageSieveOptions& options,
                                    const ManageSieveServices& services);

}  // namespace quartet::mda
