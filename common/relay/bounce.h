// When the sender is told, and the notice itself (RFC 3461 section 5, RFC 3464). Pure: the outcomes of one attempt go
// in, messages for the spool come out.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/spool/message.h"

namespace quartet::relay {

struct NoticeOptions {
  std::string hostname;                // Reporting-MTA, and the domain of the notices' author
  std::size_t body_limit = 16 * 1024;  // bytes of the message returned besides its header, when the sender wants it
  std::chrono::seconds delay_after = std::chrono::hours(4);  // first notice of delay; 0: never
};

/// One recipient of a notice.
struct Notice {
  enum class Action { kFailed, kDelayed, kDelivered, kRelayed, kExpanded };
  Action action = Action::kFailed;
  std::string address;
  std::string orcpt;
  spool::Reply reply;
  WallTime last_attempt{};
  WallTime retry_until{};  // kDelayed only
  std::string status{};    // RFC 3463, where it is not that of the reply
};

/// Whether RFC 3461 section 4.1 has the sender told of `action` for a recipient with these NOTIFY flags. Never for mail
/// with the null sender: a notice about a notice would loop.
bool wanted(const spool::Message& message, std::uint8_t notify, Notice::Action action);

/// The same for what RFC 2852 has the sender told of a message that has a deadline: that it was relayed, or that the
/// time has passed. It asked for that, so it hears of it without NOTIFY.
bool wanted_in_time(const spool::Message& message, std::uint8_t notify, Notice::Action action);

/// The notice as a new message with the null sender. `original` is the whole message that was queued.
spool::NewMessage make_notice(const NoticeOptions& options, const spool::Message& message, std::string_view original,
                              const std::vector<Notice>& notices);

}  // namespace quartet::relay
