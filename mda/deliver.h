// One message to the targets of all its recipients: store, files, spool; and what became of it as one reply for each
// recipient (RFC 2033 section 4.2).
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/relay/bounce.h"
#include "common/service/recent_fault.h"
#include "common/smtp/path.h"
#include "common/smtp/reply.h"
#include "common/spool/spool.h"
#include "common/store/namespaces.h"
#include "common/store/store.h"
#include "mda/mbox.h"
#include "mda/plan.h"
#include "mda/reservations.h"

namespace quartet::mda {

struct Recipient {
  smtp::RcptParameters rcpt;
  Plan plan;
  std::optional<std::string> forwarded_from = std::nullopt;  // the sender of what goes outside, if it is another
  std::vector<Reservations::HeldPtr> reserved{};             // until the message is delivered
};

/// A mail transaction with its message.
struct Incoming {
  smtp::MailParameters mail;
  std::vector<Recipient> recipients;
  std::string message;
  std::string received;  // the trace field of this host, with its CRLF
  std::string id;        // of this delivery
  std::string trace;
  std::string client;       // address, text
  std::string client_ip{};  // of it; "" if it came by a UNIX socket
  WallTime time{};
};

class Filters;

/// Shared by all sessions; outlives them.
struct Services {
  store::Store& store;
  async::ThreadPool& files;
  spool::Spool* spool = nullptr;                // null: nothing can be sent on
  service::RecentFault* store_fault = nullptr;  // told what the store cannot write; null: nobody wants to know
  /// The relay brings mail for addresses of our own back to us. If an alias leads to several places and some fail, the
  /// mail for these waits in the spool; without, the client is told to try again, and the others get it twice.
  bool redelivers = false;
  Filters* filters = nullptr;  // of the users; null: there are none
  /// Which names in scripts lead to mailboxes of others.
  std::function<store::NamespacesPtr()> namespaces = [] { return store::NamespacesPtr(); };
  std::string hostname;
  std::size_t hops = 50;
  relay::NoticeOptions notices;
  MboxOptions mbox;
};

/// Replies in the order of the recipients; a positive one is a promise: the message is on disk. Not cancellable.
async::Task<std::vector<smtp::Reply>> deliver(const Services& services, std::shared_ptr<const Incoming> incoming);

}  // namespace quartet::mda
