#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/explain.h"
#include "common/control/pause_link.h"
#include "common/control/response_stream.h"
#include "common/control/services.h"
#include "common/control/trigger_upstream.h"
#include "common/relay/relay.h"
#include "quartet/control/v1/remote_queue.grpc.pb.h"

namespace quartet::control {
namespace {

using Response = v1::StartQueueResponse;
using Kind = relay::StartAnswer::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookEvery{200};
constexpr seconds kSpeakEvery{5};  // also without news: a silent stream looks like a dead one
constexpr seconds kFollow{600};
constexpr std::size_t kLongestReason = 1000;

Response::Answer answer_of(Kind kind) {
  switch (kind) {
    case Kind::kStarted:
      return Response::ANSWER_STARTED;
    case Kind::kAlreadyRunning:
      return Response::ANSWER_ALREADY_RUNNING;
    case Kind::kNothing:
      return Response::ANSWER_NOTHING;
    case Kind::kUnable:
      return Response::ANSWER_UNABLE;
    case Kind::kPaused:
      return Response::ANSWER_PAUSED;
    case Kind::kTooSoon:
      return Response::ANSWER_TOO_SOON;
    case Kind::kUnknown:
      return Response::ANSWER_UNKNOWN;
  }
  return Response::ANSWER_UNSPECIFIED;
}

std::uint32_t etrn_code(const relay::StartAnswer& answer) {
  switch (answer.kind) {
    case Kind::kStarted:
      return 253;
    case Kind::kAlreadyRunning:
      return 250;
    case Kind::kNothing:
      return 251;
    case Kind::kUnable:
    case Kind::kPaused:
    case Kind::kTooSoon:
      return 458;
    case Kind::kUnknown:
      return 459;
  }
  return 458;
}

std::string why_not(const v1::StartQueueRequest& request) {
  if (request.link().empty() && request.domain().empty()) return "a link or a domain is required";
  if (request.with_subdomains() && !request.has_domain()) return "with_subdomains: needs a domain";
  if (request.reason().size() > kLongestReason) return "reason: longer than 1000 octets";
  const auto& follow = request.follow();
  if (follow.seconds() < 0 || follow.nanos() < 0 || follow.seconds() > 7 * 24 * 3600) return "follow: 0 to 7 days";
  return "";
}

/// One start and what becomes of it.
class Follow final : public ResponseStream<Response> {
 public:
  Follow(Calls& calls, relay::Relay& relay, v1::StartQueueRequest request, std::string peer)
      : ResponseStream(calls), relay_(relay), request_(std::move(request)), peer_(std::move(peer)) {}

 private:
  Step produce(Response& response) override {
    const auto now = steady_clock::now();
    return answered_ ? look(now, response) : begin(now, response);
  }

  Step begin(SteadyTime now, Response& response) {
    answered_ = true;
    const bool at_once = request_.at_once();
    const auto answer = request_.target_case() == v1::StartQueueRequest::kLink
                            ? relay_.start_link(request_.link(), at_once)
                            : relay_.start_domain(request_.domain(), request_.with_subdomains(), at_once);
    link_ = answer.link;
    const bool going = answer.kind == Kind::kStarted || answer.kind == Kind::kAlreadyRunning;
    log_answer(answer, going);
    response.set_phase(Response::PHASE_ANSWER);
    response.set_answer(answer_of(answer.kind));
    response.set_etrn_code(etrn_code(answer));
    response.set_link(utf8(link_));
    response.set_pending(answer.pending);
    if (answer.kind == Kind::kTooSoon) set(*response.mutable_wait(), answer.wait);
    const auto follow = request_.has_follow()
                            ? seconds(request_.follow().seconds()) + std::chrono::nanoseconds(request_.follow().nanos())
                            : std::chrono::nanoseconds(kFollow);
    last_answer_ = response;
    until_ = now + std::chrono::duration_cast<steady_clock::duration>(follow);
    looked_ = spoke_ = now;
    return going && follow.count() > 0 ? Step::kWrite : Step::kLast;
  }

  void log_answer(const relay::StartAnswer& answer, bool going) const {
    const auto what = request_.has_link() ? "link " + request_.link() : "domain " + request_.domain();
    audit({.verb = "start_queue",
           .peer = peer_,
           .selector = what,
           .reason = request_.reason(),
           .changed = answer.pending,
           .refused = going                           ? ""
                      : answer.kind == Kind::kNothing ? "nothing is queued"
                      : answer.kind == Kind::kUnable  ? "unable"
                      : answer.kind == Kind::kPaused  ? "paused"
                      : answer.kind == Kind::kTooSoon ? "too soon"
                                                      : "unknown"});
  }

  Step look(SteadyTime now, Response& response) {
    if (now - looked_ < kLookEvery) return Step::kNothing;
    looked_ = now;
    std::uint64_t pending = 0;
    bool running = false;
    for (const auto& link : relay_.links()) {
      if (link.name != link_) continue;
      pending = link.pending;
      running = link.running;
    }
    response = last_answer_;
    response.set_pending(pending);
    if (pending == 0) return last(response, Response::PHASE_EMPTY);
    if (!running) return last(response, Response::PHASE_ENDED);
    if (now >= until_) return last(response, Response::PHASE_TIME_OVER);
    if (pending == last_answer_.pending() && now - spoke_ < kSpeakEvery) return Step::kNothing;
    spoke_ = now;
    last_answer_.set_pending(pending);
    response.set_phase(Response::PHASE_PROGRESS);
    return Step::kWrite;
  }

  static Step last(Response& response, Response::Phase phase) {
    response.set_phase(phase);
    return Step::kLast;
  }

  relay::Relay& relay_;
  v1::StartQueueRequest request_;
  std::string peer_;
  bool answered_ = false;
  std::string link_;
  Response last_answer_;
  SteadyTime until_, looked_, spoke_;
};

class RemoteQueueService final : public v1::RemoteQueueService::CallbackService {
 public:
  RemoteQueueService(const Subject& subject, Calls& calls)
      : relay_(*subject.relay), upstreams_(subject.upstreams), calls_(calls) {}

  grpc::ServerUnaryReactor* ListLinks(grpc::CallbackServerContext* context, const v1::ListLinksRequest*,
                                      v1::ListLinksResponse* response) override {
    return answer(context, calls_, Role::kObserver, [this, response] {
      for (const auto& status : relay_.links()) {
        auto& link = *response->add_link();
        link.set_name(utf8(status.name));
        for (const auto& domain : status.domains) link.add_domain(utf8(domain));
        link.set_pending(status.pending);
        link.set_running(status.running);
        link.set_attached(status.attached);
        if (status.pause) fill(*link.mutable_pause(), *status.pause);
      }
      return grpc::Status::OK;
    });
  }

  grpc::ServerWriteReactor<Response>* StartQueue(grpc::CallbackServerContext* context,
                                                 const v1::StartQueueRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kOperator); !allowed.ok())
      return refuse_stream<Response>(std::move(allowed));
    if (auto why = why_not(*request); !why.empty())
      return refuse_stream<Response>({grpc::StatusCode::INVALID_ARGUMENT, std::move(why)});
    return Follow::start(std::make_shared<Follow>(calls_, relay_, *request, peer_of(*context)));
  }

  grpc::ServerUnaryReactor* PauseLink(grpc::CallbackServerContext* context, const v1::PauseLinkRequest* request,
                                      v1::PauseLinkResponse* response) override {
    return pause_link(context, calls_, relay_, *request, response);
  }

  grpc::ServerUnaryReactor* ResumeLink(grpc::CallbackServerContext* context, const v1::ResumeLinkRequest* request,
                                       v1::ResumeLinkResponse* response) override {
    return resume_link(context, calls_, relay_, *request, response);
  }

  grpc::ServerUnaryReactor* ListUpstreams(grpc::CallbackServerContext* context, const v1::ListUpstreamsRequest*,
                                          v1::ListUpstreamsResponse* response) override {
    return answer(context, calls_, Role::kObserver, [this, response] {
      if (upstreams_ == nullptr) return grpc::Status::OK;
      for (const auto& status : upstreams_->upstreams()) fill(*response->add_upstream(), status);
      return grpc::Status::OK;
    });
  }

  grpc::ServerWriteReactor<v1::TriggerUpstreamResponse>* TriggerUpstream(
      grpc::CallbackServerContext* context, const v1::TriggerUpstreamRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kOperator); !allowed.ok())
      return refuse_stream<v1::TriggerUpstreamResponse>(std::move(allowed));
    return trigger_upstream(calls_, upstreams_, *request, peer_of(*context));
  }

 private:
  relay::Relay& relay_;
  relay::Upstreams* upstreams_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_remote_queue_service(const Subject& subject, Calls& calls) {
  return std::make_shared<RemoteQueueService>(subject, calls);
}

}  // namespace quartet::control
