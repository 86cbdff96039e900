// Delivery status notifications: RFC 3461 section 6, RFC 3462 (multipart/report), RFC 3464; RFC 6533 for addresses and
// headers in UTF-8.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/time.h"

namespace quartet::mime {

struct DsnRecipient {
  enum class Action : std::uint8_t { kFailed, kDelayed, kDelivered, kRelayed, kExpanded };
  Action action = Action::kFailed;
  std::string final_recipient;     // address; UTF-8 makes the whole notice an RFC 6533 one
  std::string original_recipient;  // ORCPT as decoded: "rfc822;ann@a.example"; empty if absent
  std::string status = "5.0.0";    // RFC 3463
  std::string remote_mta;          // host name; empty if the reason is local
  std::string diagnostic;          // the remote reply, "550 5.1.1 unknown", or text; empty to leave it out
  bool diagnostic_is_smtp = true;  // type "smtp", else "x-quartet"
  std::optional<WallTime> last_attempt;
  std::optional<WallTime> will_retry_until;  // delayed only
  std::string final_log_id;                  // empty to leave it out
};

struct Dsn {
  std::string reporting_mta;  // host name
  std::string from;           // header From; empty: "Mail Delivery System <MAILER-DAEMON@reporting_mta>"
  std::string to;             // the original reverse-path, not empty
  std::string envelope_id;    // ENVID, decoded; empty if absent
  std::string received_from;  // host that sent the message to us; empty if unknown
  std::optional<WallTime> arrival;
  WallTime date{};
  std::string message_id;  // with its <>; empty: made from `date` and random
  std::string subject;     // empty: from the worst action
  std::string text;        // human part, UTF-8, any line ends; empty: made from the recipients
  std::vector<DsnRecipient> recipients;
  std::string_view original;           // the whole message, or as much as is at hand; may be empty
  bool return_full = false;            // message/rfc822, else only the header as text/rfc822-headers
  std::size_t body_limit = 64 * 1024;  // a full return longer than this falls back to the header alone
  std::vector<std::pair<std::string, std::string>> extra_fields;  // of the notice's own header, in order
};

/// The notice as a message ready to be queued with the null reverse-path; CRLF line ends, and 7bit unless
/// dsn_needs_smtputf8.
std::string build_dsn(const Dsn& dsn);
/// An address holds UTF-8, so the notice needs SMTPUTF8 on its way.
bool dsn_needs_smtputf8(const Dsn& dsn);

}  // namespace quartet::mime
