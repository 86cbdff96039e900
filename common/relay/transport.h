// Delivery without a connection: what takes the place of a session where the next hop is a program or a directory.
#pragma once
#include <memory>
#include <string>

#include "common/async/task.h"
#include "common/async/thread_pool.h"
#include "common/relay/route.h"
#include "common/smtp/client_session.h"
#include "common/spool/message.h"

namespace quartet::relay {

class Transport {
 public:
  virtual ~Transport() = default;
  /// As smtp::ClientSession::send(), and a broken transport is a broken session. `id` names the message and `ordinal`
  /// its first recipient of these: the same ones again make the same file. The references outlive the task.
  virtual async::Task<smtp::TransactionResult> carry(const spool::MessageId& id, std::uint32_t ordinal,
                                                     const smtp::OutboundTransaction& transaction) = 0;
};

/// Whether a Transport leads there.
constexpr bool by_transport(NextHop::Kind kind) {
  return kind == NextHop::Kind::kPipe || kind == NextHop::Kind::kBatch;
}

/// For such a next hop; `hostname` is for HELO, `files` writes what blocks and outlives the transport.
std::unique_ptr<Transport> make_transport(const NextHop& next_hop, std::string hostname, async::ThreadPool& files);

}  // namespace quartet::relay
