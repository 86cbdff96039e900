// What an mta says to its provider on a connection that it opened itself and turned around (RFC 2645): it is the server
// for the mail of its own domains, and relays for nobody, wherever the provider's address may be trusted.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/service/current.h"
#include "common/service/intake.h"
#include "common/smtp/server_session.h"
#include "mta/settings.h"

namespace quartet::mta {

class TurnedSession final : public smtp::Handler {
 public:
  /// All of it outlives the session. `domains` are those that were asked for; `received` counts messages taken.
  TurnedSession(const service::Current<Settings>& current, service::IntakeOptions intake,
                const std::vector<std::string>& domains, std::atomic<std::uint64_t>& received)
      : current_(current),
        settings_(current.get()),
        intake_(std::move(intake)),
        domains_(domains),
        received_(received) {}

  async::Task<smtp::Reply> on_open(const smtp::Peer& peer) override;
  async::Task<smtp::Reply> on_mail(const smtp::Peer& peer, const smtp::MailParameters& mail) override;
  async::Task<smtp::Reply> on_rcpt(const smtp::Peer& peer, const smtp::Transaction& transaction,
                                   const smtp::RcptParameters& rcpt) override;
  async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> on_message(
      const smtp::Peer& peer, const smtp::Transaction& transaction) override;

 private:
  const service::Current<Settings>& current_;
  SettingsPtr settings_;
  service::IntakeOptions intake_;
  const std::vector<std::string>& domains_;
  std::atomic<std::uint64_t>& received_;
};

/// Of the server's options those for such a session: nothing is offered that belongs to the other direction.
smtp::ServerOptions turned_options(const smtp::ServerOptions& server);

/// Whether `recipient`, of one of `domains`, is taken.
smtp::Reply check_turned_recipient(const Settings& settings, const std::vector<std::string>& domains,
                                   const std::string& recipient);

}  // namespace quartet::mta
