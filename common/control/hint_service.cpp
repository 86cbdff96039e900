#include "common/control/calls.h"
#include "common/control/lines.h"
#include "common/control/response_stream.h"
#include "common/control/services.h"
#include "quartet/control/v1/hint.grpc.pb.h"

namespace quartet::control {
namespace {

constexpr std::size_t kHintsPerResponse = 1000;

/// HintService.FollowHints.
class Following final : public ResponseStream<v1::FollowHintsResponse> {
 public:
  using ResponseStream::ResponseStream;

  void put(const StoreHint& hint) {
    if (hints_.put(hint)) wake();
  }
  /// What keeps it attached. Before start().
  void hold(std::shared_ptr<void> attachment) { attachment_ = std::move(attachment); }
  void tick() override {}

 private:
  /// Not left to the destructor, which may run where somebody puts a hint in: that waits for itself.
  void over() override { attachment_.reset(); }

  Step produce(v1::FollowHintsResponse& response) override {
    for (const auto& hint : hints_.take(kHintsPerResponse).first) {
      auto& out = *response.add_hint();
      out.set_shard(hint.shard);
      out.set_account(hint.account);
      out.set_mailbox(hint.mailbox);
    }
    return response.hint_size() == 0 ? Step::kNothing : Step::kWrite;
  }

  Lines<StoreHint> hints_;
  std::shared_ptr<void> attachment_;
};

class HintService final : public v1::HintService::CallbackService {
 public:
  HintService(const Subject& subject, Calls& calls) : subject_(subject), calls_(calls) {}

  grpc::ServerWriteReactor<v1::FollowHintsResponse>* FollowHints(grpc::CallbackServerContext* context,
                                                                 const v1::FollowHintsRequest*) override {
    if (auto allowed = calls_.access().check(*context, Role::kObserver); !allowed.ok())
      return refuse_stream<v1::FollowHintsResponse>(std::move(allowed));
    const auto following = std::make_shared<Following>(calls_);
    following->hold(subject_.follow_hints([weak = std::weak_ptr(following)](std::span<const StoreHint> hints) {
      if (const auto alive = weak.lock())
        for (const auto& hint : hints) alive->put(hint);
    }));
    return Following::start(following);
  }

 private:
  const Subject& subject_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_hint_service(const Subject& subject, Calls& calls) {
  return std::make_shared<HintService>(subject, calls);
}

}  // namespace quartet::control
