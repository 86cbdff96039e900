// Listing upstreams, triggering one and following the request.
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>

#include <atomic>

#include "common/relay/relay.h"
#include "common/relay/upstreams.h"
#include "helpers.h"
#include "quartet/control/v1/remote_queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using Response = v1::TriggerUpstreamResponse;
using State = relay::UpstreamStatus::State;

namespace {

/// One upstream, whose state is the test's.
class Fake final : public relay::Upstreams {
 public:
  std::vector<relay::UpstreamStatus> upstreams() const override {
    const std::lock_guard lock(mutex_);
    return {status_};
  }
  std::optional<std::uint64_t> trigger(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    if (name != status_.name) return std::nullopt;
    status_.state = State::kAsking;
    return status_.runs + 1;
  }
  void end(State state, std::uint16_t code) {
    const std::lock_guard lock(mutex_);
    status_.state = state;
    status_.code = code;
    ++status_.runs;
  }

 private:
  mutable std::mutex mutex_;
  relay::UpstreamStatus status_{
      .name = "isp", .domains = {"a.test"}, .method = "ATRN", .received = 7, .text = "said", .next = {}};
};

struct WithUpstream : Running {
  Fake fake;
  relay::Relay relay{{}, std::make_shared<relay::Router>(relay::RoutingTable()), *spool};
  std::unique_ptr<v1::RemoteQueueService::Stub> stub;

  explicit WithUpstream(bool any = true) {
    if (any) upstreams = &fake;
    start(&relay);
    stub = v1::RemoteQueueService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~WithUpstream() { server.reset(); }
};

struct Trigger {
  Trigger(WithUpstream& with, const std::string& name, int follow = -1) {
    v1::TriggerUpstreamRequest request;
    request.set_upstream(name);
    if (follow >= 0) request.mutable_follow()->set_seconds(follow);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    stream = with.stub->TriggerUpstream(&context, request);
  }
  Response next() {
    Response response;
    stream->Read(&response);
    return response;
  }
  grpc::StatusCode finish() { return stream->Finish().error_code(); }
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<Response>> stream;
};

}  // namespace

TEST_CASE("upstreams are listed", "[control]") {
  const bool any = GENERATE(true, false);
  WithUpstream with(any);
  grpc::ClientContext context;
  v1::ListUpstreamsResponse response;
  REQUIRE(with.stub->ListUpstreams(&context, {}, &response).ok());
  REQUIRE(response.upstream_size() == (any ? 1 : 0));
  if (!any) return;
  CHECK(response.upstream(0).name() == "isp");
  CHECK(response.upstream(0).domain(0) == "a.test");
  CHECK(response.upstream(0).state() == v1::Upstream::STATE_IDLE);
  CHECK(response.upstream(0).received() == 7);
}

TEST_CASE("a request to an upstream is followed to its end", "[control]") {
  WithUpstream with;
  Trigger trigger(with, "isp");
  auto said = trigger.next();
  CHECK(said.phase() == Response::PHASE_ASKED);
  CHECK(said.upstream().state() == v1::Upstream::STATE_ASKING);
  with.fake.end(State::kBackingOff, 451);
  said = trigger.next();
  CHECK(said.phase() == Response::PHASE_ENDED);
  CHECK(said.upstream().state() == v1::Upstream::STATE_BACKING_OFF);
  CHECK(said.upstream().code() == 451);
  CHECK(trigger.finish() == grpc::StatusCode::OK);
}

TEST_CASE("who does not follow gets one answer; who follows briefly hears that it goes on", "[control]") {
  WithUpstream with;
  Trigger once(with, "isp", 0);
  CHECK(once.next().phase() == Response::PHASE_ASKED);
  CHECK(once.finish() == grpc::StatusCode::OK);
  Trigger briefly(with, "isp", 1);
  CHECK(briefly.next().phase() == Response::PHASE_ASKED);
  CHECK(briefly.next().phase() == Response::PHASE_TIME_OVER);
  CHECK(briefly.finish() == grpc::StatusCode::OK);
}

TEST_CASE("an upstream that is not there cannot be triggered", "[control]") {
  const bool any = GENERATE(true, false);
  WithUpstream with(any);
  Trigger trigger(with, "nobody");
  CHECK(trigger.next().phase() == Response::PHASE_UNSPECIFIED);
  CHECK(trigger.finish() == grpc::StatusCode::NOT_FOUND);
}
