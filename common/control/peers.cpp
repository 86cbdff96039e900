#include "common/control/peers.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/control/convert.h"
#include "common/control/peer_channel.h"
#include "quartet/control/v1/destination.grpc.pb.h"
#include "quartet/control/v1/node.grpc.pb.h"
#include "quartet/control/v1/queue.grpc.pb.h"
#include "quartet/control/v1/trace.grpc.pb.h"

namespace quartet::control {
namespace {

using Request = v1::AskPeersRequest;
using Response = v1::AskPeersResponse;

/// Questions at a time: each keeps a thread for as long as its peers take.
constexpr std::size_t kThreads = 4;
constexpr std::size_t kMostAgents = 256;  // in one chain
constexpr int kBehind = 16;               // agents behind a peer for which its answer is waited for
constexpr std::chrono::seconds kPatience{5}, kMostPatience{60};
constexpr std::chrono::minutes kForMessage{5};
constexpr std::size_t kPiece = 256u << 10;

/// The kind of agent in "mta@mx.b.example".
std::string_view kind_of(std::string_view name) { return name.substr(0, name.find('@')); }

template <typename Service, typename Asked, typename Answer>
grpc::Status unary(grpc::Channel& channel, grpc::ClientContext& context,
                   grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Asked&, Answer*),
                   const Asked& request, Answer& answer) {
  const auto stub = Service::NewStub(channel.shared_from_this());
  return (stub.get()->*method)(&context, request, &answer);
}

/// One question that has one answer.
grpc::Status ask_once(grpc::Channel& channel, grpc::ClientContext& context, const Request& request, Response& to) {
  switch (request.call_case()) {
    case Request::kListMessages:
      return unary<v1::QueueService>(channel, context, &v1::QueueService::Stub::ListMessages, request.list_messages(),
                                     *to.mutable_list_messages());
    case Request::kCountMessages:
      return unary<v1::QueueService>(channel, context, &v1::QueueService::Stub::CountMessages, request.count_messages(),
                                     *to.mutable_count_messages());
    case Request::kShapeQueue:
      return unary<v1::QueueService>(channel, context, &v1::QueueService::Stub::ShapeQueue, request.shape_queue(),
                                     *to.mutable_shape_queue());
    case Request::kListDestinations:
      return unary<v1::DestinationService>(channel, context, &v1::DestinationService::Stub::ListDestinations,
                                           request.list_destinations(), *to.mutable_list_destinations());
    case Request::kGetStatus:
      return unary<v1::NodeService>(channel, context, &v1::NodeService::Stub::GetStatus, request.get_status(),
                                    *to.mutable_get_status());
    default:
      return {grpc::StatusCode::INVALID_ARGUMENT, "no question"};
  }
}

Response failed(const std::string& name, const grpc::Status& status) {
  Response out;
  out.set_name(name);
  out.set_error(utf8(status.error_message().empty() ? "it does not answer" : status.error_message()));
  return out;
}

}  // namespace

Peers::Peers(const Options& options, std::function<std::string()> self)
    : options_(options), self_(std::move(self)), pool_("peers", kThreads) {}

class Peers::Call {
 public:
  Call(const Peers& peers, std::chrono::milliseconds patience) : peers_(peers) {
    context_.set_deadline(std::chrono::system_clock::now() + patience);
    const std::lock_guard lock(peers_.mutex_);
    if (peers_.stopped_)
      context_.TryCancel();
    else
      peers_.calls_.insert(&context_);
  }
  ~Call() {
    const std::lock_guard lock(peers_.mutex_);
    peers_.calls_.erase(&context_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  grpc::ClientContext& context() { return context_; }

 private:
  const Peers& peers_;
  grpc::ClientContext context_;
};

void Peers::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (auto* context : calls_) context->TryCancel();
}

void Peers::ask(v1::AskPeersRequest request, Take take, Done done) {
  Question question{std::move(request), kPatience, {}, std::move(take)};
  for (const auto& name : question.request.visited()) question.visited.insert(ascii::lower(name));
  if (question.request.has_patience()) {
    const auto given = time_to_live(question.request.patience(), std::chrono::hours(1));
    if (given)
      question.patience = std::min<std::chrono::milliseconds>(
          std::chrono::duration_cast<std::chrono::milliseconds>(*given), kMostPatience);
  }
  pool_.submit([this, question = std::move(question), done = std::move(done)]() mutable {
    run(question);
    done();
  });
}

const PeerOptions* Peers::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(options_.peers, [&](const auto& peer) { return ascii::iequals(peer.name, name); });
  return found == options_.peers.end() ? nullptr : &*found;
}

bool Peers::knows(std::string_view peer) const { return find(peer) != nullptr; }

grpc::Status Peers::import_message(std::string_view name, const v1::GetMessageResponse& message,
                                   std::string_view content, std::string_view reason) const {
  const auto* const peer = find(name);
  if (peer == nullptr) return {grpc::StatusCode::NOT_FOUND, "no peer has this name"};
  Call call(*this, kForMessage);
  v1::ImportMessageResponse response;
  const auto stub = v1::QueueService::NewStub(peer_channel(options_, *peer));
  const auto stream = stub->ImportMessage(&call.context(), &response);
  v1::ImportMessageRequest request;
  *request.mutable_message() = message;
  request.set_reason(std::string(reason));
  do {
    request.set_content(std::string(content.substr(0, kPiece)));
    content.remove_prefix(request.content().size());
    if (!stream->Write(request)) break;  // it has ended, and says why
    request.Clear();
  } while (!content.empty());
  stream->WritesDone();
  return stream->Finish();
}

bool Peers::wanted(const Question& question, const PeerOptions& peer) const {
  if (question.visited.contains(ascii::lower(peer.name))) return false;
  if (question.request.scope() == Request::SCOPE_ROLE) return ascii::iequals(kind_of(peer.name), kind_of(self()));
  return peer.next;
}

void Peers::run(Question& question) const {
  // We are the end of a loop, or of a chain that is longer than any should be.
  if (!question.visited.insert(ascii::lower(self())).second || question.visited.size() > kMostAgents) return;
  for (const auto& peer : options_.peers) {
    if (!wanted(question, peer)) continue;
    question.visited.insert(ascii::lower(peer.name));
    const auto channel = peer_channel(options_, peer);
    if (!ask_itself(question, peer, *channel)) return;
    if (question.request.scope() != Request::SCOPE_ROLE && !ask_behind(question, peer, channel)) return;
  }
}

bool Peers::ask_itself(Question& question, const PeerOptions& peer, grpc::Channel& channel) const {
  const auto& request = question.request;
  if (!request.only().empty() && !ascii::iequals(request.only(), peer.name)) return true;
  Call call(*this, question.patience);
  auto& context = call.context();
  if (request.call_case() != Request::kTraceMessage) {
    Response response;
    response.set_name(peer.name);
    const auto status = ask_once(channel, context, request, response);
    return question.take(status.ok() ? std::move(response) : failed(peer.name, status));
  }
  const auto stream =
      v1::TraceService::NewStub(channel.shared_from_this())->TraceMessage(&context, request.trace_message());
  Response response;
  response.set_name(peer.name);
  while (stream->Read(response.mutable_trace_step())) {
    if (question.take(response)) continue;
    context.TryCancel();
    return false;
  }
  const auto status = stream->Finish();
  return status.ok() || question.take(failed(peer.name, status));
}

bool Peers::ask_behind(Question& question, const PeerOptions& peer,
                       const std::shared_ptr<grpc::Channel>& channel) const {
  auto request = question.request;
  request.clear_visited();
  for (const auto& name : question.visited) {
    // It has to go on from there.
    if (!ascii::iequals(name, peer.name)) request.add_visited(name);
  }
  // Whoever is behind it may need as long, one after the other.
  Call call(*this, question.patience * kBehind);
  auto& context = call.context();
  const auto stream = v1::PeerService::NewStub(channel)->AskPeers(&context, request);
  Response response;
  while (stream->Read(&response)) {
    question.visited.insert(ascii::lower(response.name()));
    if (question.take(response)) continue;
    context.TryCancel();
    return false;
  }
  const auto status = stream->Finish();
  // That it does not answer was said when it was asked itself.
  if (status.ok() || status.error_code() == grpc::StatusCode::UNAVAILABLE) return true;
  return question.take(failed(peer.name, status));
}

}  // namespace quartet::control
