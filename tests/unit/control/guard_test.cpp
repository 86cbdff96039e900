// What keeps operators from changing more than they mean to: counts, tokens, and a word about what is under delivery.
#include <grpcpp/create_channel.h>

#include <future>
#include <thread>

#include "helpers.h"
#include "quartet/control/v1/queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;
using Stub = v1::QueueService::Stub;
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const v1::ChangeRequest&, v1::ChangeResponse*);

namespace {

struct Queue : Running {
  std::unique_ptr<Stub> stub;
  v1::ChangeResponse response;

  Queue() {
    start();
    stub = v1::QueueService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~Queue() { server.reset(); }

  StatusCode call(Method method, const v1::ChangeRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    return (stub.get()->*method)(&context, request, &response).error_code();
  }
  std::uint64_t count(spool::State state) const {
    spool::Filter filter;
    filter.states = {state};
    return spool->count(filter);
  }
};

v1::ChangeRequest everything() {
  v1::ChangeRequest request;
  request.mutable_selector()->set_all(true);
  return request;
}

v1::ChangeRequest those_of(const std::string& domain) {
  v1::ChangeRequest request;
  request.mutable_selector()->add_recipient_domain(domain);
  return request;
}

}  // namespace

TEST_CASE("nothing is changed unless as many as expected would be", "[control]") {
  Queue queue;
  enqueue(*queue.spool, message_to({"a@b.test", "c@b.test", "e@f.test"}));
  auto request = those_of("b.test");
  request.set_expect_count(3);
  CHECK(queue.call(&Stub::Hold, request) == StatusCode::FAILED_PRECONDITION);
  request.set_expect_count(0);
  CHECK(queue.call(&Stub::Hold, request) == StatusCode::FAILED_PRECONDITION);
  CHECK(queue.count(spool::State::kHeld) == 0);
  request.set_expect_count(2);
  CHECK(queue.call(&Stub::Hold, request) == StatusCode::OK);
  CHECK(queue.count(spool::State::kHeld) == 2);
  request.set_expect_count(0);
  CHECK(queue.call(&Stub::Hold, those_of("nowhere.test")) == StatusCode::OK);
}

TEST_CASE("what takes all mail away wants the token of a dry run of the same", "[control]") {
  Queue queue;
  enqueue(*queue.spool, message_to({"a@b.test", "c@b.test"}));
  auto request = everything();
  request.set_reason("the end");
  CHECK(queue.call(&Stub::Drop, request) == StatusCode::FAILED_PRECONDITION);
  request.set_confirm_token("nonsense");
  CHECK(queue.call(&Stub::Drop, request) == StatusCode::FAILED_PRECONDITION);
  request.clear_confirm_token();
  request.set_dry_run(true);
  REQUIRE(queue.call(&Stub::Drop, request) == StatusCode::OK);
  CHECK(queue.response.changed() == 2);
  const auto token = queue.response.confirm_token();
  request.set_dry_run(false);
  request.set_confirm_token(token);
  // Another reason, or another verb, is another change; so is one of another time.
  request.set_reason("not the end");
  CHECK(queue.call(&Stub::Drop, request) == StatusCode::FAILED_PRECONDITION);
  request.set_reason("the end");
  CHECK(queue.call(&Stub::Expire, request) == StatusCode::FAILED_PRECONDITION);
  const auto dash = token.find('-');
  request.set_confirm_token(std::to_string(std::stoll(token.substr(0, dash)) + 1) + token.substr(dash));
  CHECK(queue.call(&Stub::Drop, request) == StatusCode::FAILED_PRECONDITION);
  CHECK(queue.spool->counts().messages == 1);
  // A guard more does not make it another change.
  request.set_confirm_token(token);
  request.set_max_affected(2);
  CHECK(queue.call(&Stub::Drop, request) == StatusCode::OK);
  CHECK(queue.spool->counts().messages == 0);
}

TEST_CASE("what keeps mail, or does not mean all of it, wants no token", "[control]") {
  Queue queue;
  enqueue(*queue.spool, message_to({"a@b.test"}));
  auto dry = everything();
  dry.set_dry_run(true);
  REQUIRE(queue.call(&Stub::Hold, dry) == StatusCode::OK);
  CHECK(queue.response.confirm_token().empty());
  CHECK(queue.call(&Stub::Hold, everything()) == StatusCode::OK);
  CHECK(queue.call(&Stub::Drop, those_of("b.test")) == StatusCode::OK);
}

TEST_CASE("those under delivery are skipped, or stop the change, as the caller says", "[control]") {
  Queue queue;
  enqueue(*queue.spool, message_to({"a@b.test", "c@b.test", "d@b.test"}));
  REQUIRE(queue.spool->claim_due(wall_now(), 1).size() == 1);
  auto request = those_of("b.test");
  request.set_on_active(v1::ChangeRequest::ON_ACTIVE_ABORT);
  CHECK(queue.call(&Stub::Hold, request) == StatusCode::FAILED_PRECONDITION);
  CHECK(queue.count(spool::State::kHeld) == 0);
  request.set_on_active(v1::ChangeRequest::ON_ACTIVE_SKIP);
  request.set_dry_run(true);
  REQUIRE(queue.call(&Stub::Hold, request) == StatusCode::OK);
  CHECK(queue.response.changed() == 2);
  CHECK(queue.response.skipped() == 1);
  request.set_dry_run(false);
  request.set_expect_count(2);
  REQUIRE(queue.call(&Stub::Hold, request) == StatusCode::OK);
  CHECK(queue.response.changed() == 2);
  CHECK(queue.response.pending() == 0);
  CHECK(queue.response.skipped() == 1);
  CHECK(queue.count(spool::State::kActive) == 1);
  request.clear_expect_count();
  request.set_on_active(static_cast<v1::ChangeRequest::OnActive>(9));
  CHECK(queue.call(&Stub::Hold, request) == StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a change waits for those under delivery: who is back is changed, who has left is not", "[control]") {
  Queue queue;
  enqueue(*queue.spool, message_to({"a@b.test", "c@b.test", "d@b.test"}));
  const auto claims = queue.spool->claim_due(wall_now(), 2);
  REQUIRE(claims.size() == 2);
  auto request = those_of("b.test");
  request.set_on_active(v1::ChangeRequest::ON_ACTIVE_WAIT);
  auto held = std::async(std::launch::async, [&] { return queue.call(&Stub::Hold, request); });
  REQUIRE(before_long([&] { return queue.count(spool::State::kHeld) == 1; }));
  CHECK(held.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  REQUIRE(spool::test::record(*queue.spool, {spool::test::outcome_of(claims[0], spool::Result::kDelivered)}));
  REQUIRE(spool::test::record(*queue.spool, {spool::test::deferral_of(claims[1], wall_now() + std::chrono::hours(1))}));
  CHECK(held.get() == StatusCode::OK);
  CHECK(queue.response.changed() == 2);
  CHECK(queue.response.skipped() == 0);
  CHECK(queue.count(spool::State::kHeld) == 2);
}

TEST_CASE("a message that is changed as a whole waits for all of it", "[control]") {
  Queue queue;
  enqueue(*queue.spool, message_to({"a@b.test", "c@b.test"}));
  const auto claims = queue.spool->claim_due(wall_now(), 1);
  REQUIRE(claims.size() == 1);
  auto request = those_of("b.test");
  request.mutable_edit()->set_sender("new@a.test");
  request.set_on_active(v1::ChangeRequest::ON_ACTIVE_WAIT);
  v1::ChangeQueueRequest asked;
  asked.set_verb(v1::ChangeQueueRequest::VERB_EDIT_ENVELOPE);
  *asked.mutable_change() = request;
  grpc::ClientContext context;
  const auto stream = queue.stub->ChangeQueue(&context, asked);
  v1::ChangeQueueResponse response;
  REQUIRE(stream->Read(&response));
  CHECK(response.matched() == 2);
  CHECK(response.done() == 0);
  const auto id = claims[0].id();
  queue.spool->unclaim(std::span(&id, 1), wall_now() + std::chrono::hours(1));
  while (stream->Read(&response)) {
  }
  REQUIRE(stream->Finish().ok());
  CHECK(response.done() == 2);
  CHECK(response.counts().changed() == 2);
  CHECK(queue.spool->find(id.message)->envelope.reverse_path == "new@a.test");
}

TEST_CASE("a change that waits ends with its agent, and by an order to cancel it", "[control]") {
  Queue queue;
  enqueue(*queue.spool, message_to({"a@b.test"}));
  REQUIRE(queue.spool->claim_due(wall_now(), 1).size() == 1);
  auto request = those_of("b.test");
  request.set_on_active(v1::ChangeRequest::ON_ACTIVE_WAIT);
  auto held = std::async(std::launch::async, [&] { return queue.call(&Stub::Hold, request); });
  CHECK(held.wait_for(std::chrono::milliseconds(600)) != std::future_status::ready);
  queue.server->stop(std::chrono::milliseconds(2000));
  CHECK(held.get() == StatusCode::UNAVAILABLE);
}
