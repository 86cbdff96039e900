// What a failure of a target means to the sender: a reply (RFC 5321) with a status (RFC 3463). What is not known is
// transient.
#pragma once
#include <cstddef>
#include <string>

#include "common/async/task.h"
#include "common/base/files.h"
#include "common/smtp/reply.h"
#include "common/store/types.h"

namespace quartet::mda {

struct Services;

/// `larger_than_quota`: with kOverQuota, the message alone is more than the account may ever have.
smtp::Reply reply_to(const store::StoreError& error, bool larger_than_quota = false);
smtp::Reply reply_to(const FileError& error);

/// To a delivery of `size` octets that the store has refused; asks it whether the account can ever have so much, and
/// has what it cannot write noted. `services` outlives the call.
async::Task<smtp::Reply> refusal_of(const Services& services, std::string account, store::StoreError error,
                                    std::size_t size);

}  // namespace quartet::mda
