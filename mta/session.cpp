#include "mta/session.h"

#include <fmt/format.h>

#include "common/base/ascii.h"
#include "common/log/log.h"
#include "common/mime/idna.h"
#include "common/service/settings.h"
#include "mta/rewrite.h"
#include "mta/routes.h"

namespace quartet::mta {

namespace {

/// Whoever follows it, here or in the mda, must find somebody at its end.
smtp::Reply check_alias(const Settings& settings, const std::string& recipient) {
  const auto expansion = expansion_of(settings, recipient);
  if (!expansion || (!expansion->targets.empty() && expansion->complete)) return {250, "2.1.5", "recipient ok"};
  if (!expansion->complete) return {451, "4.3.5", "this address leads to too many others"};
  if (!expansion->unknown.empty()) return {550, "5.1.1", "no such user here"};
  return {451, "4.3.5", "this address leads nowhere"};
}

void warn_of_dead_targets(const std::string& recipient, const directory::Expansion& expansion) {
  for (const auto& unknown : expansion.unknown)
    log::warn("mta.dead_target", {{"address", recipient}, {"target", unknown}});
}

}  // namespace

smtp::Reply check_recipient(const Settings& settings, const net::Address& client, const std::string& recipient) {
  const smtp::Reply yes(250, "2.1.5", "recipient ok");
  // RFC 5321 section 4.5.1: always taken.
  if (ascii::iequals(recipient, "postmaster")) return yes;
  // A bounce of what was forwarded: it goes on to the sender that is in the address, whoever brings it.
  if (settings.srs && settings.srs->is_ours(recipient))
    return settings.srs->reverse(recipient, wall_now()) ? yes : smtp::Reply(550, "5.1.1", "no such user here");
  if (settings.directory) {
    using Kind = directory::Resolution::Kind;
    switch (settings.directory->resolve(recipient).kind) {
      case Kind::kAccount:
        return yes;
      case Kind::kAlias:
        return check_alias(settings, recipient);
      case Kind::kUnknownUser:
        if (ascii::istarts_with(recipient, "postmaster@")) return yes;
        return {550, "5.1.1", "no such user here"};
      case Kind::kNotLocal:
        break;
    }
  }
  const auto domain = mime::domain_of(recipient);
  if (service::contains(settings.trusted, client) || covers(settings.relay_domains, domain) ||
      settings.router->link_of(domain) != nullptr)
    return yes;
  return {550, "5.7.1", "relaying denied"};
}

smtp::Reply answer_verified(const relay::Verdict& verdict, bool accept_unknown) {
  const auto& said = verdict.reply;
  // What a peer says must not become an endless line; the host behind us is no secret worth keeping from the sender.
  constexpr std::size_t kMostText = 400;
  const auto text = fmt::format("{}{}", said.host.empty() ? "" : said.host + " says: ", said.text).substr(0, kMostText);
  switch (verdict.kind) {
    case relay::Verdict::Kind::kAccepted:
      break;
    case relay::Verdict::Kind::kRefused:
      return {550, said.enhanced.starts_with('5') ? said.enhanced : "5.1.1", text};
    case relay::Verdict::Kind::kUnknown:
      if (!accept_unknown)
        return {450, said.enhanced.starts_with('4') ? said.enhanced : "4.4.0",
                "the recipient cannot be verified now: " + text};
      break;
  }
  return {250, "2.1.5", "recipient ok"};
}

smtp::ServerFeatures features_for(const Settings& settings, const net::Address& client, smtp::ServerFeatures features) {
  const bool trusted = service::contains(settings.trusted, client);
  features.trace = trusted;
  features.priority = settings.server.features.priority && trusted;
  return features;
}

std::string postmaster_domain(const Settings& settings) {
  if (settings.directory && !settings.directory->domains().empty()) return settings.directory->domains().front();
  return settings.hostname;
}

async::Task<smtp::Reply> Session::on_open(const smtp::Peer& peer) {
  log::debug("mta.connected", {{"peer", peer.address.to_string()}});
  co_return smtp::Reply(220, "", "welcome");
}

async::Task<smtp::Reply> Session::on_mail(const smtp::Peer&, const smtp::MailParameters&) {
  settings_ = current_.get();
  co_return smtp::Reply(250, "2.1.0", "sender ok");
}

async::Task<smtp::Reply> Session::on_rcpt(const smtp::Peer& peer, const smtp::Transaction& transaction,
                                          const smtp::RcptParameters& rcpt) {
  auto reply = check_recipient(*settings_, peer.address, rcpt.forward_path);
  const auto& verification = settings_->verification;
  const auto recipient = rewritten(*settings_, rcpt.forward_path, wall_now());
  const auto expansion = expansion_of(*settings_, recipient);
  if (expansion && reply.positive()) warn_of_dead_targets(rcpt.forward_path, *expansion);
  if (reply.positive() && !expansion && covers(verification.domains, mime::domain_of(recipient))) {
    const auto verdict = co_await verifier_.ask(settings_->router, recipient, transaction.mail.reverse_path);
    reply = answer_verified(verdict, verification.accept_unknown);
  }
  if (!reply.positive()) {
    log::info("mta.refused", {{"peer", peer.address.to_string()},
                              {"helo", peer.hello},
                              {"from", transaction.mail.reverse_path},
                              {"to", rcpt.forward_path},
                              {"reply", reply.text()}});
  }
  co_return reply;
}

async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> Session::on_message(
    const smtp::Peer& peer, const smtp::Transaction& transaction) {
  intake_.hostname = settings_->hostname;
  intake_.hops = settings_->hops;
  intake_.priority_field = settings_->server.features.priority && service::contains(settings_->trusted, peer.address);
  intake_.postmaster_domain = postmaster_domain(*settings_);
  co_return service::open_intake(intake_, peer, follow(*settings_, transaction, wall_now()));
}

async::Task<smtp::Reply> Session::on_etrn(const smtp::Peer& peer, const std::string& argument) {
  settings_ = current_.get();
  auto reply = answer_etrn(argument, peer.address, *settings_->router, settings_->links,
                           [this](const std::string& link) { return relay_.start_link(link); });
  log::info("mta.etrn", {{"peer", peer.address.to_string()}, {"node", argument}, {"reply", reply.code}});
  co_return reply;
}

}  // namespace quartet::mta
