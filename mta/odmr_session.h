// What an mta says to a site that comes for the mail of its links (RFC 2645), and the delivery over its connection.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/relay/relay.h"
#include "common/service/current.h"
#include "common/service/login_guard.h"
#include "common/service/passwords.h"
#include "common/smtp/server_session.h"
#include "mta/settings.h"

namespace quartet::mta {

class OdmrSession final : public smtp::Handler {
 public:
  /// All of it outlives the session, which runs on the relay's loop.
  OdmrSession(const service::Current<Settings>& current, service::Passwords& passwords, service::LoginGuard& guard,
              relay::Relay& relay, net::SessionRecord& record)
      : current_(current), passwords_(passwords), guard_(guard), relay_(relay), record_(record) {}

  async::Task<smtp::Reply> on_open(const smtp::Peer& peer) override;
  async::Task<smtp::Reply> on_auth(const smtp::Peer& peer, sasl::Claim& claim) override;
  async::Task<smtp::Reply> on_atrn(const smtp::Peer& peer, const std::vector<std::string>& domains) override;
  async::Task<void> on_turned(const smtp::Peer& peer, std::unique_ptr<net::Stream> stream) override;

  // The machine takes no mail in this role; these refuse it all the same.
  async::Task<smtp::Reply> on_mail(const smtp::Peer& peer, const smtp::MailParameters& mail) override;
  async::Task<smtp::Reply> on_rcpt(const smtp::Peer& peer, const smtp::Transaction& transaction,
                                   const smtp::RcptParameters& rcpt) override;
  async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> on_message(
      const smtp::Peer& peer, const smtp::Transaction& transaction) override;

 private:
  async::Task<bool> authenticate(SettingsPtr settings, const sasl::Claim& claim);

  const service::Current<Settings>& current_;
  service::Passwords& passwords_;
  service::LoginGuard& guard_;
  relay::Relay& relay_;
  net::SessionRecord& record_;
  std::string login_;  // whose links; empty until authenticated
  std::optional<relay::Turn> turn_;
  unsigned failed_logins_ = 0;
};

}  // namespace quartet::mta
