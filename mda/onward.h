// What goes on from here by way of the spool.
#pragma once
#include "common/mime/header.h"
#include "mda/deliver.h"

namespace quartet::mda {

/// With the envelope of what came in, whose header this is; recipients and body are still to be filled in.
spool::NewMessage onward(const Incoming& incoming, const mime::Header& header);

/// `good` once the message is on disk in the spool. `services` and `incoming` outlive the call.
async::Task<smtp::Reply> enqueue(const Services& services, const Incoming& incoming, spool::NewMessage message,
                                 smtp::Reply good);

}  // namespace quartet::mda
