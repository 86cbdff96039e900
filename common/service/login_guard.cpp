#include "common/service/login_guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/async/wait.h"
#include "common/base/ascii.h"
#include "common/directory/directory.h"
#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/sasl/scram.h"
#include "quartet/config/v1/login_limits.pb.h"

namespace quartet::service {
namespace {

constexpr std::chrono::milliseconds kFirstDelay{1'000};

/// The first `bits` of an address, of its 4 or 16 octets.
std::string prefix_of(const net::Address& client, int family, std::size_t bits) {
  unsigned char octets[16] = {};
  if (inet_pton(family, client.host().c_str(), octets) != 1) return client.host();
  return {reinterpret_cast<const char*>(octets), bits / 8};
}

// Keys begin with their kind, so that no login can pass for an address.
std::string client_key_of(const net::Address& client) {
  const bool six = client.family() == net::Address::Family::kIpv6;
  return "c" + (six ? prefix_of(client, AF_INET6, 64) : prefix_of(client, AF_INET, 32));
}
std::string network_key_of(const net::Address& client) {
  const bool six = client.family() == net::Address::Family::kIpv6;
  return "n" + (six ? prefix_of(client, AF_INET6, 48) : prefix_of(client, AF_INET, 24));
}

}  // namespace

LoginLimits login_limits(const config::v1::LoginLimits& source) {
  LoginLimits out;
  out.file = source.file();
  if (source.client_failures() != 0) out.client = source.client_failures();
  if (source.network_failures() != 0) out.network = source.network_failures();
  if (source.login_failures() != 0) out.login = source.login_failures();
  if (source.half_life_seconds() != 0) out.half_life = std::chrono::seconds(source.half_life_seconds());
  return out;
}

std::expected<std::unique_ptr<LoginGuard>, std::string> LoginGuard::open(const LoginLimits& limits, Spelling spelling) {
  if (!spelling) spelling = directory::canonical_address;
  auto table = FailureTable::open(limits.file, limits.half_life);
  if (!table) return std::unexpected(std::move(table.error()));
  return std::unique_ptr<LoginGuard>(new LoginGuard(limits, std::move(spelling), *std::move(table)));
}

/// In the form that accounts are found by: to write a name in another way is no way to guess on in haste. The addresses
/// of an account stay apart: to count them as one would tell which belong together, and that there is an account.
std::string LoginGuard::login_key_of(const std::string& login) const {
  const auto prepared = sasl::prepare(login).value_or(login);
  const auto name = spelling_(prepared);
  return "l" + (name.empty() ? ascii::lower(prepared) : name);
}

LoginGuard::Admission LoginGuard::admission(const net::Address& client, const std::string& login, WallTime now) const {
  Admission out;
  // Whole failures: what has faded for a second is none less yet.
  const auto failures = [&](const auto& key) { return std::round(table_->score(key, now)); };
  if (!client.is_unix() && failures(client_key_of(client)) >= limits_.client)
    out.refused_for = "client";
  else if (!client.is_unix() && failures(network_key_of(client)) >= limits_.network)
    out.refused_for = "network";
  const auto over = failures(login_key_of(login)) - limits_.login;
  if (over < 0) return out;
  const auto delay = static_cast<double>(kFirstDelay.count()) * std::exp2(std::min(over, 30.0));
  out.delay = std::min(std::chrono::milliseconds(static_cast<std::int64_t>(delay)), limits_.longest_delay);
  return out;
}

async::Task<bool> LoginGuard::admit(std::string protocol, net::Address client, std::string login) {
  const auto admission = this->admission(client, login, wall_now());
  if (admission.refused_for != nullptr) {
    metrics::counter("quartet_logins_limited_total", "Logins refused since too many had failed",
                     {{"protocol", protocol}, {"by", admission.refused_for}})
        .add();
    log::warn("login.limited",
              {{"login", login}, {"peer", client.to_string()}, {"protocol", protocol}, {"by", admission.refused_for}});
    co_return false;
  }
  if (admission.delay.count() > 0) co_await async::sleep_for(admission.delay);
  co_return true;
}

void LoginGuard::failed(const net::Address& client, const std::string& login, WallTime now) {
  if (!client.is_unix()) {
    table_->add(client_key_of(client), now);
    table_->add(network_key_of(client), now);
  }
  table_->add(login_key_of(login), now);
}

}  // namespace quartet::service
