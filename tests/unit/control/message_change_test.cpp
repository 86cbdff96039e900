// EditEnvelope and Requeue.
#include "common/control/message_change.h"

#include <grpcpp/create_channel.h>

#include "helpers.h"
#include "quartet/control/v1/queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;
using Stub = v1::QueueService::Stub;

namespace {

/// "team@b.test" stands for two others by now, one of them under another sender.
spool::Replacement team(const spool::Message& message, const std::vector<spool::Claim>& claims) {
  spool::Replacement out;
  for (const auto& claim : claims) {
    if (claim.address != "team@b.test") continue;
    out.replaced.push_back(claim.ordinal);
    for (const auto* sender : {message.envelope.reverse_path.c_str(), "owner@b.test"}) {
      auto& made = out.messages.emplace_back();
      made.envelope = message.envelope;
      made.envelope.reverse_path = sender;
      const bool list = sender == std::string("owner@b.test");
      made.recipients.push_back({list ? "two@c.test" : "one@b.test", spool::kNotifyDefault, ""});
    }
  }
  return out;
}

struct Queue : Running {
  std::unique_ptr<Stub> stub;
  v1::ChangeResponse response;

  explicit Queue(Rewrite rewrite = {}) {
    Options options;
    options.socket = socket();
    auto what = subject();
    what.rewrite = std::move(rewrite);
    auto started = Server::start(options, std::move(what));
    REQUIRE(started.has_value());
    server = std::move(*started);
    stub = v1::QueueService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~Queue() { server.reset(); }

  spool::MessageId add(std::vector<std::string> addresses) {
    auto message = message_to(std::move(addresses), "Subject: kept\r\n\r\nthe body\r\n");
    message.due = wall_now() + std::chrono::hours(1);
    message.envelope.received = wall_now() - std::chrono::hours(3);
    message.envelope.trace_id = "trace-1";
    return enqueue(*spool, std::move(message));
  }
  grpc::Status call(grpc::Status (Stub::*method)(grpc::ClientContext*, const v1::ChangeRequest&, v1::ChangeResponse*),
                    const v1::ChangeRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return (stub.get()->*method)(&context, request, &response);
  }
  std::vector<spool::Entry> entries() const { return spool->list({}, 100)->entries; }
};

/// By a condition that all fulfil: `all` by itself would have to be confirmed.
v1::ChangeRequest everything() {
  v1::ChangeRequest request;
  request.mutable_selector()->mutable_older_than();
  return request;
}

}  // namespace

TEST_CASE("an edit changes each message whole, and counts the recipients that matched", "[control]") {
  Queue queue;
  queue.add({"a@b.test", "b@b.test"});
  queue.add({"b@b.test"});
  auto request = everything();
  auto& edit = *request.mutable_edit();
  edit.set_sender("new@a.test");
  edit.add_add_recipient("c@b.test");
  edit.add_remove_recipient("a@b.test");
  request.set_dry_run(true);
  REQUIRE(queue.call(&Stub::EditEnvelope, request).ok());
  CHECK(queue.response.changed() == 3);
  CHECK(queue.entries().size() == 3);
  CHECK(queue.entries()[0].reverse_path == "sender@a.test");
  request.set_dry_run(false);
  REQUIRE(queue.call(&Stub::EditEnvelope, request).ok());
  CHECK(queue.response.changed() == 3);
  std::vector<std::string> found;
  for (const auto& entry : queue.entries()) {
    CHECK(entry.reverse_path == "new@a.test");
    found.push_back(entry.address);
  }
  CHECK(found == std::vector<std::string>{"b@b.test", "c@b.test", "b@b.test", "c@b.test"});
  REQUIRE(queue.call(&Stub::EditEnvelope, request).ok());
  CHECK(queue.response.changed() == 0);
  CHECK(queue.response.skipped() == 4);
}

TEST_CASE("edits that make no sense are refused", "[control]") {
  Queue queue;
  queue.add({"a@b.test"});
  const auto refused = [&](auto fill) {
    auto request = everything();
    fill(*request.mutable_edit());
    CHECK(queue.call(&Stub::EditEnvelope, request).error_code() == StatusCode::INVALID_ARGUMENT);
  };
  refused([](auto&) {});
  refused([](auto& edit) { edit.set_sender("nobody"); });
  refused([](auto& edit) { edit.add_add_recipient("a b@c.test"); });
  refused([](auto& edit) { edit.add_add_recipient("a@b.test>\r\nDATA"); });
  refused([](auto& edit) { edit.add_remove_recipient(""); });
  refused([](auto& edit) {
    edit.add_remove_recipient("a@b.test");
    edit.add_mark_delivered("A@b.test");
  });
  refused([](auto& edit) {
    edit.add_remove_recipient("a@b.test");
    edit.add_add_recipient("a@b.test");
  });
  auto request = everything();
  request.mutable_edit()->set_sender("x@a.test");
  CHECK(queue.call(&Stub::Hold, request).error_code() == StatusCode::INVALID_ARGUMENT);
  CHECK(queue.call(&Stub::Requeue, request).error_code() == StatusCode::INVALID_ARGUMENT);
  CHECK(queue.entries()[0].reverse_path == "sender@a.test");
}

TEST_CASE("requeued mail is due, forgets its next hop, and goes to whom its addresses stand for now", "[control]") {
  Queue queue(team);
  const auto id = queue.add({"plain@b.test", "team@b.test", "held@b.test"});
  spool::Filter held;
  held.recipient = "held@b.test";
  queue.spool->hold(held);
  queue.spool->change({}, {.verb = spool::Verb::kReroute, .next_hop = "other.test"});
  const auto body = [&](spool::MessageId of) { return spool::test::body_of(*queue.spool, of); };
  const auto before = queue.spool->find(id)->envelope.received;
  auto request = everything();
  request.set_dry_run(true);
  REQUIRE(queue.call(&Stub::Requeue, request).ok());
  CHECK(queue.response.changed() == 2);
  CHECK(queue.response.skipped() == 1);
  request.set_dry_run(false);
  REQUIRE(queue.call(&Stub::Requeue, request).ok());
  CHECK(queue.response.changed() == 2);
  CHECK(queue.response.skipped() == 1);
  const auto entries = queue.entries();
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].address == "plain@b.test");
  CHECK(entries[0].next_hop.empty());
  CHECK(entries[0].next_attempt <= wall_now());
  CHECK(entries[1].address == "held@b.test");
  CHECK(entries[1].state == spool::State::kHeld);
  CHECK(entries[1].next_hop == "other.test");
  CHECK(entries[2].address == "one@b.test");
  CHECK(entries[3].address == "two@c.test");
  CHECK(entries[3].reverse_path == "owner@b.test");
  for (const auto i : {2, 3}) {
    CHECK(entries[i].id.message != id);
    CHECK(entries[i].trace_id == "trace-1");
    CHECK(entries[i].received == before);
    CHECK(entries[i].next_attempt <= wall_now());
    CHECK(body(entries[i].id.message) == body(id));
  }
  // Once more there is nothing to replace.
  REQUIRE(queue.call(&Stub::Requeue, request).ok());
  CHECK(queue.entries().size() == 4);
}

TEST_CASE("who has the message waiting does not get it twice by an alias", "[control]") {
  Queue queue(team);
  queue.add({"one@b.test", "team@b.test"});
  REQUIRE(queue.call(&Stub::Requeue, everything()).ok());
  std::vector<std::string> found;
  for (const auto& entry : queue.entries()) found.push_back(entry.address);
  CHECK(found == std::vector<std::string>{"one@b.test", "two@c.test"});
}

TEST_CASE("mail under delivery is not requeued", "[control]") {
  Queue queue(team);
  queue.add({"team@b.test"});
  const auto claims = spool::test::claim_all(*queue.spool);
  REQUIRE(claims.size() == 1);
  REQUIRE(queue.call(&Stub::Requeue, everything()).ok());
  CHECK(queue.response.skipped() == 1);
  CHECK(queue.response.changed() == 0);
  CHECK(queue.entries()[0].address == "team@b.test");
}
