// Changes of the queue by gRPC that go beyond hold, release, retry and drop: bounce, reroute, and all of them in steps.
#include <grpcpp/create_channel.h>

#include <thread>

#include "common/relay/relay.h"
#include "helpers.h"
#include "quartet/control/v1/queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;
using Request = v1::ChangeQueueRequest;
using Stub = v1::QueueService::Stub;

namespace {

/// A queue whose relay does not run, so that it keeps still.
struct Queue : Running {
  relay::Relay relay{{}, std::make_shared<relay::Router>(relay::RoutingTable{}), *spool};
  std::unique_ptr<Stub> stub;

  explicit Queue(bool with_relay = true) {
    start(with_relay ? &relay : nullptr);
    stub = v1::QueueService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~Queue() { server.reset(); }

  void add(const std::string& address) {
    auto message = message_to({address});
    message.due = wall_now() + std::chrono::hours(1);
    enqueue(*spool, std::move(message));
  }
  grpc::Status call(grpc::Status (Stub::*method)(grpc::ClientContext*, const v1::ChangeRequest&, v1::ChangeResponse*),
                    const v1::ChangeRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return (stub.get()->*method)(&context, request, &response);
  }
  v1::QueueEntry entry() {
    grpc::ClientContext context;
    v1::ListMessagesResponse listed;
    REQUIRE(stub->ListMessages(&context, {}, &listed).ok());
    REQUIRE(listed.entry_size() == 1);
    return listed.entry(0);
  }
  v1::ChangeResponse response;
};

/// By a condition that all fulfil: `all` by itself would have to be confirmed.
v1::ChangeRequest everything() {
  v1::ChangeRequest request;
  request.mutable_selector()->mutable_older_than();
  return request;
}

}  // namespace

TEST_CASE("a bounce is marked with its status and reason", "[control]") {
  Queue queue;
  queue.add("a@b.test");
  auto request = everything();
  request.set_reason("no such project any more");
  request.set_status("5.1.6");
  request.set_dry_run(true);
  REQUIRE(queue.call(&Stub::Bounce, request).ok());
  CHECK(queue.response.changed() == 1);
  CHECK_FALSE(queue.entry().bounce());
  request.set_dry_run(false);
  REQUIRE(queue.call(&Stub::Bounce, request).ok());
  CHECK(queue.response.changed() == 1);
  const auto entry = queue.entry();
  CHECK(entry.bounce());
  CHECK(entry.last().code() == 550);
  CHECK(entry.last().enhanced() == "5.1.6");
  CHECK(entry.last().text() == "no such project any more");
}

TEST_CASE("a reroute is shown, and taken back", "[control]") {
  Queue queue;
  queue.add("a@b.test");
  auto request = everything();
  request.set_next_hop("mail.x.test:2525");
  REQUIRE(queue.call(&Stub::Reroute, request).ok());
  CHECK(queue.response.changed() == 1);
  CHECK(queue.entry().next_hop() == "mail.x.test:2525");
  request.set_next_hop("default");
  REQUIRE(queue.call(&Stub::Reroute, request).ok());
  CHECK(queue.entry().next_hop().empty());
}

TEST_CASE("priority, TLS and time of a message are set, and shown", "[control]") {
  const LogCapture log;
  Queue queue;
  queue.add("a@b.test");
  v1::GetMessageResponse message;
  const auto look = [&] {
    grpc::ClientContext context;
    v1::GetMessageRequest request;
    request.set_id(queue.entry().message_id());
    REQUIRE(queue.stub->GetMessage(&context, request, &message).ok());
  };
  auto request = everything();
  request.set_priority(-3);
  REQUIRE(queue.call(&Stub::SetPriority, request).ok());
  CHECK(queue.response.changed() == 1);
  look();
  CHECK(message.priority() == -3);
  CHECK(log.text().find("\"detail\":\"priority=-3\"") != std::string::npos);
  request = everything();
  request.set_tls(v1::ChangeRequest::TLS_RELAX);
  REQUIRE(queue.call(&Stub::SetTls, request).ok());
  look();
  CHECK(message.tls_optional());
  request.set_tls(v1::ChangeRequest::TLS_REQUIRE);
  REQUIRE(queue.call(&Stub::SetTls, request).ok());
  look();
  CHECK_FALSE(message.tls_optional());
  CHECK(message.require_tls());
  const auto before = queue.entry().next_attempt().seconds();
  request = everything();
  request.mutable_due_later()->set_seconds(-600);
  REQUIRE(queue.call(&Stub::Reschedule, request).ok());
  CHECK(queue.entry().next_attempt().seconds() == before - 600);
  request.mutable_due()->set_seconds(before + 5);
  REQUIRE(queue.call(&Stub::Reschedule, request).ok());
  CHECK(queue.entry().next_attempt().seconds() == before + 5);
}

TEST_CASE("to expire leaves out what is on hold unless it is asked for", "[control]") {
  Queue queue;
  queue.add("a@b.test");
  queue.spool->hold({});
  auto request = everything();
  REQUIRE(queue.call(&Stub::Expire, request).ok());
  CHECK(queue.response.skipped() == 1);
  CHECK_FALSE(queue.entry().bounce());
  request.set_held_too(true);
  REQUIRE(queue.call(&Stub::Expire, request).ok());
  CHECK(queue.response.changed() == 1);
  CHECK(queue.entry().bounce());
  CHECK(queue.entry().last().enhanced() == "4.4.7");
}

TEST_CASE("a verb is refused without what it needs, and with what is another's", "[control]") {
  Queue queue;
  queue.add("a@b.test");
  const auto code = [&](auto method, const v1::ChangeRequest& request) {
    return queue.call(method, request).error_code();
  };
  for (const auto method : {&Stub::SetPriority, &Stub::SetTls, &Stub::Reschedule})
    CHECK(code(method, everything()) == StatusCode::INVALID_ARGUMENT);
  auto request = everything();
  for (const int priority : {-10, 10}) {
    request.set_priority(priority);
    CHECK(code(&Stub::SetPriority, request) == StatusCode::INVALID_ARGUMENT);
  }
  request.set_priority(1);
  CHECK(code(&Stub::SetTls, request) == StatusCode::INVALID_ARGUMENT);
  CHECK(code(&Stub::Hold, request) == StatusCode::INVALID_ARGUMENT);
  request = everything();
  request.set_tls(static_cast<v1::ChangeRequest::Tls>(9));
  CHECK(code(&Stub::SetTls, request) == StatusCode::INVALID_ARGUMENT);
  request = everything();
  request.mutable_due_in()->set_seconds(-1);
  CHECK(code(&Stub::Reschedule, request) == StatusCode::INVALID_ARGUMENT);
  request.mutable_due_later()->set_seconds(0);
  CHECK(code(&Stub::Reschedule, request) == StatusCode::INVALID_ARGUMENT);
  request.mutable_due_later()->set_seconds(std::numeric_limits<std::int64_t>::max());
  CHECK(code(&Stub::Reschedule, request) == StatusCode::INVALID_ARGUMENT);
  request.mutable_due()->set_seconds(253'402'300'799);
  CHECK(code(&Stub::Reschedule, request) == StatusCode::INVALID_ARGUMENT);
  request.mutable_due()->set_seconds(std::numeric_limits<std::int64_t>::max());
  CHECK(code(&Stub::Reschedule, request) == StatusCode::INVALID_ARGUMENT);
  CHECK(code(&Stub::RetryNow, request) == StatusCode::INVALID_ARGUMENT);
  request = everything();
  request.set_held_too(true);
  request.set_reason("x");
  CHECK(code(&Stub::Bounce, request) == StatusCode::INVALID_ARGUMENT);
  CHECK(queue.spool->counts().messages == 1);
}

TEST_CASE("orders that make no sense are refused", "[control]") {
  Queue queue;
  queue.add("a@b.test");
  const auto refused = [&](auto method, const char* reason, const char* status, const char* next_hop) {
    auto request = everything();
    request.set_reason(reason);
    request.set_status(status);
    request.set_next_hop(next_hop);
    INFO(reason << "/" << status << "/" << next_hop);
    CHECK(queue.call(method, request).error_code() == StatusCode::INVALID_ARGUMENT);
  };
  refused(&Stub::Bounce, "", "", "");
  refused(&Stub::Bounce, "two\r\nlines", "", "");
  refused(&Stub::Bounce, "x", "", "mail.x.test");
  for (const auto* status : {"4.7.1", "5.7", "5.7.", "5.7.1.1", "5.1234.1", "5.a.1", "5"})
    refused(&Stub::Bounce, "x", status, "");
  refused(&Stub::Reroute, "", "", "");
  refused(&Stub::Reroute, "", "", "no host");
  refused(&Stub::Reroute, "", "5.7.1", "mx");
  refused(&Stub::Hold, "", "5.7.1", "");
  refused(&Stub::Hold, "", "", "mx");
  CHECK_FALSE(queue.entry().bounce());
  Queue idle(false);
  auto request = everything();
  request.set_reason("x");
  CHECK(idle.call(&Stub::Bounce, request).error_code() == StatusCode::FAILED_PRECONDITION);
}

TEST_CASE("a change of many says how far it is, and its last word is exact", "[control]") {
  const LogCapture log;
  Queue queue;
  std::vector<std::string> many;
  for (int i = 0; i < 400; ++i) many.push_back("r" + std::to_string(i) + "@b.test");
  for (int i = 0; i < 20; ++i) enqueue(*queue.spool, message_to(many));
  grpc::ClientContext context;
  Request request;
  request.set_verb(Request::VERB_HOLD);
  request.mutable_change()->mutable_selector()->add_recipient_domain("b.test");
  request.mutable_change()->set_reason("all of them");
  const auto stream = queue.stub->ChangeQueue(&context, request);
  v1::ChangeQueueResponse response;
  std::uint64_t done = 0;
  while (stream->Read(&response)) {
    CHECK(response.matched() == 8'000);
    CHECK(response.done() >= done);
    CHECK(response.counts().changed() == response.done());
    done = response.done();
  }
  REQUIRE(stream->Finish().ok());
  CHECK(done == 8'000);
  CHECK(log.text().find("\"changed\":8000") != std::string::npos);
  spool::Filter held;
  held.states = {spool::State::kHeld};
  CHECK(queue.spool->count(held) == 8'000);
}

TEST_CASE("a change in steps that is refused changes nothing", "[control]") {
  Queue queue;
  queue.add("a@b.test");
  Request request;
  *request.mutable_change() = everything();
  const auto code = [&] {
    grpc::ClientContext context;
    const auto stream = queue.stub->ChangeQueue(&context, request);
    v1::ChangeQueueResponse response;
    CHECK_FALSE(stream->Read(&response));
    return stream->Finish().error_code();
  };
  CHECK(code() == StatusCode::INVALID_ARGUMENT);  // no verb
  request.set_verb(Request::VERB_DROP);
  request.mutable_change()->clear_selector();
  CHECK(code() == StatusCode::INVALID_ARGUMENT);
  CHECK(queue.spool->counts().messages == 1);
}

TEST_CASE("the queue by groups and ages", "[control]") {
  Queue queue;
  queue.add("a@b.test");
  queue.add("b@b.test");
  queue.add("a@c.test");
  v1::ShapeQueueRequest request;
  v1::ShapeQueueResponse shape;
  const auto call = [&] {
    grpc::ClientContext context;
    return queue.stub->ShapeQueue(&context, request, &shape);
  };
  request.set_groups(1);
  REQUIRE(call().ok());
  CHECK(shape.younger_than_size() == 9);
  CHECK(shape.younger_than(8).seconds() == 1280 * 60);
  CHECK(shape.total().total() == 3);
  CHECK(shape.all_groups() == 2);
  REQUIRE(shape.group_size() == 1);
  CHECK(shape.group(0).name() == "b.test");
  CHECK(shape.group(0).total() == 2);
  REQUIRE(shape.group(0).recipients_size() == 10);
  CHECK(shape.group(0).recipients(0) == 2);
  request.set_by(v1::ShapeQueueRequest::BY_SENDER);
  request.mutable_selector()->add_recipient_domain("c.test");
  REQUIRE(call().ok());
  CHECK(shape.total().total() == 1);
  CHECK(shape.group(0).name() == "sender@a.test");
  request.set_by(static_cast<v1::ShapeQueueRequest::By>(77));
  CHECK(call().error_code() == StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("content comes whole in pieces", "[control]") {
  Queue queue;
  const auto body = "Subject: x\r\n\r\n" + std::string(5u << 20, 'z');
  const auto id = enqueue(*queue.spool, message_to({"a@b.test"}, body)).to_string();
  v1::GetContentRequest request;
  std::string content;
  const auto call = [&] {
    content.clear();
    grpc::ClientContext context;
    const auto stream = queue.stub->GetContent(&context, request);
    v1::GetContentResponse piece;
    while (stream->Read(&piece)) {
      CHECK(piece.content().size() <= 256u << 10);
      content += piece.content();
    }
    return stream->Finish().error_code();
  };
  request.set_id(id);
  REQUIRE(call() == StatusCode::OK);
  CHECK((content == body));
  request.set_id("nonsense");
  CHECK(call() == StatusCode::INVALID_ARGUMENT);
  request.set_id(Id::make().to_string());
  CHECK(call() == StatusCode::NOT_FOUND);
}

TEST_CASE("a change of a million shows its progress and holds nobody up", "[.scale]") {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point begun) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
  };
  Queue queue;
  std::vector<std::string> many;
  for (int i = 0; i < 1'000; ++i) many.push_back("r" + std::to_string(i) + "@d" + std::to_string(i % 100) + ".test");
  for (int i = 0; i < 1'000; ++i) {
    auto message = message_to(many);
    message.due = wall_now() + std::chrono::hours(1);
    enqueue(*queue.spool, std::move(message));
  }
  for (const auto verb : {Request::VERB_HOLD, Request::VERB_REROUTE, Request::VERB_RELEASE, Request::VERB_DROP}) {
    grpc::ClientContext context;
    Request request;
    request.set_verb(verb);
    *request.mutable_change() = everything();
    if (verb == Request::VERB_REROUTE) request.mutable_change()->set_next_hop("mx");
    std::atomic<bool> done = false;
    std::chrono::milliseconds longest{0}, first{0};
    std::jthread other([&] {  // an operator who looks on
      while (!done) {
        const auto begun = Clock::now();
        (void)queue.spool->list({}, 100);
        longest = std::max(longest, since(begun));
      }
    });
    const auto begun = Clock::now();
    const auto stream = queue.stub->ChangeQueue(&context, request);
    v1::ChangeQueueResponse response;
    int words = 0;
    while (stream->Read(&response))
      if (++words == 1) first = since(begun);
    REQUIRE(stream->Finish().ok());
    done = true;
    other.join();
    CHECK(response.counts().changed() == 1'000'000);
    WARN(v1::ChangeQueueRequest::Verb_Name(verb)
         << ": " << since(begun).count() << " ms, first word after " << first.count() << " ms, " << words
         << " words; longest listing meanwhile " << longest.count() << " ms");
    v1::ShapeQueueResponse shape;
    grpc::ClientContext asked;
    const auto looked = Clock::now();
    REQUIRE(queue.stub->ShapeQueue(&asked, {}, &shape).ok());
    WARN("shape: " << since(looked).count() << " ms");
  }
}
