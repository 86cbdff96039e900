// What IMAP and POP3 have in common about logging in: the claim is checked, the result counted and logged.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "imapd/session.h"

namespace quartet::imapd {

/// Who has failed so often in a session is sent away.
inline constexpr int kMostFailedLogins = 5;

/// Who wants in, and over what.
struct Applicant {
  const char* protocol;  // "imap" or "pop3"
  net::Address address;
  bool secure = false;                   // TLS
  service::LoginGuard* guard = nullptr;  // see SessionOptions; outlives the task
};

enum class Refusal {
  kLater,    // too many have failed; the session is to end
  kWrong,    // no such user, or a wrong password; answered late from the second time on
  kTooMany,  // sessions of the account
  kUnknown,  // nobody can tell now: an authorization server does not answer
};

/// The account, which Services::on_login has let in. `failed` counts refusals of the first kind; `services` and
/// `failed` outlive the task.
async::Task<std::expected<std::string, Refusal>> log_in(Services& services, Applicant applicant, sasl::Claim claim,
                                                        int& failed);

/// What the client may log in by, as its connection is. `certificate`: whom it names that the client has shown.
std::vector<std::string> offered_mechanisms(const Services& services, bool secure,
                                            const std::vector<std::string>& certificate);
/// Null for a mechanism that is not offered. `channel` is empty in clear text.
std::unique_ptr<sasl::Server> offered_mechanism(const Services& services, const std::string& name,
                                                const sasl::ChannelBinding& channel,
                                                const std::vector<std::string>& certificate);

}  // namespace quartet::imapd
