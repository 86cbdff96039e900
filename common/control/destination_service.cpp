#include <algorithm>

#include "common/base/ascii.h"
#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/deferred.h"
#include "common/control/explain.h"
#include "common/control/probe.h"
#include "common/control/services.h"
#include "common/relay/explain.h"
#include "common/relay/relay.h"
#include "quartet/control/v1/destination.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;
using relay::Suspension;
using SiteStatus = relay::Relay::SiteStatus;

constexpr std::size_t kUsualPage = 500;
constexpr std::size_t kLargestPage = 1000;
constexpr std::size_t kLongestFailure = 1000;
constexpr std::size_t kLongestReason = 1000;
constexpr std::size_t kLongestDestination = 2000;
constexpr std::size_t kLongestAddress = 1000;
constexpr std::chrono::hours kUsualSuspension{1};
constexpr std::chrono::hours kLongestSuspension{30 * 24};

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }

v1::Destination::Wait wait_of(const SiteStatus& site) {
  using Wait = relay::Site::Wait;
  switch (site.waits_for) {
    case Wait::kNothing:
      break;
    case Wait::kProbe:
      return v1::Destination::WAIT_PROBE;
    case Wait::kMessageRate:
      return v1::Destination::WAIT_MESSAGE_RATE;
    case Wait::kConnectionRate:
      return v1::Destination::WAIT_CONNECTION_RATE;
    case Wait::kPlace:
      return v1::Destination::WAIT_PLACE;
  }
  return v1::Destination::WAIT_UNSPECIFIED;
}

/// A site with its suspension, if it has one.
struct Listed {
  SiteStatus site;
  const Suspension* suspension = nullptr;

  v1::Destination::State state() const {
    if (suspension != nullptr) return v1::Destination::STATE_SUSPENDED;
    return site.dead ? v1::Destination::STATE_BACKOFF : v1::Destination::STATE_OPEN;
  }
};

void fill(v1::Destination& to, const Listed& listed) {
  const auto& site = listed.site;
  to.set_site(utf8(site.key));
  to.set_state(listed.state());
  to.set_ready(site.ready);
  to.set_connections(site.connections);
  to.set_allowed(listed.suspension != nullptr ? 0 : site.allowed);
  to.set_last_failure(utf8(site.last_failure, kLongestFailure));
  to.set_policy(utf8(site.policy));
  if (site.message_rate) to.set_message_rate(relay::to_string(*site.message_rate));
  if (site.connection_rate) to.set_connection_rate(relay::to_string(*site.connection_rate));
  to.set_waits_for(wait_of(site));
  to.set_wait_milliseconds(static_cast<std::uint64_t>(site.wait.count()));
  if (listed.suspension != nullptr) control::fill(*to.mutable_suspension(), *listed.suspension);
}

SiteStatus idle_site(const std::string& key) {
  SiteStatus site;
  site.key = key;
  return site;
}

/// All sites in order, those included that are suspended and have nothing to do.
std::vector<Listed> merge(std::vector<SiteStatus> sites, const std::vector<Suspension>& suspensions) {
  std::vector<Listed> out;
  for (auto& site : sites) out.push_back({std::move(site)});
  for (const auto& suspension : suspensions) {
    if (!relay::names_site(suspension.destination)) continue;
    const auto known = std::ranges::find(out, suspension.destination, [](const Listed& one) { return one.site.key; });
    if (known != out.end())
      known->suspension = &suspension;
    else
      out.push_back({.site = idle_site(suspension.destination), .suspension = &suspension});
  }
  std::ranges::sort(out, {}, [](const Listed& one) -> const std::string& { return one.site.key; });
  return out;
}

std::string why_not(const v1::ListDestinationsRequest& request) {
  if (request.page_size() > kLargestPage) return "page_size: at most " + std::to_string(kLargestPage);
  if (!v1::Destination::State_IsValid(request.state())) return "state: " + std::to_string(request.state()) + " is none";
  return "";
}

void list(std::vector<SiteStatus> sites, const std::vector<Suspension>& suspensions,
          const v1::ListDestinationsRequest& request, v1::ListDestinationsResponse& response) {
  const auto page = request.page_size() == 0 ? kUsualPage : std::size_t{request.page_size()};
  for (const auto& listed : merge(std::move(sites), suspensions)) {
    const auto& key = listed.site.key;
    if (!request.page_token().empty() && key <= request.page_token()) continue;
    if (!request.site().empty() && key != request.site()) continue;
    if (request.state() != v1::Destination::STATE_UNSPECIFIED && listed.state() != request.state()) continue;
    if (static_cast<std::size_t>(response.destination_size()) == page) {
      response.set_next_page_token(response.destination(response.destination_size() - 1).site());
      break;
    }
    fill(*response.add_destination(), listed);
  }
}

/// A site's key, or domains in lower case; empty if it is neither.
std::string destination_of(std::string_view text) {
  if (text.size() > kLongestDestination) return "";
  if (relay::names_site(text)) return std::string(text);
  const bool plain = std::ranges::all_of(
      text, [](char c) { return ascii::is_alnum(c) || c == '.' || c == '-' || c == '_' || (c & 0x80) != 0; });
  const bool empty_label = text.ends_with('.') || text.contains("..");
  return plain && !empty_label ? ascii::lower(text) : "";
}

std::expected<Suspension, std::string> suspension_of(const v1::SuspendRequest& request, std::string who) {
  Suspension out{.destination = destination_of(request.destination()),
                 .since = wall_now(),
                 .until = {},
                 .reason = request.reason(),
                 .who = std::move(who)};
  if (out.destination.empty()) return std::unexpected("destination: expected the key of a site, x.org or .x.org");
  if (request.reason().size() > kLongestReason) return std::unexpected("reason: longer than 1000 octets");
  std::chrono::microseconds ttl = kUsualSuspension;
  if (request.has_ttl()) {
    const auto given = time_to_live(request.ttl(), kLongestSuspension);
    if (!given) return std::unexpected("ttl: above 0 and at most 30 days");
    ttl = *given;
  }
  out.until = out.since + ttl;
  return out;
}

class DestinationService final : public v1::DestinationService::CallbackService {
 public:
  DestinationService(const Subject& subject, Calls& calls) : relay_(*subject.relay), calls_(calls) {}

  grpc::ServerUnaryReactor* ListDestinations(grpc::CallbackServerContext* context,
                                             const v1::ListDestinationsRequest* request,
                                             v1::ListDestinationsResponse* response) override {
    auto call = Deferred<v1::ListDestinationsResponse>::begin(context, calls_, Role::kObserver, response);
    if (auto why = why_not(*request); !why.empty()) {
      call->end(invalid(std::move(why)));
      return call->reactor();
    }
    // The sites belong to the relay's loop; what is made of them is for the pool.
    relay_.sites([this, call, request = *request](std::vector<SiteStatus> sites) {
      call->submit([this, call, request, sites = std::move(sites)]() mutable {
        call->finish([&](auto& response) {
          list(std::move(sites), relay_.suspensions(), request, response);
          return Status::OK;
        });
      });
    });
    return call->reactor();
  }

  grpc::ServerUnaryReactor* ListSuspensions(grpc::CallbackServerContext* context, const v1::ListSuspensionsRequest*,
                                            v1::ListSuspensionsResponse* response) override {
    return answer(context, calls_, Role::kObserver, [this, response] {
      for (const auto& suspension : relay_.suspensions()) control::fill(*response->add_suspension(), suspension);
      return Status::OK;
    });
  }

  grpc::ServerUnaryReactor* Suspend(grpc::CallbackServerContext* context, const v1::SuspendRequest* request,
                                    v1::SuspendResponse* response) override {
    auto call = Deferred<v1::SuspendResponse>::begin(context, calls_, Role::kOperator, response);
    call->submit([this, call, request = *request, who = peer_of(*context)]() mutable { suspend(call, request, who); });
    return call->reactor();
  }

  grpc::ServerUnaryReactor* Resume(grpc::CallbackServerContext* context, const v1::ResumeRequest* request,
                                   v1::ResumeResponse* response) override {
    auto call = Deferred<v1::ResumeResponse>::begin(context, calls_, Role::kOperator, response);
    call->submit([this, call, request = *request, who = peer_of(*context)]() mutable { resume(call, request, who); });
    return call->reactor();
  }

  grpc::ServerUnaryReactor* ClearBackoff(grpc::CallbackServerContext* context, const v1::ClearBackoffRequest* request,
                                         v1::ClearBackoffResponse* response) override {
    auto call = Deferred<v1::ClearBackoffResponse>::begin(context, calls_, Role::kOperator, response);
    if (call->over()) return call->reactor();
    if (request->reason().size() > kLongestReason) {
      call->end(refuse("clear_backoff", peer_of(*context), request->site(), request->reason(),
                       invalid("reason: longer than 1000 octets")));
      return call->reactor();
    }
    relay_.clear_backoff(request->site(), [this, call, request = *request, who = peer_of(*context)](auto domains) {
      call->submit([this, call, request, who, domains = std::move(domains)]() mutable {
        call->finish([&](auto& response) { return cleared(request, who, std::move(domains), response); });
      });
    });
    return call->reactor();
  }

  grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext* context, const v1::ExplainRequest* request,
                                    v1::ExplainResponse* response) override {
    auto call = Deferred<v1::ExplainResponse>::begin(context, calls_, Role::kObserver, response);
    const auto& address = request->address();
    const auto at = address.rfind('@');
    if (at == 0 || at == std::string::npos || at + 1 == address.size() || address.size() > kLongestAddress) {
      call->end(invalid("address: expected local@domain"));
      return call->reactor();
    }
    relay_.explain(address, [this, call](relay::Explanation explanation) {
      call->submit([this, call, explanation = std::move(explanation)] {
        call->finish([&](auto& response) { return explained(explanation, response); });
      });
    });
    return call->reactor();
  }

  grpc::ServerWriteReactor<v1::ProbeResponse>* Probe(grpc::CallbackServerContext* context,
                                                     const v1::ProbeRequest* request) override {
    if (auto allowed = calls_.access().check(*context, Role::kOperator); !allowed.ok())
      return refuse_stream<v1::ProbeResponse>(std::move(allowed));
    return probe(calls_, relay_, *request, peer_of(*context));
  }

 private:
  Status explained(const relay::Explanation& explanation, v1::ExplainResponse& response) const {
    control::fill(response, explanation);
    if (!explanation.status) return Status::OK;
    Listed listed{*explanation.status};
    for (const auto& suspension : explanation.suspensions)
      if (suspension.destination == explanation.site) listed.suspension = &suspension;
    fill(*response.mutable_destination(), listed);
    return Status::OK;
  }

  static Status refuse(std::string_view verb, const std::string& who, const std::string& what,
                       const std::string& reason, Status status) {
    audit({.verb = verb, .peer = who, .selector = what, .reason = reason, .refused = status.error_message()});
    return status;
  }

  void suspend(const std::shared_ptr<Deferred<v1::SuspendResponse>>& call, const v1::SuspendRequest& request,
               const std::string& who) {
    const auto refused = [&](Status status) {
      call->end(refuse("suspend", who, request.destination(), request.reason(), std::move(status)));
    };
    const auto suspension = suspension_of(request, who);
    if (!suspension) return refused(invalid(suspension.error()));
    auto before = relay_.suspend(*suspension);
    if (!before)
      return refused(
          {StatusCode::RESOURCE_EXHAUSTED, "the disk does not take the suspension: " + utf8(before.error())});
    audit({.verb = "suspend",
           .peer = who,
           .selector = suspension->destination,
           .reason = request.reason(),
           .changed = 1});
    relay_.settle([this, call, suspension = *suspension, before = std::move(*before)]() mutable {
      call->submit([this, call, suspension, before = std::move(before)]() mutable {
        relay_.make_due(std::move(before));
        call->finish([&](auto& response) {
          control::fill(*response.mutable_suspension(), suspension);
          return Status::OK;
        });
      });
    });
  }

  void resume(const std::shared_ptr<Deferred<v1::ResumeResponse>>& call, const v1::ResumeRequest& request,
              const std::string& who) {
    const auto refused = [&](Status status) {
      call->end(refuse("resume", who, request.destination(), request.reason(), std::move(status)));
    };
    if (request.reason().size() > kLongestReason) return refused(invalid("reason: longer than 1000 octets"));
    auto ended = relay_.resume(destination_of(request.destination()));
    if (!ended)
      return refused({StatusCode::RESOURCE_EXHAUSTED, "the disk does not take the change: " + utf8(ended.error())});
    if (!*ended) return refused({StatusCode::NOT_FOUND, "no such suspension"});
    relay_.settle([this, call, request, who, domains = std::move(**ended)]() mutable {
      call->submit([this, call, request, who, domains = std::move(domains)]() mutable {
        const auto due = relay_.make_due(std::move(domains));
        audit({.verb = "resume",
               .peer = who,
               .selector = request.destination(),
               .reason = request.reason(),
               .changed = due});
        call->finish([due](auto& response) {
          response.set_due(due);
          return Status::OK;
        });
      });
    });
  }

  Status cleared(const v1::ClearBackoffRequest& request, const std::string& who,
                 std::optional<std::vector<std::string>> domains, v1::ClearBackoffResponse& response) {
    if (!domains)
      return refuse("clear_backoff", who, request.site(), request.reason(),
                    {StatusCode::NOT_FOUND, "the relay knows no such site at present"});
    if (!request.keep_due_times()) response.set_due(relay_.make_due(*std::move(domains)));
    audit({.verb = "clear_backoff",
           .peer = who,
           .selector = request.site(),
           .reason = request.reason(),
           .changed = response.due()});
    return Status::OK;
  }

  relay::Relay& relay_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_destination_service(const Subject& subject, Calls& calls) {
  return std::make_shared<DestinationService>(subject, calls);
}

}  // namespace quartet::control
