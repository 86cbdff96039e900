// One LMTP session (RFC 2033): recipients against the directory, the message in memory, its delivery.
#pragma once
#include <atomic>
#include <functional>
#include <memory>

#include "common/directory/directory.h"
#include "common/service/intake.h"
#include "common/smtp/server_session.h"
#include "common/smtp/srs.h"
#include "mda/deliver.h"
#include "mda/table.h"

namespace quartet::mda {

/// Who has mail here, now. Asked at each recipient: a reload counts at once.
struct Tables {
  directory::DirectoryPtr directory;
  std::shared_ptr<const DeliveryTable> deliveries;
  std::shared_ptr<const smtp::Srs> srs = nullptr;  // null: senders stay as they are
};

/// What all sessions share; outlives them.
struct SessionServices {
  Services delivery;
  std::function<Tables()> tables;
  service::ByteBudget& budget;  // for messages that are being received
  Reservations& reservations;
};

/// Peers are hops of our own or hosts that the operator lets in: their XTRACE is believed.
std::unique_ptr<smtp::Handler> make_handler(const SessionServices& services);

}  // namespace quartet::mda
