// The sites of a relay through the control plane.
#include <grpcpp/create_channel.h>

#include <thread>

#include "common/relay/relay.h"
#include "helpers.h"
#include "quartet/control/v1/destination.grpc.pb.h"
#include "tests/unit/relay/sink.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;

namespace {

/// Two next hops: one takes its mail, the other is not there.
std::shared_ptr<const relay::Router> router(std::uint16_t good, std::uint16_t bad) {
  const auto to_port = [](std::uint16_t port) {
    relay::NextHop next_hop;
    next_hop.kind = relay::NextHop::Kind::kHosts;
    next_hop.tls = relay::TlsPolicy::kNone;
    next_hop.hosts = {{"127.0.0.1", port}};
    return next_hop;
  };
  relay::RoutingTable table;
  table.local_domains["good.test"] = to_port(good);
  table.local_domains["bad.test"] = to_port(bad);
  return std::make_shared<relay::Router>(std::move(table));
}

relay::Options options() {
  relay::Options options;
  options.hostname = options.notices.hostname = "relay.test";
  options.site.concurrency.initial = 1;
  options.site.concurrency.first_pause = std::chrono::hours(1);
  options.site.concurrency.longest_pause = std::chrono::hours(1);
  options.resolver.servers = {*net::Address::parse("127.0.0.1:9")};
  return options;
}

struct TwoSites : Running {
  relay::test::Sink sink{{}};
  std::uint16_t bad = relay::test::Sink({}).port();
  relay::Relay relay{options(), router(sink.port(), bad), *spool};
  std::thread thread;
  std::unique_ptr<v1::DestinationService::Stub> stub;

  TwoSites() {
    start(&relay);
    stub = v1::DestinationService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~TwoSites() {
    server.reset();
    relay.stop();
    if (thread.joinable()) thread.join();
  }
  void run() {
    enqueue(*spool, message_to({"a@good.test"}));
    enqueue(*spool, message_to({"a@bad.test"}));
    thread = std::thread([this] {
      async::Loop loop;
      loop.block_on(relay.run());
    });
  }
  v1::ListDestinationsResponse list(const v1::ListDestinationsRequest& request,
                                    grpc::StatusCode code = grpc::StatusCode::OK) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::ListDestinationsResponse response;
    CHECK(stub->ListDestinations(&context, request, &response).error_code() == code);
    return response;
  }
};

}  // namespace

TEST_CASE("sites are listed with their state, page by page", "[control]") {
  TwoSites two;
  two.run();
  v1::ListDestinationsRequest dead;
  dead.set_state(v1::Destination::STATE_BACKOFF);
  REQUIRE(before_long([&] { return two.list(dead).destination_size() == 1; }));
  const auto failed = two.list(dead).destination(0);
  CHECK(failed.site().find("/" + std::to_string(two.bad)) != std::string::npos);
  CHECK(failed.allowed() == 0);
  CHECK(!failed.last_failure().empty());
  REQUIRE(two.sink.wait_for(1));
  v1::ListDestinationsRequest page;
  page.set_page_size(1);
  const auto first = two.list(page);
  REQUIRE(first.destination_size() == 1);
  REQUIRE(first.next_page_token() == first.destination(0).site());
  page.set_page_token(first.next_page_token());
  const auto second = two.list(page);
  REQUIRE(second.destination_size() == 1);
  CHECK(second.next_page_token().empty());
  CHECK(first.destination(0).site() < second.destination(0).site());
  v1::ListDestinationsRequest one;
  one.set_site(failed.site());
  CHECK(two.list(one).destination_size() == 1);
}

TEST_CASE("a relay that does not run has no sites, and odd requests are refused", "[control]") {
  TwoSites two;
  CHECK(two.list({}).destination_size() == 0);
  v1::ListDestinationsRequest request;
  request.set_page_size(1001);
  two.list(request, grpc::StatusCode::INVALID_ARGUMENT);
  request.set_page_size(0);
  request.set_state(static_cast<v1::Destination::State>(77));
  two.list(request, grpc::StatusCode::INVALID_ARGUMENT);
}
