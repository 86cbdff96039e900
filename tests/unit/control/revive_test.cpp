// An operator's retry and release reach mail whose site the relay took for dead.
#include <grpcpp/create_channel.h>

#include <thread>

#include "common/relay/relay.h"
#include "helpers.h"
#include "quartet/control/v1/queue.grpc.pb.h"
#include "tests/unit/relay/sink.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;

namespace {

std::shared_ptr<const relay::Router> to_port(std::uint16_t port) {
  relay::NextHop next_hop;
  next_hop.kind = relay::NextHop::Kind::kHosts;
  next_hop.tls = relay::TlsPolicy::kNone;
  next_hop.hosts = {{"127.0.0.1", port}};
  relay::RoutingTable table;
  table.smart_host = std::move(next_hop);
  return std::make_shared<relay::Router>(std::move(table));
}

/// A site that is dead at its first failure, and for an hour.
relay::Options dead_for_long() {
  relay::Options options;
  options.hostname = "relay.test";
  options.notices.hostname = "relay.test";
  options.site.concurrency.initial = 1;
  options.site.concurrency.first_pause = std::chrono::hours(1);
  options.site.concurrency.longest_pause = std::chrono::hours(1);
  options.resolver.servers = {*net::Address::parse("127.0.0.1:9")};
  return options;
}

/// The port of a server that has gone.
std::uint16_t free_port() { return relay::test::Sink({}).port(); }

struct DeadSite : Running {
  std::uint16_t port = free_port();
  relay::Relay relay{dead_for_long(), to_port(port), *spool};
  std::thread thread;
  std::unique_ptr<v1::QueueService::Stub> stub;

  DeadSite() {
    enqueue(*spool, message_to({"a@b.test"}));
    thread = std::thread([this] {
      async::Loop loop;
      loop.block_on(relay.run());
    });
    start(&relay);
    stub = v1::QueueService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~DeadSite() {
    server.reset();
    relay.stop();
    thread.join();
  }

  bool deferred() const {
    spool::Filter filter;
    filter.states = {spool::State::kDeferred};
    return before_long([&] { return spool->count(filter) == 1; });
  }

  template <typename Method>
  void call(Method method) {
    v1::ChangeRequest request;
    v1::ChangeResponse response;
    request.mutable_selector()->set_all(true);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    REQUIRE((stub.get()->*method)(&context, request, &response).ok());
    CHECK(response.changed() == 1);
  }
};

}  // namespace

TEST_CASE("RetryNow and Release wake dead sites", "[control]") {
  DeadSite dead;
  REQUIRE(dead.deferred());
  const bool release = GENERATE(false, true);
  if (release) dead.call(&v1::QueueService::Stub::Hold);
  relay::test::Sink sink({}, dead.port);
  if (release) {
    dead.call(&v1::QueueService::Stub::Release);
  } else {
    dead.call(&v1::QueueService::Stub::RetryNow);
  }
  CHECK(sink.wait_for(1));
  CHECK(before_long([&] { return dead.spool->counts().messages == 0; }));
}
