#include "common/control/trigger_upstream.h"

#include <google/protobuf/util/message_differencer.h>

#include "common/control/audit.h"
#include "common/control/convert.h"
#include "common/control/response_stream.h"

namespace quartet::control {
namespace {

using Response = v1::TriggerUpstreamResponse;
using State = relay::UpstreamStatus::State;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookEvery{200};
constexpr seconds kSpeakEvery{5};
constexpr seconds kFollow{600};
constexpr std::size_t kLongestReason = 1000;

v1::Upstream::State state_of(State state) {
  switch (state) {
    case State::kIdle:
      return v1::Upstream::STATE_IDLE;
    case State::kAsking:
      return v1::Upstream::STATE_ASKING;
    case State::kReceiving:
      return v1::Upstream::STATE_RECEIVING;
    case State::kBackingOff:
      return v1::Upstream::STATE_BACKING_OFF;
    case State::kStopped:
      return v1::Upstream::STATE_STOPPED;
  }
  return v1::Upstream::STATE_UNSPECIFIED;
}

std::string why_not(const v1::TriggerUpstreamRequest& request) {
  if (request.reason().size() > kLongestReason) return "reason: longer than 1000 octets";
  const auto& follow = request.follow();
  if (follow.seconds() < 0 || follow.nanos() < 0 || follow.seconds() > 7 * 24 * 3600) return "follow: 0 to 7 days";
  return "";
}

/// One request and what becomes of it. It was triggered before: the state is asking, or further.
class Follow final : public ResponseStream<Response> {
 public:
  Follow(Calls& calls, relay::Upstreams& upstreams, const v1::TriggerUpstreamRequest& request, std::uint64_t ends_at)
      : ResponseStream(calls), upstreams_(upstreams), name_(request.upstream()), ends_at_(ends_at) {
    const auto follow = request.has_follow()
                            ? seconds(request.follow().seconds()) + std::chrono::nanoseconds(request.follow().nanos())
                            : std::chrono::nanoseconds(kFollow);
    follows_ = follow.count() > 0;
    until_ = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(follow);
  }

 private:
  Step produce(Response& response) override {
    const auto now = steady_clock::now();
    if (told_ && now - looked_ < kLookEvery) return Step::kNothing;
    looked_ = now;
    const bool first = !std::exchange(told_, true);
    for (const auto& status : upstreams_.upstreams()) {
      if (status.name == name_) return tell(status, first, now, response);
    }
    return Step::kLast;
  }

  Step tell(const relay::UpstreamStatus& status, bool first, SteadyTime now, Response& response) {
    auto& upstream = *response.mutable_upstream();
    fill(upstream, status);
    response.set_phase(first ? Response::PHASE_ASKED : Response::PHASE_PROGRESS);
    if (first && !follows_) return Step::kLast;
    if (status.runs >= ends_at_) {
      response.set_phase(Response::PHASE_ENDED);
      return Step::kLast;
    }
    if (now >= until_) {
      response.set_phase(Response::PHASE_TIME_OVER);
      return Step::kLast;
    }
    const bool news = !google::protobuf::util::MessageDifferencer::Equals(upstream, last_);
    if (!first && !news && now - spoke_ < kSpeakEvery) return Step::kNothing;
    spoke_ = now;
    last_ = upstream;
    return Step::kWrite;
  }

  relay::Upstreams& upstreams_;
  std::string name_;
  std::uint64_t ends_at_;
  bool follows_ = true;
  bool told_ = false;
  v1::Upstream last_;
  SteadyTime until_, looked_, spoke_;
};

}  // namespace

void fill(v1::Upstream& to, const relay::UpstreamStatus& status) {
  to.set_name(utf8(status.name));
  for (const auto& domain : status.domains) to.add_domain(utf8(domain));
  to.set_state(state_of(status.state));
  to.set_method(status.method);
  to.set_received(status.received);
  to.set_requests(status.runs);
  to.set_failures(status.failures);
  to.set_code(status.code);
  to.set_text(utf8(status.text));
  if (status.next) set(*to.mutable_next(), *status.next);
}

grpc::ServerWriteReactor<Response>* trigger_upstream(Calls& calls, relay::Upstreams* upstreams,
                                                     v1::TriggerUpstreamRequest request, std::string peer) {
  if (auto why = why_not(request); !why.empty())
    return refuse_stream<Response>({grpc::StatusCode::INVALID_ARGUMENT, std::move(why)});
  const auto ends_at = upstreams != nullptr ? upstreams->trigger(request.upstream()) : std::nullopt;
  audit({.verb = "trigger_upstream",
         .peer = std::move(peer),
         .selector = request.upstream(),
         .reason = request.reason(),
         .changed = ends_at ? 1U : 0U,
         .refused = ends_at ? "" : "unknown"});
  if (!ends_at) return refuse_stream<Response>({grpc::StatusCode::NOT_FOUND, "no such upstream"});
  return Follow::start(std::make_shared<Follow>(calls, *upstreams, request, *ends_at));
}

}  // namespace quartet::control
