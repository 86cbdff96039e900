#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/lines.h"
#include "common/control/peers.h"
#include "common/control/response_stream.h"
#include "common/control/services.h"
#include "quartet/control/v1/peer.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::StatusCode;

/// What peers say, as it comes.
class Answers final : public ResponseStream<v1::AskPeersResponse> {
 public:
  using ResponseStream::ResponseStream;

  /// False once the caller has left.
  bool put(v1::AskPeersResponse response) {
    if (over_) return false;
    if (answers_.put(std::move(response))) wake();
    return !over_;
  }
  void no_more() {
    complete_ = true;
    wake();
  }

 private:
  Step produce(v1::AskPeersResponse& response) override {
    // Before the look at what is there: what came before it is not missed.
    const bool complete = complete_;
    auto [answers, lost] = answers_.take(1);
    if (lost != 0) {
      end({StatusCode::RESOURCE_EXHAUSTED, "the answers are read too slowly"});
      return Step::kAgain;
    }
    if (answers.empty() && complete) end(grpc::Status::OK);
    if (answers.empty()) return complete ? Step::kAgain : Step::kNothing;
    response = std::move(answers.front());
    return Step::kWrite;
  }
  void over() override { over_ = true; }

  Lines<v1::AskPeersResponse> answers_;
  std::atomic<bool> complete_ = false;
  std::atomic<bool> over_ = false;
};

class PeerService final : public v1::PeerService::CallbackService {
 public:
  PeerService(Peers& peers, Calls& calls) : peers_(peers), calls_(calls) {}

  grpc::ServerUnaryReactor* ListPeers(grpc::CallbackServerContext* context, const v1::ListPeersRequest*,
                                      v1::ListPeersResponse* response) override {
    return answer(context, calls_, Role::kObserver, [this, response] {
      response->set_name(utf8(peers_.self()));
      for (const auto& each : peers_.all()) {
        auto& peer = *response->add_peer();
        peer.set_name(each.name);
        peer.set_address(each.address);
        peer.set_next(each.next);
      }
      return grpc::Status::OK;
    });
  }

  grpc::ServerWriteReactor<v1::AskPeersResponse>* AskPeers(grpc::CallbackServerContext* context,
                                                           const v1::AskPeersRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kObserver); !allowed.ok())
      return refuse_stream<v1::AskPeersResponse>(std::move(allowed));
    if (request->call_case() == v1::AskPeersRequest::CALL_NOT_SET)
      return refuse_stream<v1::AskPeersResponse>({StatusCode::INVALID_ARGUMENT, "call: is required"});
    if (!v1::AskPeersRequest::Scope_IsValid(request->scope()))
      return refuse_stream<v1::AskPeersResponse>(
          {StatusCode::INVALID_ARGUMENT, "scope: " + std::to_string(request->scope()) + " is none"});
    const auto answers = std::make_shared<Answers>(calls_);
    auto* const reactor = Answers::start(answers);
    peers_.ask(
        *request, [answers](v1::AskPeersResponse response) { return answers->put(std::move(response)); },
        [answers] { answers->no_more(); });
    return reactor;
  }

 private:
  Peers& peers_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_peer_service(Peers& peers, Calls& calls) {
  return std::make_shared<PeerService>(peers, calls);
}

}  // namespace quartet::control
