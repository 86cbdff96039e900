#include "common/store/types.h"

namespace quartet::store {

bool is_transient(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBusy:
    case ErrorCode::kIo:
    case ErrorCode::kCorrupt:
    case ErrorCode::kClosed:
    case ErrorCode::kMoving:
    case ErrorCode::kMoved:
      return true;
    default:
      return false;
  }
}

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNoMailbox:
      return "no such mailbox";
    case ErrorCode::kNoSelect:
      return "mailbox cannot be selected";
    case ErrorCode::kExists:
      return "mailbox exists";
    case ErrorCode::kHasChildren:
      return "mailbox has children";
    case ErrorCode::kInvalidName:
      return "invalid mailbox name";
    case ErrorCode::kCannot:
      return "not allowed";
    case ErrorCode::kNoMessage:
      return "message expunged";
    case ErrorCode::kOverQuota:
      return "over quota";
    case ErrorCode::kTooManyKeywords:
      return "too many keywords";
    case ErrorCode::kTooLarge:
      return "too large";
    case ErrorCode::kBusy:
      return "store busy";
    case ErrorCode::kIo:
      return "input/output error";
    case ErrorCode::kCorrupt:
      return "store damaged";
    case ErrorCode::kClosed:
      return "store closed";
    case ErrorCode::kUnsupported:
      return "not supported";
    case ErrorCode::kMoving:
      return "account is being moved";
    case ErrorCode::kMoved:
      return "account is in another store";
  }
  return "unknown error";
}

bool QuotaUsage::fits(std::uint64_t more_bytes, std::uint64_t more_messages) const {
  return (limit.bytes == 0 || bytes + more_bytes <= limit.bytes) &&
         (limit.messages == 0 || messages + more_messages <= limit.messages);
}

}  // namespace quartet::store
