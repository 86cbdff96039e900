// What a failure of a target means to the sender: a reply (RFC 5321) with a status (RFC 3463). What is not known is
// transient.
#pragma once
#include "common/base/files.h"
#include "common/smtp/reply.h"
#include "common/store/types.h"

namespace quartet::mda {

/// `larger_than_quota`: with kOverQuota, the message alone is more than the account may ever have.
smtp::Reply reply_to(const store::StoreError& error, bool larger_than_quota = false);
smtp::Reply reply_to(const FileError& error);

}  // namespace quartet::mda
