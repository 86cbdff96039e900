// Starting the queue of a link and following it.
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>

#include "common/relay/relay.h"
#include "helpers.h"
#include "quartet/control/v1/remote_queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using Response = v1::StartQueueResponse;

namespace {

std::shared_ptr<const relay::Router> router() {
  relay::RoutingTable table;
  relay::RoutingTable::Link link;
  link.name = "branch";
  link.domains = {"branch.test", ".branch.test"};
  link.on_request = true;
  table.links.push_back(link);
  return std::make_shared<relay::Router>(std::move(table));
}

/// A relay that does not run: what it started stays in the queue until the test takes it out.
struct WithRelay : Running {
  relay::Relay relay{{}, router(), *spool};
  std::unique_ptr<v1::RemoteQueueService::Stub> stub;

  WithRelay() {
    start(&relay);
    stub = v1::RemoteQueueService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
};

struct Start {
  Start(WithRelay& with, const v1::StartQueueRequest& request) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    stream = with.stub->StartQueue(&context, request);
  }
  Response next() {
    Response response;
    if (!stream->Read(&response)) response.set_etrn_code(999);
    return response;
  }
  grpc::StatusCode finish() { return stream->Finish().error_code(); }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<Response>> stream;
};

v1::StartQueueRequest by_link(const std::string& name) {
  v1::StartQueueRequest request;
  request.set_link(name);
  return request;
}

}  // namespace

TEST_CASE("a start is followed until the queue is empty", "[control]") {
  WithRelay with;
  auto message = message_to({"a@branch.test", "b@sub.branch.test", "c@else.test"});
  message.due = wall_now() + std::chrono::hours(1);
  enqueue(*with.spool, std::move(message));
  Start start(with, by_link("branch"));
  auto response = start.next();
  CHECK(response.phase() == Response::PHASE_ANSWER);
  CHECK(response.answer() == Response::ANSWER_STARTED);
  CHECK(response.etrn_code() == 253);
  CHECK(response.link() == "branch");
  CHECK(response.pending() == 2);
  CHECK(*with.spool->next_due() <= wall_now());

  auto again = by_link("branch");
  again.mutable_follow();  // 0: the answer only
  Start second(with, again);
  response = second.next();
  CHECK(response.answer() == Response::ANSWER_ALREADY_RUNNING);
  CHECK(response.etrn_code() == 250);
  CHECK(second.next().etrn_code() == 999);
  CHECK(second.finish() == grpc::StatusCode::OK);

  spool::Filter filter;
  filter.recipient = "a@branch.test";
  REQUIRE(with.spool->drop(filter).changed == 1);
  response = start.next();
  CHECK(response.phase() == Response::PHASE_PROGRESS);
  CHECK(response.pending() == 1);
  filter.recipient = "b@sub.branch.test";
  REQUIRE(with.spool->drop(filter).changed == 1);
  response = start.next();
  CHECK(response.phase() == Response::PHASE_EMPTY);
  CHECK(response.pending() == 0);
  CHECK(start.finish() == grpc::StatusCode::OK);
}

TEST_CASE("answers without a start", "[control]") {
  WithRelay with;
  Start nothing(with, by_link("branch"));
  auto response = nothing.next();
  CHECK(response.answer() == Response::ANSWER_NOTHING);
  CHECK(response.etrn_code() == 251);
  CHECK(nothing.finish() == grpc::StatusCode::OK);
  Start unknown(with, by_link("nobody"));
  response = unknown.next();
  CHECK(response.answer() == Response::ANSWER_UNKNOWN);
  CHECK(response.etrn_code() == 459);
  CHECK(unknown.finish() == grpc::StatusCode::OK);
  Start neither(with, {});
  CHECK(neither.next().etrn_code() == 999);
  CHECK(neither.finish() == grpc::StatusCode::INVALID_ARGUMENT);
  auto negative = by_link("branch");
  negative.mutable_follow()->set_seconds(-1);
  CHECK(Start(with, negative).finish() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("by domain, until the time is over, and when the server stops", "[control]") {
  WithRelay with;
  enqueue(*with.spool, message_to({"a@branch.test"}));
  v1::StartQueueRequest request;
  request.set_domain("Branch.TEST");
  request.mutable_follow()->set_nanos(300'000'000);
  Start start(with, request);
  CHECK(start.next().answer() == Response::ANSWER_STARTED);
  const auto response = start.next();
  CHECK(response.phase() == Response::PHASE_TIME_OVER);
  CHECK(response.pending() == 1);
  CHECK(start.finish() == grpc::StatusCode::OK);

  v1::ListLinksResponse links;
  grpc::ClientContext context;
  REQUIRE(with.stub->ListLinks(&context, {}, &links).ok());
  REQUIRE(links.link_size() == 1);
  CHECK(links.link(0).name() == "branch");
  CHECK(links.link(0).pending() == 1);
  CHECK(links.link(0).running());
  CHECK(links.link(0).domain_size() == 2);

  Start stopped(with, by_link("branch"));
  CHECK(stopped.next().phase() == Response::PHASE_ANSWER);
  with.server->stop(std::chrono::seconds(20));
  Response last;
  CHECK_FALSE(stopped.stream->Read(&last));
  CHECK(stopped.finish() == grpc::StatusCode::UNAVAILABLE);
}
