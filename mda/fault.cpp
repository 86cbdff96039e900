#include "mda/fault.h"

#include <cerrno>
#include <utility>

#include "mda/deliver.h"

namespace quartet::mda {

smtp::Reply reply_to(const store::StoreError& error, bool larger_than_quota) {
  using store::ErrorCode;
  switch (error.code) {
    case ErrorCode::kOverQuota:
      // People make room when they come back: the queue keeps the mail for them, and its end is the bounce. Only what
      // can never fit is refused for good.
      if (larger_than_quota) return {552, "5.2.3", "the message is larger than the whole mailbox may be"};
      return {452, "4.2.2", "the mailbox is full"};
    case ErrorCode::kTooLarge:
      return {552, "5.3.4", "the message is too large"};
    case ErrorCode::kBusy:
      return {451, "4.2.0", "the mailbox is busy, try again later"};
    case ErrorCode::kMoving:
    case ErrorCode::kMoved:
      return {451, "4.2.1", "the mailbox is just being moved, try again later"};
    case ErrorCode::kClosed:
      return {451, "4.3.2", "the server is closing"};
    default:
      return {451, "4.3.0", "the message could not be stored, try again later"};
  }
}

async::Task<smtp::Reply> refusal_of(const Services& services, std::string account, store::StoreError error,
                                    std::size_t size) {
  using store::ErrorCode;
  const bool broken = error.code == ErrorCode::kIo || error.code == ErrorCode::kCorrupt;
  if (broken && services.store_fault != nullptr) services.store_fault->note(error.detail);
  if (error.code != ErrorCode::kOverQuota) co_return reply_to(error);
  const auto quota = co_await services.store.quota(std::move(account));
  co_return reply_to(error, quota && quota->limit.bytes != 0 && size > quota->limit.bytes);
}

smtp::Reply reply_to(const FileError& error) {
  switch (error.number) {
    case EDQUOT:
      return {452, "4.2.2", "the mailbox is full"};
    case ENOSPC:
      return {452, "4.3.1", "no room for the message, try again later"};
    case EAGAIN:
      return {451, "4.2.0", "the mailbox is locked, try again later"};
    default:
      return {451, "4.3.0", "the message could not be stored, try again later"};
  }
}

}  // namespace quartet::mda
