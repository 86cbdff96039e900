// The STATUS response, of STATUS itself and of LIST with RETURN (STATUS ...) (RFC 5819).
#pragma once
#include <vector>

#include "common/store/types.h"
#include "imapd/context.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

/// The reply if the store could not be asked.
async::Task<std::optional<Reply>> append_status(Context& context, const store::MailboxInfo& mailbox,
                                                const std::vector<StatusItem>& items);

}  // namespace quartet::imapd
