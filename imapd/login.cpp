#include "imapd/login.h"

#include <algorithm>
#include <utility>

#include "common/async/wait.h"
#include "common/log/log.h"
#include "common/service/passwords.h"

namespace quartet::imapd {

async::Task<std::expected<std::string, Refusal>> log_in(Services& services, Applicant applicant, sasl::Claim claim,
                                                        int& failed) {
  const auto who = claim.authentication;
  const auto peer = applicant.address.to_string();
  if (applicant.guard != nullptr) {
    const bool admitted = co_await applicant.guard->admit(applicant.protocol, applicant.address, who);
    if (!admitted) co_return std::unexpected(Refusal::kLater);
  }
  const bool guess = service::can_be_guessed(claim);
  auto account = co_await services.authenticate(std::move(claim));
  service::count_login(applicant.protocol, account.has_value());
  if (!account && account.error() == service::LoginFailure::kUnavailable) {
    log::warn("imap.login_refused", {{"login", who},
                                     {"peer", peer},
                                     {"protocol", applicant.protocol},
                                     {"reason", "the authorization server does not answer"}});
    co_return std::unexpected(Refusal::kUnknown);
  }
  if (!account) {
    log::warn("imap.login_refused",
              {{"login", who}, {"peer", peer}, {"protocol", applicant.protocol}, {"reason", "wrong user or password"}});
    if (applicant.guard != nullptr && guess) applicant.guard->failed(applicant.address, who, wall_now());
    if (++failed > 1) co_await async::sleep_for(service::kLoginPause);
    co_return std::unexpected(Refusal::kWrong);
  }
  if (services.on_login && !services.on_login(*account)) {
    log::warn("imap.login_refused",
              {{"login", *account}, {"peer", peer}, {"protocol", applicant.protocol}, {"reason", "too many sessions"}});
    co_return std::unexpected(Refusal::kTooMany);
  }
  log::info("imap.login",
            {{"account", *account}, {"peer", peer}, {"protocol", applicant.protocol}, {"tls", applicant.secure}});
  co_return *std::move(account);
}

std::vector<std::string> offered_mechanisms(const Services& services, bool secure,
                                            const std::vector<std::string>& certificate) {
  auto out = services.mechanisms();
  if (!secure) std::erase_if(out, sasl::needs_tls);
  if (!certificate.empty()) out.emplace(out.begin(), sasl::kExternal);
  return out;
}

std::unique_ptr<sasl::Server> offered_mechanism(const Services& services, const std::string& name,
                                                const sasl::ChannelBinding& channel,
                                                const std::vector<std::string>& certificate) {
  const auto offered = offered_mechanisms(services, channel != nullptr, certificate);
  if (std::ranges::find(offered, name) == offered.end()) return nullptr;
  return sasl::make_server(name, {services.verifiers(), channel, certificate, services.token_refusal()});
}

}  // namespace quartet::imapd
