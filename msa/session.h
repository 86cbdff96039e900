// What an msa says to one client: who it is, and as whom it may send to whom (RFC 6409 sections 4 to 6).
#pragma once
#include <memory>
#include <string>

#include "common/control/recipient.h"
#include "common/service/current.h"
#include "common/service/intake.h"
#include "common/service/login_guard.h"
#include "common/service/passwords.h"
#include "common/smtp/server_session.h"
#include "msa/settings.h"

namespace quartet::msa {

/// What a client that is authenticated as `question.login` would hear.
control::RecipientAnswer explain_recipient(const directory::Directory& directory,
                                           const control::RecipientQuestion& question);

class Session final : public smtp::Handler {
 public:
  /// All of it outlives the session. The settings are those of the moment: a reload counts from the next MAIL on.
  Session(const service::Current<Settings>& current, service::IntakeOptions intake, service::Passwords& passwords,
          service::LoginGuard& guard)
      : current_(current), settings_(current.get()), intake_(std::move(intake)), passwords_(passwords), guard_(guard) {}

  async::Task<smtp::Reply> on_open(const smtp::Peer& peer) override;
  async::Task<smtp::Reply> on_auth(const smtp::Peer& peer, sasl::Claim& claim) override;
  sasl::Verifiers verifiers() override { return service::verifiers(current_.get()->directory); }
  std::string token_refusal() override { return service::token_refusal(current_.get()->tokens); }
  async::Task<smtp::Reply> on_mail(const smtp::Peer& peer, const smtp::MailParameters& mail) override;
  async::Task<smtp::Reply> on_rcpt(const smtp::Peer& peer, const smtp::Transaction& transaction,
                                   const smtp::RcptParameters& rcpt) override;
  async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> on_message(
      const smtp::Peer& peer, const smtp::Transaction& transaction) override;

 private:
  /// See IntakeOptions::complete.
  std::expected<std::string, smtp::Reply> complete(const smtp::Peer& peer, const mime::Header& header) const;

  const service::Current<Settings>& current_;
  SettingsPtr settings_;
  service::IntakeOptions intake_;
  service::Passwords& passwords_;
  service::LoginGuard& guard_;
  unsigned failed_logins_ = 0;
};

/// Whether `login` may use the reverse-path.
smtp::Reply check_sender(const directory::Directory& directory, const std::string& login,
                         const std::string& reverse_path);
/// Whether the message may be held for so long (RFC 4865 section 4).
smtp::Reply check_hold(const smtp::MailParameters& mail, std::chrono::seconds longest, WallTime now);
/// Whether there may be such a recipient; "postmaster" is always one.
smtp::Reply check_recipient(const directory::Directory& directory, const std::string& recipient);

}  // namespace quartet::msa
