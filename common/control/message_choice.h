// Which messages of a mailbox a call means, and how the store's errors are told.
#pragma once
#include <grpcpp/support/status.h>

#include <expected>
#include <string>

#include "common/base/time.h"
#include "common/store/snapshot.h"
#include "quartet/control/v1/mailbox.pb.h"

namespace quartet::control {

/// Neither `all` nor a condition.
bool is_empty(const v1::MessageSelector& selector);

struct Chosen {
  store::UidSet uids;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};
/// Ages count back from `now`. The error says which field makes no sense.
std::expected<Chosen, std::string> choose(const store::Snapshot& mailbox, const v1::MessageSelector& selector,
                                          WallTime now);

grpc::Status status_of(const store::StoreError& error);

}  // namespace quartet::control
