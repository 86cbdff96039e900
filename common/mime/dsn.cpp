#include "common/mime/dsn.h"

#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "common/base/utf8.h"
#include "common/mime/address.h"
#include "common/mime/builder.h"
#include "common/mime/charset.h"
#include "common/mime/compose.h"
#include "common/mime/date.h"
#include "common/mime/header.h"
#include "common/mime/lines.h"
#include "common/mime/seven_bit.h"
#include "common/mime/trace.h"
#include "common/mime/transfer.h"

namespace quartet::mime {
namespace {

using Action = DsnRecipient::Action;

/// What is said of each action, the worst first.
struct Wording {
  Action action;
  std::string_view name;  // RFC 3464 section 2.3.3
  std::string_view subject;
  std::string_view text;
};
constexpr std::array<Wording, 5> kWordings = {{
    {Action::kFailed, "failed", "Your message could not be delivered",
     "Your message could not be delivered to the recipients below. No further attempt will be made."},
    {Action::kDelayed, "delayed", "Your message is delayed",
     "Your message has not been delivered yet to the recipients below. You need not send it again: more attempts "
     "will be made."},
    {Action::kRelayed, "relayed", "Your message was passed on",
     "Your message was passed on to a mail system that does not send notices of delivery. It may be that you hear "
     "no more about the recipients below."},
    {Action::kExpanded, "expanded", "Your message was passed on to a list",
     "Your message was delivered to the addresses below and passed on to those they stand for."},
    {Action::kDelivered, "delivered", "Your message was delivered",
     "Your message was delivered to the recipients below."},
}};

const Wording& wording_of(Action action) { return *std::ranges::find(kWordings, action, &Wording::action); }

/// For a value of the status part: no controls, and ASCII alone unless UTF-8 is allowed there.
std::string clean(std::string_view text, bool utf8) {
  utf8 = utf8 && is_utf8(text);
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\r' || byte == '\n' || byte == '\t') {
      out.push_back(' ');
    } else if (byte >= 0x80 && !utf8 && utf8::continues(c)) {
      continue;  // one mark for the whole character
    } else {
      out.push_back(byte < 32 || byte == 127 || (byte >= 0x80 && !utf8) ? '?' : c);
    }
  }
  return out;
}

/// The fields of one group of the status part.
class StatusFields {
 public:
  StatusFields(std::string& out, bool utf8) : out_(out), utf8_(utf8) {}
  void typed(std::string_view name, std::string_view type, std::string_view value) {
    if (!value.empty()) append_field(out_, name, std::string(type) + "; " + clean(value, utf8_));
  }
  void plain(std::string_view name, std::string_view value) {
    if (!value.empty()) append_field(out_, name, clean(value, utf8_));
  }
  void date(std::string_view name, const std::optional<WallTime>& time) {
    if (time) append_field(out_, name, format_date(*time));
  }

 private:
  std::string& out_;
  bool utf8_;
};

void append_original_recipient(StatusFields& fields, std::string_view original) {
  const std::size_t semicolon = original.find(';');
  if (semicolon == std::string_view::npos) {
    fields.typed("Original-Recipient", is_ascii(original) ? "rfc822" : "utf-8", original);
  } else {
    fields.typed("Original-Recipient", original.substr(0, semicolon), ascii::trim(original.substr(semicolon + 1)));
  }
}

std::string status_entity(const Dsn& dsn, bool utf8) {
  std::string out = utf8 ? "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                         : "Content-Type: message/delivery-status\r\n\r\n";
  StatusFields fields(out, utf8);
  fields.plain("Original-Envelope-Id", dsn.envelope_id);
  fields.typed("Reporting-MTA", "dns", dsn.reporting_mta);
  fields.typed("Received-From-MTA", "dns", dsn.received_from);
  fields.date("Arrival-Date", dsn.arrival);
  for (const DsnRecipient& recipient : dsn.recipients) {
    out += "\r\n";
    append_original_recipient(fields, recipient.original_recipient);
    fields.typed("Final-Recipient", is_ascii(recipient.final_recipient) ? "rfc822" : "utf-8",
                 recipient.final_recipient);
    fields.plain("Action", wording_of(recipient.action).name);
    fields.plain("Status", recipient.status);
    fields.typed("Remote-MTA", "dns", recipient.remote_mta);
    fields.typed("Diagnostic-Code", recipient.diagnostic_is_smtp ? "smtp" : "x-quartet", recipient.diagnostic);
    fields.date("Last-Attempt-Date", recipient.last_attempt);
    fields.plain("Final-Log-ID", recipient.final_log_id);
    if (recipient.action == Action::kDelayed) fields.date("Will-Retry-Until", recipient.will_retry_until);
  }
  return out;
}

std::string human_text(const Dsn& dsn) {
  std::string out = "This is the mail system at " + dsn.reporting_mta + ".\n";
  for (const Wording& wording : kWordings) {
    bool first = true;
    for (const DsnRecipient& recipient : dsn.recipients) {
      if (recipient.action != wording.action) continue;
      if (first) out.append("\n").append(wording.text).append("\n");
      first = false;
      out.append("\n<").append(recipient.final_recipient).append(">\n");
      if (!recipient.remote_mta.empty())
        out.append("    ").append(recipient.remote_mta).append(" said: ").append(recipient.diagnostic).append("\n");
      else if (!recipient.diagnostic.empty())
        out.append("    ").append(recipient.diagnostic).append("\n");
      if (recipient.action == Action::kDelayed && recipient.will_retry_until)
        out.append("    Attempts end at ").append(format_date(*recipient.will_retry_until)).append("\n");
    }
  }
  return out;
}

/// The whole message as a part; empty if it cannot be sent the way the notice goes.
std::string full_original(std::string_view original, bool utf8) {
  const Needs need = needs(original);
  std::string_view type = "message/rfc822";
  std::string_view encoding = "7bit";
  std::string storage;
  if (utf8 && !need.binary) {
    if (need.eight_bit_header) type = "message/global";
    if (need.eight_bit || need.eight_bit_header) encoding = "8bit";
  } else {
    auto converted = to_seven_bit(original);
    if (!converted || !scan_lines(*converted).seven_bit()) return {};
    storage = *std::move(converted);
    original = storage;
  }
  std::string out = "Content-Type: ";
  out.append(type).append("\r\nContent-Transfer-Encoding: ").append(encoding).append("\r\n\r\n").append(original);
  if (!out.ends_with('\n')) out += "\r\n";
  return out;
}

std::string original_header(std::string_view original, std::size_t limit, bool utf8) {
  const Header header(original);
  std::string fields;
  for (const Field& field : header.fields())
    if (fields.size() + field.raw.size() <= limit) append_crlf(fields, field.raw);
  if (!fields.empty() && !fields.ends_with('\n')) fields += "\r\n";
  const LineScan scan = scan_lines(fields);
  std::string out = "Content-Type: ";
  out += utf8 && scan.eight_bit && is_utf8(fields) ? "message/global-headers" : "text/rfc822-headers";
  if (scan.seven_bit()) return out.append("\r\nContent-Transfer-Encoding: 7bit\r\n\r\n").append(fields);
  // Both types may be encoded (RFC 6522 section 4, RFC 6533 section 6), so that raw bytes survive whatever the way.
  if (out.ends_with("rfc822-headers")) out += is_utf8(fields) ? "; charset=utf-8" : "; charset=unknown-8bit";
  out += "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
  append_quoted_printable(out, fields);
  return out;
}

/// A message id as it stands in a header, if it is fit to be named in another one.
std::string message_id_of(std::string_view original) {
  std::string id = Header(original).text("Message-ID");
  const bool fit = id.size() > 2 && id.size() < 250 && id.starts_with('<') && id.ends_with('>') &&
                   std::ranges::none_of(id, [](char c) { return c <= 32 || c >= 127; });
  return fit ? id : std::string();
}

void append_header(std::string& out, const Dsn& dsn) {
  if (dsn.from.empty()) {
    append_address_field(out, "From", "Mail Delivery System <MAILER-DAEMON@" + dsn.reporting_mta + ">");
  } else {
    append_address_field(out, "From", dsn.from);
  }
  append_field(out, "To", "<" + clean(dsn.to, true) + ">");
  const auto worst = std::ranges::find_if(kWordings, [&dsn](const Wording& wording) {
    return std::ranges::find(dsn.recipients, wording.action, &DsnRecipient::action) != dsn.recipients.end();
  });
  const std::string_view subject = worst == kWordings.end() ? "About your message" : worst->subject;
  append_text_field(out, "Subject", dsn.subject.empty() ? subject : std::string_view(dsn.subject));
  append_field(out, "Date", format_date(dsn.date));
  append_field(out, "Message-ID", dsn.message_id.empty() ? new_message_id(dsn.reporting_mta) : dsn.message_id);
  if (const std::string id = message_id_of(dsn.original); !id.empty()) {
    append_field(out, "In-Reply-To", id);
    append_field(out, "References", id);
  }
  append_field(out, "Auto-Submitted", "auto-replied");  // RFC 3834 section 5
  for (const auto& [name, value] : dsn.extra_fields) append_text_field(out, name, value);
}

}  // namespace

bool dsn_needs_smtputf8(const Dsn& dsn) {
  if (!is_ascii(dsn.to)) return true;
  for (const Address& address : parse_addresses(dsn.from))
    if (!is_ascii(address.local) || !is_ascii(address.domain)) return true;
  return std::ranges::any_of(dsn.recipients, [](const DsnRecipient& recipient) {
    return !is_ascii(recipient.final_recipient) || !is_ascii(recipient.original_recipient);
  });
}

std::string build_dsn(const Dsn& dsn) {
  const bool utf8 = dsn_needs_smtputf8(dsn);
  std::string text;
  append_text_entity(text, dsn.text.empty() ? human_text(dsn) : dsn.text);
  const std::string status = status_entity(dsn, utf8);
  std::string returned;
  if (!dsn.original.empty()) {
    if (dsn.return_full && dsn.original.size() <= dsn.body_limit) returned = full_original(dsn.original, utf8);
    if (returned.empty()) returned = original_header(dsn.original, std::max<std::size_t>(dsn.body_limit, 8192), utf8);
  }
  const std::array<std::string_view, 3> pieces = {text, status, returned};
  const std::string boundary = pick_boundary(pieces);
  std::string out;
  out.reserve(text.size() + status.size() + returned.size() + 2048);
  append_header(out, dsn);
  out += "MIME-Version: 1.0\r\n";
  append_field(out, "Content-Type", "multipart/report; report-type=delivery-status; boundary=\"" + boundary + "\"");
  if (std::ranges::any_of(pieces, [](std::string_view piece) { return !is_ascii(piece); }))
    out += "Content-Transfer-Encoding: 8bit\r\n";
  out += "\r\n";
  for (const std::string_view piece : pieces)
    if (!piece.empty()) out.append("--").append(boundary).append("\r\n").append(piece).append("\r\n");
  return out.append("--").append(boundary).append("--\r\n");
}

}  // namespace quartet::mime
