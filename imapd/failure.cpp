// What the store's errors are to a client: RFC 5530.
#include "common/log/log.h"
#include "imapd/context.h"

namespace quartet::imapd {

Reply failure(const store::StoreError& error) {
  using store::ErrorCode;
  switch (error.code) {
    case ErrorCode::kNoMailbox:
      return Reply::no("No such mailbox", "NONEXISTENT");
    case ErrorCode::kNoSelect:
      return Reply::no("The name is only a parent of mailboxes", "NONEXISTENT");
    case ErrorCode::kExists:
      return Reply::no("The mailbox exists already", "ALREADYEXISTS");
    case ErrorCode::kHasChildren:
      return Reply::no("The name has mailboxes below it", "HASCHILDREN");
    case ErrorCode::kInvalidName:
      return Reply::no("Such a name is not possible", "CANNOT");
    case ErrorCode::kCannot:
      return Reply::no("This is not possible with this mailbox", "CANNOT");
    case ErrorCode::kNoMessage:
      return Reply::no("The message is gone", "EXPUNGEISSUED");
    case ErrorCode::kOverQuota:
      return Reply::no("The account or the mailbox is full", "OVERQUOTA");
    case ErrorCode::kTooManyKeywords:
      return Reply::no("Too many different keywords", "LIMIT");
    case ErrorCode::kTooLarge:
      return Reply::no("Too large", "TOOBIG");
    case ErrorCode::kUnsupported:
      return Reply::no("This cannot be done", "CANNOT");
    case ErrorCode::kMoving:
    case ErrorCode::kMoved:
    case ErrorCode::kBusy:
    case ErrorCode::kClosed:
      return Reply::no("Try again later", "UNAVAILABLE");
    case ErrorCode::kIo:
    case ErrorCode::kCorrupt:
      break;
  }
  log::error("imap.store_failed", {{"error", store::to_string(error.code)}, {"reason", error.detail}});
  return Reply::no("The mail store failed", error.code == ErrorCode::kCorrupt ? "CORRUPTION" : "SERVERBUG");
}

std::string farewell_after(const store::StoreError& error) {
  if (error.code == store::ErrorCode::kNoMailbox) return "The selected mailbox was deleted";
  return error.code == store::ErrorCode::kMoved ? kMovedAway : "";
}

}  // namespace quartet::imapd
