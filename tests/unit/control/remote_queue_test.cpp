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

TEST_CASE("a link is paused and resumed", "[control]") {
  WithRelay with;
  enqueue(*with.spool, message_to({"a@branch.test"}));
  v1::PauseLinkRequest request;
  request.set_link("branch");
  request.set_reason("the line is repaired");
  v1::PauseLinkResponse paused;
  const auto pause = [&] {
    grpc::ClientContext context;
    return with.stub->PauseLink(&context, request, &paused).error_code();
  };
  const auto listed = [&] {
    grpc::ClientContext context;
    v1::ListLinksResponse links;
    REQUIRE(with.stub->ListLinks(&context, {}, &links).ok());
    return links.link(0);
  };
  CHECK_FALSE(listed().has_pause());
  REQUIRE(pause() == grpc::StatusCode::OK);
  CHECK(paused.pause().destination() == "branch");
  CHECK_FALSE(paused.pause().has_until());
  CHECK(paused.pause().who().starts_with("unix:uid="));
  CHECK(listed().pause().reason() == "the line is repaired");
  Start start(with, by_link("branch"));
  const auto response = start.next();
  CHECK(response.answer() == Response::ANSWER_PAUSED);
  CHECK(response.etrn_code() == 458);
  CHECK(start.finish() == grpc::StatusCode::OK);
  request.mutable_ttl()->set_seconds(60);
  REQUIRE(pause() == grpc::StatusCode::OK);
  CHECK(listed().pause().until().seconds() - listed().pause().since().seconds() == 60);

  request.mutable_ttl()->set_seconds(0);
  CHECK(pause() == grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_ttl()->set_seconds(367 * 24 * 3600);
  CHECK(pause() == grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_ttl();
  request.set_reason(std::string(1001, 'x'));
  CHECK(pause() == grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_reason();
  request.set_link("nobody");
  CHECK(pause() == grpc::StatusCode::NOT_FOUND);

  v1::ResumeLinkRequest back;
  back.set_link("branch");
  v1::ResumeLinkResponse resumed;
  const auto resume = [&] {
    grpc::ClientContext context;
    return with.stub->ResumeLink(&context, back, &resumed).error_code();
  };
  REQUIRE(resume() == grpc::StatusCode::OK);
  CHECK(resumed.due() == 0);  // it waits for a request
  CHECK(resume() == grpc::StatusCode::NOT_FOUND);
  CHECK_FALSE(listed().has_pause());
}

TEST_CASE("a start comes too soon", "[control]") {
  WithRelay with;
  auto table = with.relay.router()->table();
  table.links[0].min_interval = std::chrono::hours(1);
  with.relay.set_router(std::make_shared<relay::Router>(std::move(table)));
  const auto start = [&](bool at_once) {
    auto request = by_link("branch");
    request.mutable_follow();
    request.set_at_once(at_once);
    Start started(with, request);
    return started.next();
  };
  enqueue(*with.spool, message_to({"a@branch.test"}));
  REQUIRE(start(false).answer() == Response::ANSWER_STARTED);
  spool::Filter all;
  REQUIRE(with.spool->drop(all).changed == 1);
  REQUIRE(start(false).answer() == Response::ANSWER_NOTHING);
  enqueue(*with.spool, message_to({"b@branch.test"}));
  const auto response = start(false);
  CHECK(response.answer() == Response::ANSWER_TOO_SOON);
  CHECK(response.etrn_code() == 458);
  CHECK(response.wait().seconds() > 3500);
  CHECK(start(true).answer() == Response::ANSWER_STARTED);
}
