// Operations: what is known of changes of the queue while they go on and afterwards, over restarts too.
#include "common/control/operations.h"

#include <grpcpp/create_channel.h>

#include "common/control/operation.h"
#include "helpers.h"
#include "quartet/control/v1/operation.grpc.pb.h"
#include "quartet/control/v1/queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;
using Verb = v1::ChangeQueueRequest;

namespace {

v1::ChangeRequest everything(const char* reason = "") {
  v1::ChangeRequest request;
  request.mutable_selector()->set_all(true);
  request.set_reason(reason);
  return request;
}

v1::Operation named(const std::string& who) {
  v1::Operation operation;
  operation.set_who(who);
  operation.set_matched(7);
  return operation;
}

/// An agent whose operations are asked for by gRPC.
struct Agent : Running {
  std::unique_ptr<v1::QueueService::Stub> queue;
  std::unique_ptr<v1::OperationService::Stub> stub;

  Agent() { restart(); }
  ~Agent() { server.reset(); }
  void restart() {
    server.reset();
    start();
    const auto channel = grpc::CreateChannel(target(), grpc::InsecureChannelCredentials());
    queue = v1::QueueService::NewStub(channel);
    stub = v1::OperationService::NewStub(channel);
  }
  v1::ChangeResponse hold(const v1::ChangeRequest& request) {
    grpc::ClientContext context;
    v1::ChangeResponse response;
    REQUIRE(queue->Hold(&context, request, &response).ok());
    return response;
  }
  grpc::Status get(const std::string& id, v1::Operation& operation) {
    grpc::ClientContext context;
    v1::GetOperationRequest request;
    request.set_id(id);
    v1::GetOperationResponse response;
    const auto status = stub->GetOperation(&context, request, &response);
    operation = response.operation();
    return status;
  }
  StatusCode cancel(const std::string& id) {
    grpc::ClientContext context;
    v1::CancelOperationRequest request;
    request.set_id(id);
    v1::CancelOperationResponse response;
    return stub->CancelOperation(&context, request, &response).error_code();
  }
};

}  // namespace

TEST_CASE("operations are kept over a restart, and those that ran were interrupted", "[control]") {
  const TemporaryDirectory directory;
  std::string done, running;
  {
    Operations operations(directory.path());
    const auto first = operations.begin(named("one"));
    done = first->get().id();
    first->update([](v1::Operation& operation) { operation.set_changed(7); });
    operations.end(*first, v1::Operation::STATE_DONE, "");
    running = operations.begin(named("two"))->get().id();
  }
  const Operations operations(directory.path());
  const auto all = operations.list(false, "", 10);
  REQUIRE(all.size() == 2);
  CHECK(all[0].id() == running);
  CHECK(all[0].state() == v1::Operation::STATE_INTERRUPTED);
  CHECK(all[1].id() == done);
  CHECK(all[1].state() == v1::Operation::STATE_DONE);
  CHECK(all[1].changed() == 7);
  CHECK(all[1].who() == "one");
  CHECK(all[1].has_ended());
  CHECK(operations.list(false, running, 10).size() == 1);
  CHECK(operations.list(true, "", 10).empty());
}

TEST_CASE("the last operations are kept, and their file does not grow for ever", "[control]") {
  const TemporaryDirectory directory;
  std::string oldest;
  {
    Operations operations(directory.path());
    const auto long_one = operations.begin(named("long"));
    for (std::size_t i = 0; i < 3 * Operations::kKept; ++i) {
      const auto record = operations.begin(named(std::to_string(i)));
      operations.end(*record, v1::Operation::STATE_DONE, "");
    }
    CHECK(operations.find(long_one->get().id()) != nullptr);
    CHECK(operations.list(false, "", 100'000).size() == Operations::kKept);
    CHECK(operations.list(false, "", 1)[0].who() == std::to_string(3 * Operations::kKept - 1));
  }
  CHECK(std::filesystem::file_size(directory.path() / "operations") < 6 * Operations::kKept * 100);
  CHECK(Operations(directory.path()).list(false, "", 100'000).size() == Operations::kKept);
}

TEST_CASE("a record that a crash cut is passed over, wherever it was cut", "[control]") {
  std::string file = "quartet operations 1\n";
  auto operation = named("whole");
  operation.set_id("1");
  file += encode_operation(operation);
  const auto whole = file.size();
  operation.set_id("2");
  file += encode_operation(operation);
  for (auto size = whole; size < file.size(); ++size) {
    std::size_t used = 0;
    CHECK(decode_operations(std::string_view(file).substr(0, size), used).size() == 1);
    CHECK(used == whole);
  }
  file.back() ^= 1;
  std::size_t used = 0;
  CHECK(decode_operations(file, used).size() == 1);
}

TEST_CASE("an operation is cancelled in its midst", "[control]") {
  Running agent;
  enqueue(*agent.spool, message_to({"a@b.test", "c@b.test"}));
  Operations operations(agent.spool->directory());
  Operation operation({*agent.spool, nullptr, operations}, Verb::VERB_HOLD, everything("all"), "unix:uid=7");
  REQUIRE(operation.begin().ok());
  const auto record = operations.find(operations.list(true, "", 1).at(0).id());
  CHECK(record->get().matched() == 2);
  CHECK(record->get().who() == "unix:uid=7");
  REQUIRE(record->cancel("tls:boss", "not now"));
  CHECK_FALSE(operation.step());
  CHECK(operation.status().error_code() == StatusCode::ABORTED);
}

TEST_CASE("what an operation that was cancelled did not come to is counted", "[control]") {
  Running agent;
  enqueue(*agent.spool, message_to({"a@b.test", "c@b.test"}));
  Operations operations({});
  std::shared_ptr<OperationRecord> record;
  {
    Operation operation({*agent.spool, nullptr, operations}, Verb::VERB_HOLD, everything(), "");
    REQUIRE(operation.begin().ok());
    record = operations.find(operations.list(true, "", 1).at(0).id());
    record->cancel("tls:boss", "not now");
    operation.step();
  }
  const auto ended = record->get();
  CHECK(ended.state() == v1::Operation::STATE_CANCELLED);
  CHECK(ended.failed() == 2);
  CHECK(ended.changed() == 0);
  CHECK(ended.error() == "cancelled by tls:boss: not now");
  CHECK_FALSE(record->cancel("tls:boss", "again"));
  CHECK(agent.spool->counts().recipients[static_cast<std::size_t>(spool::State::kHeld)] == 0);
}

TEST_CASE("who left the queue meanwhile is gone, not changed", "[control]") {
  Running agent;
  const auto id = enqueue(*agent.spool, message_to({"a@b.test"}));
  enqueue(*agent.spool, message_to({"c@b.test"}));
  Operations operations({});
  {
    Operation operation({*agent.spool, nullptr, operations}, Verb::VERB_HOLD, everything(), "");
    REQUIRE(operation.begin().ok());
    spool::Filter first;
    first.ids = {id};
    agent.spool->drop(first);
    while (operation.step()) {
    }
  }
  const auto ended = operations.list(false, "", 1).at(0);
  CHECK(ended.state() == v1::Operation::STATE_DONE);
  CHECK(ended.matched() == 2);
  CHECK(ended.done() == 2);
  CHECK(ended.changed() == 1);
  CHECK(ended.gone() == 1);
}

TEST_CASE("an operation whose caller goes, and one whose agent stops", "[control]") {
  Running agent;
  enqueue(*agent.spool, message_to({"a@b.test"}));
  Operations operations({});
  const auto leave_one = [&] {
    Operation operation({*agent.spool, nullptr, operations}, Verb::VERB_HOLD, everything(), "");
    REQUIRE(operation.begin().ok());
  };
  leave_one();
  CHECK(operations.list(false, "", 1).at(0).state() == v1::Operation::STATE_CANCELLED);
  operations.stop();
  leave_one();
  CHECK(operations.list(false, "", 1).at(0).state() == v1::Operation::STATE_INTERRUPTED);
}

TEST_CASE("operations by gRPC: by id, in pages, followed, and readable after a restart", "[control]") {
  Agent agent;
  enqueue(*agent.spool, message_to({"a@b.test", "c@b.test"}));
  const auto first = agent.hold(everything("to look at")).operation();
  const auto second = agent.hold(everything()).operation();
  REQUIRE(first < second);
  auto dry = everything();
  dry.set_dry_run(true);
  CHECK(agent.hold(dry).operation().empty());
  v1::Operation operation;
  REQUIRE(agent.get(first, operation).ok());
  CHECK(operation.verb() == Verb::VERB_HOLD);
  CHECK(operation.state() == v1::Operation::STATE_DONE);
  CHECK(operation.changed() == 2);
  CHECK(operation.reason() == "to look at");
  CHECK(operation.selector() == "all: true");
  CHECK(operation.who().starts_with("unix:uid="));
  CHECK(agent.cancel(first) == StatusCode::FAILED_PRECONDITION);
  CHECK(agent.cancel("none") == StatusCode::NOT_FOUND);
  CHECK(agent.get("none", operation).error_code() == StatusCode::NOT_FOUND);

  agent.restart();
  v1::ListOperationsRequest request;
  request.set_page_size(1);
  std::vector<std::string> ids;
  do {
    grpc::ClientContext context;
    v1::ListOperationsResponse response;
    REQUIRE(agent.stub->ListOperations(&context, request, &response).ok());
    for (const auto& one : response.operation()) ids.push_back(one.id());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  CHECK(ids == std::vector{second, first});

  grpc::ClientContext context;
  v1::WatchOperationRequest watch;
  watch.set_id(second);
  const auto stream = agent.stub->WatchOperation(&context, watch);
  v1::WatchOperationResponse response;
  REQUIRE(stream->Read(&response));
  CHECK(response.operation().skipped() == 2);
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().ok());
}
