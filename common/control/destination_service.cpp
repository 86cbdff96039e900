#include <algorithm>

#include "common/async/loop.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/services.h"
#include "common/relay/relay.h"
#include "quartet/control/v1/destination.grpc.pb.h"

namespace quartet::control {
namespace {

using Status = relay::Relay::SiteStatus;

constexpr std::size_t kUsualPage = 500;
constexpr std::size_t kLargestPage = 1000;
constexpr std::size_t kLongestFailure = 1000;

v1::Destination::State state_of(const Status& site) {
  return site.dead ? v1::Destination::STATE_BACKOFF : v1::Destination::STATE_OPEN;
}

v1::Destination::Wait wait_of(const Status& site) {
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

void fill(v1::Destination& to, const Status& site) {
  to.set_site(utf8(site.key));
  to.set_state(state_of(site));
  to.set_ready(site.ready);
  to.set_connections(site.connections);
  to.set_allowed(site.allowed);
  to.set_last_failure(utf8(site.last_failure, kLongestFailure));
  to.set_policy(utf8(site.policy));
  if (site.message_rate) to.set_message_rate(relay::to_string(*site.message_rate));
  if (site.connection_rate) to.set_connection_rate(relay::to_string(*site.connection_rate));
  to.set_waits_for(wait_of(site));
  to.set_wait_milliseconds(static_cast<std::uint64_t>(site.wait.count()));
}

class DestinationService final : public v1::DestinationService::CallbackService {
 public:
  DestinationService(const Subject& subject, Calls& calls) : relay_(*subject.relay), calls_(calls) {}

  grpc::ServerUnaryReactor* ListDestinations(grpc::CallbackServerContext* context,
                                             const v1::ListDestinationsRequest* request,
                                             v1::ListDestinationsResponse* response) override {
    return answer(context, calls_, [this, request, response] { return list(*request, *response); });
  }

 private:
  grpc::Status list(const v1::ListDestinationsRequest& request, v1::ListDestinationsResponse& response) {
    if (request.page_size() > kLargestPage)
      return {grpc::StatusCode::INVALID_ARGUMENT, "page_size: at most " + std::to_string(kLargestPage)};
    if (!v1::Destination::State_IsValid(request.state()))
      return {grpc::StatusCode::INVALID_ARGUMENT, "state: " + std::to_string(request.state()) + " is none"};
    const auto page = request.page_size() == 0 ? kUsualPage : std::size_t{request.page_size()};
    // The sites belong to the relay's loop; the answer comes back to one of our own.
    async::Loop loop;
    auto sites = loop.block_on(relay_.sites());
    std::ranges::sort(sites, {}, &Status::key);
    for (const auto& site : sites) {
      if (!request.page_token().empty() && site.key <= request.page_token()) continue;
      if (!request.site().empty() && site.key != request.site()) continue;
      if (request.state() != v1::Destination::STATE_UNSPECIFIED && state_of(site) != request.state()) continue;
      if (static_cast<std::size_t>(response.destination_size()) == page) {
        response.set_next_page_token(response.destination(response.destination_size() - 1).site());
        break;
      }
      fill(*response.add_destination(), site);
    }
    return grpc::Status::OK;
  }

  relay::Relay& relay_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_destination_service(const Subject& subject, Calls& calls) {
  return std::make_shared<DestinationService>(subject, calls);
}

}  // namespace quartet::control
