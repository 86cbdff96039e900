// One ManageSieve session: a user's scripts over RFC 5804.
#pragma once
#include <atomic>
#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/async/task.h"
#include "common/async/thread_pool.h"
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
  std::size_t redirects = 10;  // of one script, announced
  std::size_t scripts = 100;   // of one user
  std::chrono::seconds login_timeout{60};
  std::chrono::seconds idle_timeout{1800};  // RFC 5804 section 1.2
  std::chrono::seconds transfer_timeout{300};
  net::SessionRecord* record = nullptr;
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
