#include "common/control/hints.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>

#include "common/base/ascii.h"
#include "common/control/peer_channel.h"
#include "common/log/log.h"
#include "quartet/control/v1/hint.grpc.pb.h"

namespace quartet::control {
namespace {

/// Between attempts to reach a peer; what is missed meanwhile is found by looking.
constexpr std::chrono::seconds kRest{2};

bool has_store(std::string_view name) {
  const auto kind = name.substr(0, name.find('@'));
  return ascii::iequals(kind, "mda") || ascii::iequals(kind, "imapd");
}

}  // namespace

HintFollower::HintFollower(const Options& options, TakeHints take) : options_(options), take_(std::move(take)) {
  for (const auto& peer : options_.peers)
    if (has_store(peer.name)) threads_.emplace_back([this, &peer] { follow(peer); });
}

HintFollower::~HintFollower() { stop(); }

void HintFollower::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto* const context : calls_) context->TryCancel();
  }
  wake_.notify_all();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

/// False: it is over.
bool HintFollower::rest() {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, kRest, [this] { return stopping_; });
}

void HintFollower::follow(const PeerOptions& peer) {
  do {
    const auto stub = v1::HintService::NewStub(peer_channel(options_, peer));
    grpc::ClientContext context;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      calls_.insert(&context);
    }
    const auto stream = stub->FollowHints(&context, {});
    v1::FollowHintsResponse response;
    std::uint64_t taken = 0;
    while (stream->Read(&response)) {
      std::vector<StoreHint> hints;
      for (const auto& hint : response.hint()) hints.push_back({hint.shard(), hint.account(), hint.mailbox()});
      taken += hints.size();
      take_(hints);
    }
    const auto status = stream->Finish();
    const std::lock_guard lock(mutex_);
    calls_.erase(&context);
    if (!stopping_)
      log::debug("control.hints_ended", {{"peer", peer.name}, {"taken", taken}, {"reason", status.error_message()}});
  } while (rest());
}

}  // namespace quartet::control
