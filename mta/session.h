// What an mta says to one client: who may send what to whom (RFC 5321 section 3.3, 3.6, 7.9).
#pragma once
#include <memory>
#include <string>

#include "common/relay/recipient_verifier.h"
#include "common/relay/relay.h"
#include "common/service/current.h"
#include "common/service/intake.h"
#include "common/smtp/server_session.h"
#include "mta/settings.h"

namespace quartet::mta {

/// `features` as a client at `client` gets them: more than others if it is trusted.
smtp::ServerFeatures features_for(const Settings& settings, const net::Address& client, smtp::ServerFeatures features);

class Session final : public smtp::Handler {
 public:
  /// All of it outlives the session. The settings are those of the moment: a reload counts from the next MAIL on.
  Session(const service::Current<Settings>& current, service::IntakeOptions intake, relay::Relay& relay,
          relay::RecipientVerifier& verifier)
      : current_(current), settings_(current.get()), intake_(std::move(intake)), relay_(relay), verifier_(verifier) {}

  async::Task<smtp::Reply> on_open(const smtp::Peer& peer) override;
  async::Task<smtp::Reply> on_mail(const smtp::Peer& peer, const smtp::MailParameters& mail) override;
  async::Task<smtp::Reply> on_rcpt(const smtp::Peer& peer, const smtp::Transaction& transaction,
                                   const smtp::RcptParameters& rcpt) override;
  async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> on_message(
      const smtp::Peer& peer, const smtp::Transaction& transaction) override;
  smtp::ServerFeatures features_for(const smtp::Peer& peer, smtp::ServerFeatures features) override {
    return mta::features_for(*current_.get(), peer.address, std::move(features));
  }
  async::Task<smtp::Reply> on_etrn(const smtp::Peer& peer, const std::string& argument) override;

 private:
  const service::Current<Settings>& current_;
  SettingsPtr settings_;
  service::IntakeOptions intake_;
  relay::Relay& relay_;
  relay::RecipientVerifier& verifier_;
};

/// Whether the mta takes mail of a client at `client` for `recipient`, which may be "postmaster".
smtp::Reply check_recipient(const Settings& settings, const net::Address& client, const std::string& recipient);

/// What a recipient that the mta takes is answered when its next hop was asked about it.
smtp::Reply answer_verified(const relay::Verdict& verdict, bool accept_unknown);

/// Of which domain "postmaster" without one is.
std::string postmaster_domain(const Settings& settings);

}  // namespace quartet::mta
