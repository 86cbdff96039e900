#include "mta/odmr_session.h"

#include <fmt/format.h>

#include "common/async/wait.h"
#include "common/base/ascii.h"
#include "common/log/log.h"
#include "mta/atrn.h"

namespace quartet::mta {
namespace {

/// A machine has its password right; a person trying by hand mistypes twice.
constexpr unsigned kMostFailedLogins = 3;

smtp::Reply no_mail() { return {502, "5.5.1", "this is ODMR: say ATRN"}; }

/// For people, and for Remote-MTA in notices (RFC 3464 section 2.3.5).
std::string describe(const smtp::Peer& peer) {
  return peer.address.is_unix() ? peer.hello : peer.hello + " " + peer.address.to_literal();
}

}  // namespace

async::Task<smtp::Reply> OdmrSession::on_open(const smtp::Peer& peer) {
  log::debug("mta.odmr_connected", {{"peer", peer.address.to_string()}});
  co_return smtp::Reply(220, "", "welcome");
}

async::Task<bool> OdmrSession::authenticate(SettingsPtr settings, const sasl::Claim& claim) {
  if (const auto own = check_link_password(settings->links, claim)) {
    const bool itself = ascii::iequals(claim.user(), claim.authentication);
    if (*own && itself) login_ = ascii::lower(claim.authentication);
    co_return *own&& itself;
  }
  if (!settings->directory) co_return false;
  const auto account = co_await passwords_.authenticate(settings->directory, claim);
  if (!account) co_return false;
  login_ = (*account)->login;
  co_return true;
}

async::Task<smtp::Reply> OdmrSession::on_auth(const smtp::Peer& peer, sasl::Claim& claim) {
  const bool admitted = co_await guard_.admit("odmr", peer.address, claim.authentication);
  if (!admitted) co_return smtp::Reply(421, "4.7.0", "too many failed logins, come later");
  const bool good = co_await authenticate(current_.get(), claim);
  service::count_login("odmr", good);
  const auto client = peer.address.to_string();
  if (good) {
    log::info("mta.login", {{"peer", client}, {"login", login_}});
    co_return smtp::Reply(235, "2.7.0", "authenticated");
  }
  log::warn("mta.login_failed", {{"peer", client}, {"login", claim.authentication}});
  guard_.failed(peer.address, claim.authentication, wall_now());
  if (++failed_logins_ > 1) co_await async::sleep_for(passwords_.pause());
  if (failed_logins_ >= kMostFailedLogins) co_return smtp::Reply(421, "4.7.0", "too many failed logins");
  co_return smtp::Reply(535, "5.7.8", "user or password is wrong");
}

async::Task<smtp::Reply> OdmrSession::on_atrn(const smtp::Peer& peer, const std::vector<std::string>& domains) {
  const auto settings = current_.get();
  auto answer = answer_atrn(
      domains, login_, *settings->router, settings->links,
      [this](const std::vector<std::string>& which) { return relay_.waiting_for(which); },
      [this](const std::string& link) { return relay_.may_turn(link); });
  log::info("mta.atrn", {{"peer", peer.address.to_string()},
                         {"login", login_},
                         {"domains", fmt::format("{}", fmt::join(domains, ","))},
                         {"reply", answer.reply.code}});
  turn_ = std::move(answer.turn);
  if (turn_) {
    turn_->peer = describe(peer);
    turn_->record = &record_;
  }
  co_return answer.reply;
}

async::Task<void> OdmrSession::on_turned(const smtp::Peer&, std::unique_ptr<net::Stream> stream) {
  co_await relay_.deliver_over(std::move(stream), *std::move(turn_));
}

async::Task<smtp::Reply> OdmrSession::on_mail(const smtp::Peer&, const smtp::MailParameters&) { co_return no_mail(); }

async::Task<smtp::Reply> OdmrSession::on_rcpt(const smtp::Peer&, const smtp::Transaction&,
                                              const smtp::RcptParameters&) {
  co_return no_mail();
}

async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> OdmrSession::on_message(
    const smtp::Peer&, const smtp::Transaction&) {
  co_return std::unexpected(no_mail());
}

}  // namespace quartet::mta
