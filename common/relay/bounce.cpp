#include "common/relay/bounce.h"

#include <fmt/format.h>

#include "common/mime/dsn.h"
#include "common/spool/handling.h"

namespace quartet::relay {
namespace {

mime::DsnRecipient::Action action_of(Notice::Action action) {
  switch (action) {
    case Notice::Action::kFailed:
      return mime::DsnRecipient::Action::kFailed;
    case Notice::Action::kDelayed:
      return mime::DsnRecipient::Action::kDelayed;
    case Notice::Action::kDelivered:
      return mime::DsnRecipient::Action::kDelivered;
    case Notice::Action::kExpanded:
      return mime::DsnRecipient::Action::kExpanded;
    case Notice::Action::kRelayed:
      break;
  }
  return mime::DsnRecipient::Action::kRelayed;
}

/// RFC 3463 section 2: the class must agree with the action, so a peer's code is used only if it does.
std::string status_of(const Notice& notice) {
  if (!notice.status.empty()) return notice.status;
  const bool failed = notice.action == Notice::Action::kFailed;
  const char wanted = failed ? '5' : notice.action == Notice::Action::kDelayed ? '4' : '2';
  if (!notice.reply.enhanced.empty()) return std::string(1, wanted) + notice.reply.enhanced.substr(1);
  return std::string(1, wanted) + ".0.0";
}

mime::DsnRecipient recipient_of(const Notice& notice) {
  mime::DsnRecipient recipient;
  recipient.action = action_of(notice.action);
  recipient.final_recipient = notice.address;
  recipient.original_recipient = notice.orcpt;
  recipient.status = status_of(notice);
  recipient.remote_mta = notice.reply.host;
  const bool smtp = !notice.reply.host.empty() && notice.reply.code != 0;
  recipient.diagnostic = smtp ? fmt::format("{} {}{}{}", notice.reply.code, notice.reply.enhanced,
                                            notice.reply.enhanced.empty() ? "" : " ", notice.reply.text)
                              : notice.reply.text;
  recipient.diagnostic_is_smtp = smtp;
  recipient.last_attempt = notice.last_attempt;
  if (notice.action == Notice::Action::kDelayed) recipient.will_retry_until = notice.retry_until;
  return recipient;
}

}  // namespace

bool wanted(const spool::Message& message, std::uint8_t notify, Notice::Action action) {
  if (message.envelope.reverse_path.empty() || (notify & spool::kNotifyNever) != 0) return false;
  switch (action) {
    case Notice::Action::kFailed:
      return notify == spool::kNotifyDefault || (notify & spool::kNotifyFailure) != 0;
    case Notice::Action::kDelayed:
      // Without a wish, only senders of our own hear of a delay: to strangers it would be noise, or backscatter.
      return notify == spool::kNotifyDefault ? !message.envelope.auth_id.empty() : (notify & spool::kNotifyDelay) != 0;
    case Notice::Action::kDelivered:
    case Notice::Action::kRelayed:
    case Notice::Action::kExpanded:
      return (notify & spool::kNotifySuccess) != 0;
  }
  return false;
}

bool wanted_in_time(const spool::Message& message, std::uint8_t notify, Notice::Action action) {
  if (notify != spool::kNotifyDefault && action == Notice::Action::kDelayed) return wanted(message, notify, action);
  return !message.envelope.reverse_path.empty() && (notify & spool::kNotifyNever) == 0;
}

spool::NewMessage make_notice(const NoticeOptions& options, const spool::Message& message, std::string_view original,
                              const std::vector<Notice>& notices) {
  mime::Dsn dsn;
  dsn.reporting_mta = options.hostname;
  dsn.to = message.envelope.reverse_path;
  dsn.envelope_id = message.envelope.envid;
  dsn.arrival = message.envelope.received;
  dsn.date = wall_now();
  bool failed = false;
  for (const auto& notice : notices) {
    dsn.recipients.push_back(recipient_of(notice));
    failed = failed || notice.action == Notice::Action::kFailed;
  }
  dsn.original = original;
  // RFC 3461 section 4.3: RET speaks of failures; for all else the header is enough.
  dsn.return_full = failed && message.envelope.ret != spool::Ret::kHeaders && !message.envelope.require_tls;
  dsn.body_limit = options.body_limit;

  spool::NewMessage notice;
  // RFC 8689 section 5: the header alone tells enough, so it is protected as the message was.
  notice.envelope.require_tls = message.envelope.require_tls;
  if (spool::tls_optional(message.envelope)) {
    dsn.extra_fields.emplace_back("TLS-Required", "No");
    spool::set_tls_optional(notice.envelope);
  }
  notice.envelope.trace_id = message.envelope.trace_id;
  notice.envelope.received = dsn.date;
  notice.envelope.smtputf8 = mime::dsn_needs_smtputf8(dsn);
  if (notice.envelope.smtputf8) notice.envelope.body_type = spool::BodyType::k8BitMime;
  notice.recipients.push_back({message.envelope.reverse_path, spool::kNotifyNever, ""});
  notice.body.push_back(mime::build_dsn(dsn));
  return notice;
}

}  // namespace quartet::relay
