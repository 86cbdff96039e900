// A connection compressed with DEFLATE (RFC 1951) in both directions, as COMPRESS of IMAP has it (RFC 4978).
#pragma once
#include <memory>

#include "common/net/stream.h"

namespace quartet::net {

/// Takes over `stream` from the next octet on. Each write() is flushed, so that the peer can read all of it. What the
/// peer sends is expanded a piece at a time, so little memory is used whatever it expands to; what is no DEFLATE data
/// gives kReset.
std::unique_ptr<Stream> deflate(std::unique_ptr<Stream> stream);

}  // namespace quartet::net
