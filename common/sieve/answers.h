// Messages that come of a script's actions: replies of vacation (RFC 5230 section 5), notifications by mail (RFC 5436
// section 2), and notices of refusal (RFC 5429 section 2.2, RFC 8098). Pure.
#pragma once
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/sieve/run.h"

namespace quartet::sieve {

/// What each of them needs of the host.
struct Answering {
  std::string user;        // address of the mailbox
  std::string message_id;  // of the answer, with its angle brackets
  std::string hostname;
  WallTime time{};
};

std::string vacation_reply(const Vacation& vacation, const Answering& answering);
std::string notification(const Notify& notify, const Answering& answering);
/// `original` is the message that is refused: its header is returned.
std::string refusal(const Reject& reject, const std::string& sender, std::string_view original,
                    const Answering& answering);

/// The message with a field that says what went wrong in a script: its user looks for mail that was not filed in the
/// INBOX, and finds there why.
Edited with_fault(std::string_view message, std::string_view fault);

}  // namespace quartet::sieve
