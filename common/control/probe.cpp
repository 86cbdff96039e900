#include "common/control/probe.h"

#include <algorithm>
#include <deque>

#include "common/control/audit.h"
#include "common/control/convert.h"
#include "common/control/response_stream.h"

namespace quartet::control {
namespace {

using Request = v1::ProbeRequest;
using Response = v1::ProbeResponse;
using relay::ProbeStep;

constexpr std::size_t kLongestText = 1000;
constexpr std::size_t kMostLines = 200;

void fill(Response::Tls& to, const net::TlsInfo& tls) {
  static constexpr const char* kTrust[] = {"none", "authority", "dane-ta", "dane-ee"};
  to.set_version(tls.version);
  to.set_cipher(tls.cipher);
  to.set_trust(kTrust[static_cast<int>(tls.trust)]);
  to.set_subject(utf8(tls.peer_subject, kLongestText));
}

void fill(Response& to, const ProbeStep& step) {
  static constexpr Response::Phase kPhases[] = {Response::PHASE_ROUTE, Response::PHASE_CONNECT, Response::PHASE_REPLY,
                                                Response::PHASE_TLS, Response::PHASE_END};
  to.set_phase(kPhases[static_cast<int>(step.phase)]);
  to.set_host(utf8(step.host));
  to.set_command(step.command);
  if (step.reply) {
    to.set_code(static_cast<std::uint32_t>(step.reply->code));
    for (const auto& line : step.reply->lines) {
      if (static_cast<std::size_t>(to.line_size()) < kMostLines) to.add_line(utf8(line, kLongestText));
    }
  }
  if (step.tls) fill(*to.mutable_tls(), *step.tls);
  to.set_failure(utf8(step.failure, kLongestText));
  to.set_text(utf8(step.text, kLongestText));
  set(*to.mutable_took(), step.took);
}

/// What the relay saw and the caller has not got yet.
class Steps final : public ResponseStream<Response> {
 public:
  explicit Steps(Calls& calls) : ResponseStream(calls) {}

  /// From the relay's loop.
  void add(ProbeStep step) {
    {
      const std::lock_guard lock(mutex_);
      steps_.push_back(std::move(step));
    }
    wake();
  }
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    wake();
  }

 private:
  Step produce(Response& response) override {
    const std::lock_guard lock(mutex_);
    if (!steps_.empty()) {
      fill(response, steps_.front());
      steps_.pop_front();
      told_ = true;
      return Step::kWrite;
    }
    if (closed_) end(told_ ? grpc::Status::OK : stopping());
    return Step::kNothing;
  }

  std::mutex mutex_;
  std::deque<ProbeStep> steps_;
  bool closed_ = false;
  bool told_ = false;  // the relay runs
};

/// Ends the stream when the relay lets go of it.
struct Feed {
  explicit Feed(std::shared_ptr<Steps> to) : steps(std::move(to)) {}
  Feed(Feed&&) = default;
  Feed& operator=(Feed&&) = delete;
  ~Feed() {
    if (steps) steps->close();
  }
  std::shared_ptr<Steps> steps;
};

std::string why_not(const Request& request) {
  if (request.destination().empty()) return "destination: the key of a site, a domain, or a mailbox is required";
  if (request.destination().size() > 2 * kLongestText) return "destination: longer than 2000 octets";
  if (!Request::Depth_IsValid(request.depth())) return "depth: " + std::to_string(request.depth()) + " is none";
  const auto& recipient = request.recipient();
  const auto odd = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '<' || c == '>' || c == 0x7F; };
  if (std::ranges::any_of(recipient, odd) || std::ranges::any_of(request.destination(), odd))
    return "a mailbox, a domain or a key has no blanks, control characters or angle brackets";
  if (!recipient.empty() && !recipient.contains('@')) return "recipient: expected local@domain";
  if (recipient.empty() && relay::names_site(request.destination()) && request.depth() == Request::DEPTH_RCPT)
    return "recipient: is required with a site's key";
  if (request.reason().size() > kLongestText) return "reason: longer than 1000 octets";
  return "";
}

relay::Probe::Depth depth_of(Request::Depth depth) {
  using Depth = relay::Probe::Depth;
  switch (depth) {
    case Request::DEPTH_CONNECT:
      return Depth::kConnect;
    case Request::DEPTH_EHLO:
      return Depth::kEhlo;
    case Request::DEPTH_RCPT:
      return Depth::kRcpt;
    default:
      return Depth::kTls;
  }
}

}  // namespace

grpc::ServerWriteReactor<Response>* probe(Calls& calls, relay::Relay& relay, const Request& request,
                                          const std::string& peer) {
  auto why = why_not(request);
  audit({.verb = "probe", .peer = peer, .selector = request.destination(), .reason = request.reason(), .refused = why});
  if (!why.empty()) return refuse_stream<Response>({grpc::StatusCode::INVALID_ARGUMENT, std::move(why)});
  auto steps = std::make_shared<Steps>(calls);
  auto* const reactor = Steps::start(steps);
  relay.probe(
      {.destination = request.destination(), .depth = depth_of(request.depth()), .recipient = request.recipient()},
      [feed = Feed(std::move(steps))](ProbeStep step) { feed.steps->add(std::move(step)); });
  return reactor;
}

}  // namespace quartet::control
