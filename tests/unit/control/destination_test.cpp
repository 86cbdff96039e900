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

/// The code of a call with a deadline.
template <typename Request, typename Response>
grpc::StatusCode code_of(TwoSites& two,
                         grpc::Status (v1::DestinationService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                              Response*),
                         const Request& request, Response& response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  return (two.stub.get()->*method)(&context, request, &response).error_code();
}

grpc::StatusCode suspend(TwoSites& two, const std::string& destination, std::int64_t seconds = 3600) {
  v1::SuspendRequest request;
  request.set_destination(destination);
  request.set_reason("a test");
  request.mutable_ttl()->set_seconds(seconds);
  v1::SuspendResponse response;
  return code_of(two, &v1::DestinationService::Stub::Suspend, request, response);
}

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

TEST_CASE("a suspended site is listed, known to the relay or not, until it is resumed", "[control]") {
  LogCapture log;
  TwoSites two;
  two.run();
  REQUIRE(two.sink.wait_for(1));
  const auto known = "smtp:127.0.0.1/" + std::to_string(two.sink.port());
  REQUIRE(suspend(two, known) == grpc::StatusCode::OK);
  REQUIRE(suspend(two, "smtp:mx:25:elsewhere.test") == grpc::StatusCode::OK);
  REQUIRE(suspend(two, "X.org") == grpc::StatusCode::OK);
  v1::ListDestinationsRequest suspended;
  suspended.set_state(v1::Destination::STATE_SUSPENDED);
  const auto listed = two.list(suspended);
  REQUIRE(listed.destination_size() == 2);
  CHECK(listed.destination(0).site() == known);
  CHECK(listed.destination(0).suspension().reason() == "a test");
  CHECK(listed.destination(0).suspension().who().starts_with("unix:uid="));
  CHECK(listed.destination(0).allowed() == 0);
  CHECK(listed.destination(1).site() == "smtp:mx:25:elsewhere.test");
  v1::ListSuspensionsResponse all;
  REQUIRE(code_of(two, &v1::DestinationService::Stub::ListSuspensions, v1::ListSuspensionsRequest(), all) ==
          grpc::StatusCode::OK);
  REQUIRE(all.suspension_size() == 3);
  CHECK(all.suspension(2).destination() == "x.org");

  enqueue(*two.spool, message_to({"b@good.test"}));
  REQUIRE(before_long([&] {
    spool::Filter filter;
    filter.next_attempt_from = wall_now() + std::chrono::minutes(50);
    filter.recipient = "b@good.test";
    return two.spool->count(filter) == 1;
  }));
  v1::ResumeRequest request;
  request.set_destination(known);
  v1::ResumeResponse resumed;
  CHECK(code_of(two, &v1::DestinationService::Stub::Resume, request, resumed) == grpc::StatusCode::OK);
  CHECK(resumed.due() == 1);
  CHECK(two.sink.wait_for(2));
  CHECK(code_of(two, &v1::DestinationService::Stub::Resume, request, resumed) == grpc::StatusCode::NOT_FOUND);
  CHECK(log.text().find("\"verb\":\"suspend\"") != std::string::npos);
  CHECK(log.text().find("\"verb\":\"resume\"") != std::string::npos);
}

TEST_CASE("a suspension that makes no sense is refused", "[control]") {
  TwoSites two;
  for (const char* odd : {"", "a@b.test", "b..test", ".", "b.test.", "b test", "..b"})
    CHECK(suspend(two, odd) == grpc::StatusCode::INVALID_ARGUMENT);
  for (const std::int64_t seconds : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{31} * 24 * 3600, INT64_MAX})
    CHECK(suspend(two, "b.test", seconds) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(suspend(two, ".b.test") == grpc::StatusCode::OK);  // also while the relay does not run
}

TEST_CASE("the back-off of a dead site is cleared", "[control]") {
  TwoSites two;
  two.run();
  v1::ListDestinationsRequest dead;
  dead.set_state(v1::Destination::STATE_BACKOFF);
  REQUIRE(before_long([&] { return two.list(dead).destination_size() == 1; }));
  v1::ClearBackoffRequest request;
  request.set_site(two.list(dead).destination(0).site());
  request.set_keep_due_times(true);
  v1::ClearBackoffResponse response;
  REQUIRE(code_of(two, &v1::DestinationService::Stub::ClearBackoff, request, response) == grpc::StatusCode::OK);
  CHECK(response.due() == 0);
  CHECK(two.list(dead).destination_size() == 0);
  relay::test::Sink late({}, two.bad);
  request.set_keep_due_times(false);
  REQUIRE(code_of(two, &v1::DestinationService::Stub::ClearBackoff, request, response) == grpc::StatusCode::OK);
  CHECK(response.due() == 1);
  CHECK(late.wait_for(1));
  request.set_site("smtp:nobody/25");
  CHECK(code_of(two, &v1::DestinationService::Stub::ClearBackoff, request, response) == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("an address is explained over the control plane", "[control]") {
  TwoSites two;
  v1::ExplainRequest request;
  v1::ExplainResponse response;
  for (const char* odd : {"", "nobody", "@good.test", "a@"}) {
    request.set_address(odd);
    CHECK(code_of(two, &v1::DestinationService::Stub::Explain, request, response) ==
          grpc::StatusCode::INVALID_ARGUMENT);
  }
  request.set_address("a@good.test");
  CHECK(code_of(two, &v1::DestinationService::Stub::Explain, request, response) == grpc::StatusCode::UNAVAILABLE);
  two.run();
  REQUIRE(two.sink.wait_for(1));
  REQUIRE(suspend(two, "good.test") == grpc::StatusCode::OK);
  REQUIRE(code_of(two, &v1::DestinationService::Stub::Explain, request, response) == grpc::StatusCode::OK);
  CHECK(response.table() == v1::ExplainResponse::TABLE_LOCAL_DOMAIN);
  CHECK(response.entry() == "good.test");
  CHECK(response.action() == v1::ExplainResponse::ACTION_HOSTS);
  REQUIRE(response.host_size() == 1);
  CHECK(response.host(0).address() == "127.0.0.1:" + std::to_string(two.sink.port()));
  CHECK(response.host(0).start_tls() == v1::ExplainResponse::Host::START_TLS_NEVER);
  CHECK(response.destination().site() == response.site());
  CHECK(response.suspension_size() == 1);
}

TEST_CASE("a destination is probed over the control plane", "[control]") {
  TwoSites two;
  const auto probe = [&two](const std::string& destination, std::vector<v1::ProbeResponse>& seen) {
    v1::ProbeRequest request;
    request.set_destination(destination);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const auto stream = two.stub->Probe(&context, request);
    v1::ProbeResponse response;
    while (stream->Read(&response)) seen.push_back(response);
    return stream->Finish().error_code();
  };
  std::vector<v1::ProbeResponse> seen;
  CHECK(probe("", seen) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(probe("good.test>", seen) == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(probe("good.test", seen) == grpc::StatusCode::UNAVAILABLE);  // the relay does not run
  REQUIRE(seen.empty());
  two.run();
  REQUIRE(two.sink.wait_for(1));
  REQUIRE(probe("good.test", seen) == grpc::StatusCode::OK);
  REQUIRE(seen.size() == 5);  // route, connect, greeting, EHLO, end
  CHECK(seen[2].code() == 220);
  CHECK(seen[3].command() == "EHLO");
  CHECK(seen[3].line_size() > 1);
  CHECK(seen.back().failure().empty());
  seen.clear();
  REQUIRE(probe("bad.test", seen) == grpc::StatusCode::OK);
  CHECK_FALSE(seen.back().failure().empty());
}
