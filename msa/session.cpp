#include "msa/session.h"

#include <fmt/format.h>

#include "common/async/wait.h"
#include "common/base/ascii.h"
#include "common/log/log.h"
#include "msa/author.h"
#include "msa/completion.h"

namespace quartet::msa {
namespace {

/// A person mistypes twice; who is wrong more often in one session is guessing.
constexpr unsigned kMostFailedLogins = 5;

void report_login(const smtp::Peer& peer, const std::string& user, bool good) {
  service::count_login("smtp", good);
  const auto client = peer.address.to_string();
  if (good)
    log::info("msa.login", {{"peer", client}, {"login", user}});
  else
    log::warn("msa.login_failed", {{"peer", client}, {"login", user}});
}

smtp::Reply account_gone() { return {550, "5.7.1", "the account may not send any more"}; }

}  // namespace

smtp::Reply check_sender(const directory::Directory& directory, const std::string& login,
                         const std::string& reverse_path) {
  const auto* account = directory.find_account(login);
  if (account == nullptr || !account->enabled) return account_gone();
  // Clients send read receipts and notices with the null reverse-path, as they must (RFC 8098 section 3); the log says
  // who did, and nothing comes back to an inbox of somebody else.
  if (reverse_path.empty()) return {250, "2.1.0", "sender ok"};
  if (directory.may_send_as(*account, reverse_path)) return {250, "2.1.0", "sender ok"};
  return {550, "5.7.1", "the sender address does not belong to your account"};
}

smtp::Reply check_hold(const smtp::MailParameters& mail, std::chrono::seconds longest, WallTime now) {
  const bool too_long =
      (mail.hold_for && *mail.hold_for > longest) || (mail.hold_until && *mail.hold_until > now + longest);
  if (!too_long) return {250, "2.1.0", "sender ok"};
  return {501, "5.5.4", fmt::format("a message may be held for {} seconds", longest.count())};
}

smtp::Reply check_recipient(const directory::Directory& directory, const std::string& recipient) {
  const bool postmaster = ascii::iequals(recipient, "postmaster") || ascii::istarts_with(recipient, "postmaster@");
  if (!postmaster && directory.resolve(recipient).kind == directory::Resolution::Kind::kUnknownUser)
    return {550, "5.1.1", "no such user here"};
  return {250, "2.1.5", "recipient ok"};
}

control::RecipientAnswer explain_recipient(const directory::Directory& directory,
                                           const control::RecipientQuestion& question) {
  control::RecipientAnswer out;
  out.mail = {530, "5.7.0", "authentication is required"};
  out.rcpt = {503, "5.5.1", "MAIL comes first"};
  const auto* account = directory.find_account(question.login);
  if (account == nullptr) {
    out.reasons.push_back(question.login.empty() ? "nobody is logged in" : "there is no account " + question.login);
    return out;
  }
  if (!account->can_log_in()) out.reasons.push_back("the account " + account->login + " cannot log in by a password");
  out.mail = check_sender(directory, question.login, question.reverse_path);
  out.reasons.push_back(out.mail.positive() ? "the account " + account->login + " may send as that"
                                            : "the account " + account->login +
                                                  " may send as its own addresses, and "
                                                  "those of aliases that name it");
  if (out.mail.positive()) out.rcpt = check_recipient(directory, question.recipient);
  if (out.rcpt.positive()) out.leads_to.push_back(question.recipient);
  return out;
}

async::Task<smtp::Reply> Session::on_open(const smtp::Peer& peer) {
  log::debug("msa.connected", {{"peer", peer.address.to_string()}});
  co_return smtp::Reply(220, "", "welcome");
}

async::Task<smtp::Reply> Session::on_auth(const smtp::Peer& peer, sasl::Claim& claim) {
  settings_ = current_.get();
  const bool admitted = co_await guard_.admit("smtp", peer.address, claim.authentication);
  if (!admitted) co_return smtp::Reply(421, "4.7.0", "too many failed logins, come later");
  const auto account = co_await passwords_.authenticate(settings_->directory, claim, settings_->tokens);
  report_login(peer, account && claim.authentication.empty() ? (*account)->login : claim.authentication,
               account.has_value());
  if (account) claim.authorization = (*account)->login;
  if (!account && account.error() == service::LoginFailure::kUnavailable)
    co_return smtp::Reply(454, "4.7.0", "nobody can tell now who you are, come later");
  if (account) co_return smtp::Reply(235, "2.7.0", "authenticated");
  if (service::can_be_guessed(claim)) guard_.failed(peer.address, claim.authentication, wall_now());
  if (++failed_logins_ > 1) co_await async::sleep_for(passwords_.pause());
  if (failed_logins_ >= kMostFailedLogins) co_return smtp::Reply(421, "4.7.0", "too many failed logins");
  co_return smtp::Reply(535, "5.7.8", "user or password is wrong");
}

async::Task<smtp::Reply> Session::on_mail(const smtp::Peer& peer, const smtp::MailParameters& mail) {
  settings_ = current_.get();
  auto reply = check_sender(*settings_->directory, peer.login, mail.reverse_path);
  if (reply.positive()) reply = check_hold(mail, settings_->longest_hold, wall_now());
  if (!reply.positive()) {
    log::info("msa.refused", {{"peer", peer.address.to_string()},
                              {"login", peer.login},
                              {"from", mail.reverse_path},
                              {"reply", reply.text()}});
  }
  co_return reply;
}

async::Task<smtp::Reply> Session::on_rcpt(const smtp::Peer& peer, const smtp::Transaction& transaction,
                                          const smtp::RcptParameters& rcpt) {
  auto reply = check_recipient(*settings_->directory, rcpt.forward_path);
  if (!reply.positive()) {
    log::info("msa.refused", {{"peer", peer.address.to_string()},
                              {"login", peer.login},
                              {"from", transaction.mail.reverse_path},
                              {"to", rcpt.forward_path},
                              {"reply", reply.text()}});
  }
  co_return reply;
}

std::expected<std::string, smtp::Reply> Session::complete(const smtp::Peer& peer, const mime::Header& header) const {
  const auto& directory = *settings_->directory;
  const auto* account = directory.find_account(peer.login);
  if (account == nullptr) return std::unexpected(account_gone());
  auto sender = check_author(settings_->author_rule, header, directory, *account);
  if (sender) return missing_fields(header, settings_->hostname, wall_now()) + *sender;
  log::info("msa.refused", {{"peer", peer.address.to_string()},
                            {"login", peer.login},
                            {"from", header.text("From")},
                            {"reply", sender.error().text()}});
  return sender;
}

async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> Session::on_message(
    const smtp::Peer& peer, const smtp::Transaction& transaction) {
  const auto& domains = settings_->directory->domains();
  intake_.hostname = settings_->hostname;
  intake_.hops = settings_->hops;
  intake_.priority_field = settings_->server.features.priority;
  intake_.highest_priority = settings_->highest_priority;
  intake_.postmaster_domain = domains.empty() ? settings_->hostname : domains.front();
  intake_.complete = [this, &peer](const mime::Header& header) { return complete(peer, header); };
  co_return service::open_intake(intake_, peer, transaction);
}

}  // namespace quartet::msa
