// The server as its clients see it, through real gRPC stubs on its UNIX socket and by mutual TLS.
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "grpc/health/v1/health.grpc.pb.h"
#include "helpers.h"
#include "quartet/control/v1/node.grpc.pb.h"
#include "quartet/control/v1/queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;
namespace health = grpc::health::v1;

namespace {

std::shared_ptr<grpc::Channel> connect(const std::string& target) {
  return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
}

/// A context that never lets a test hang.
struct Context : grpc::ClientContext {
  Context() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30)); }
};

struct Client {
  explicit Client(const Running& running)
      : channel(connect(running.target())), queue(v1::QueueService::NewStub(channel)) {}
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::QueueService::Stub> queue;

  template <typename Request, typename Response>
  Response call(grpc::Status (v1::QueueService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const Request& request, StatusCode code = StatusCode::OK) {
    Context context;
    Response response;
    const auto status = (queue.get()->*method)(&context, request, &response);
    INFO(status.error_message());
    CHECK(status.error_code() == code);
    return response;
  }
};

using Stub = v1::QueueService::Stub;

/// By a condition that all fulfil: `all` by itself would have to be confirmed.
v1::ChangeRequest everything() {
  v1::ChangeRequest request;
  request.mutable_selector()->mutable_older_than();
  return request;
}

health::HealthCheckResponse::ServingStatus status_of(grpc::Channel& channel, const std::string& service) {
  health::HealthCheckRequest request;
  request.set_service(service);
  Context context;
  health::HealthCheckResponse response;
  const auto stub = health::Health::NewStub(std::shared_ptr<grpc::Channel>(&channel, [](auto*) {}));
  return stub->Check(&context, request, &response).ok() ? response.status()
                                                        : health::HealthCheckResponse::SERVICE_UNKNOWN;
}

/// The answer of server reflection to "list the services", as bytes: no stub is generated for it.
std::string list_services(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  Context context;
  const auto call =
      stub.PrepareCall(&context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    REQUIRE(queue.Next(&tag, &ok));
    return ok;
  };
  call->StartCall(nullptr);
  REQUIRE(wait());
  const grpc::Slice request(std::string("\x3a\x01*"));  // list_services, field 7
  call->Write(grpc::ByteBuffer(&request, 1), nullptr);
  REQUIRE(wait());
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  REQUIRE(wait());
  call->WritesDone(nullptr);
  wait();
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait();
  std::vector<grpc::Slice> slices;
  REQUIRE(response.Dump(&slices).ok());
  std::string bytes;
  for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

}  // namespace

TEST_CASE("pages list every recipient once", "[control]") {
  Running running;
  for (int i = 0; i < 7; ++i)
    enqueue(*running.spool, message_to({"a" + std::to_string(i) + "@b.test", "c" + std::to_string(i) + "@d.test"}));
  running.start();
  Client client(running);
  v1::ListMessagesRequest request;
  request.set_page_size(3);
  std::set<std::string> seen;
  std::size_t listed = 0, pages = 0;
  do {
    const auto page = client.call(&Stub::ListMessages, request);
    CHECK(page.entry_size() <= 3);
    for (const auto& entry : page.entry()) {
      seen.insert(entry.recipient());
      CHECK(entry.state() == v1::STATE_QUEUED);
      CHECK(entry.sender() == "sender@a.test");
      CHECK(Id::parse(entry.message_id()));
      CHECK(std::abs(entry.received().seconds() - to_micros(wall_now()) / 1'000'000) < 60);
    }
    listed += static_cast<std::size_t>(page.entry_size());
    ++pages;
    // A recipient that goes after it was listed changes nothing for the rest.
    if (pages == 1) {
      v1::ChangeRequest drop;
      drop.mutable_selector()->set_recipient("a0@b.test");
      CHECK(client.call(&Stub::Drop, drop).changed() == 1);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  CHECK(listed == 14);
  CHECK(seen.size() == 14);
  CHECK(pages == 5);

  request.set_page_token("nonsense");
  client.call(&Stub::ListMessages, request, StatusCode::INVALID_ARGUMENT);
  request.clear_page_token();
  request.mutable_selector()->add_id("nonsense");
  client.call(&Stub::ListMessages, request, StatusCode::INVALID_ARGUMENT);

  v1::CountMessagesRequest count;
  count.mutable_selector()->add_recipient_domain("d.test");
  count.set_top_domains(1);
  const auto counted = client.call(&Stub::CountMessages, count);
  CHECK(counted.matched() == 7);
  CHECK(counted.queue().queued() == 13);
  CHECK(counted.queue().messages() == 7);
  REQUIRE(counted.top_domain_size() == 1);
  CHECK(counted.top_domain(0).domain() == "d.test");
  CHECK(counted.top_domain(0).recipients() == 7);
}

TEST_CASE("a message with its recipients and content", "[control]") {
  Running running;
  const std::string body = "Subject: x\r\nTo: y\r\n\r\n" + std::string(100'000, 'z');
  auto message = message_to({"a@b.test", "b@b.test"}, body);
  message.envelope.envid = "id\xFF";  // a client may say what is not UTF-8
  message.envelope.smtputf8 = true;
  const auto id = enqueue(*running.spool, std::move(message));
  running.start();
  Client client(running);
  v1::GetMessageRequest request;
  request.set_id(id.to_string());
  auto got = client.call(&Stub::GetMessage, request);
  CHECK(got.id() == id.to_string());
  CHECK(got.sender() == "sender@a.test");
  CHECK(got.size() == body.size());
  CHECK(got.accepted_recipients() == 2);
  REQUIRE(got.recipient_size() == 2);
  CHECK(got.recipient(1).recipient() == "b@b.test");
  CHECK(got.envid() == "id\xEF\xBF\xBD");
  CHECK(got.smtputf8());
  CHECK(got.content().empty());

  request.set_content(v1::GetMessageRequest::CONTENT_HEADER);
  CHECK(client.call(&Stub::GetMessage, request).content() == "Subject: x\r\nTo: y\r\n\r\n");
  request.set_content(v1::GetMessageRequest::CONTENT_ALL);
  got = client.call(&Stub::GetMessage, request);
  CHECK(got.content() == body);
  CHECK_FALSE(got.content_truncated());
  request.set_content_limit(10);
  got = client.call(&Stub::GetMessage, request);
  CHECK(got.content() == body.substr(0, 10));
  CHECK(got.content_truncated());

  request.set_content(static_cast<v1::GetMessageRequest::Content>(9));
  client.call(&Stub::GetMessage, request, StatusCode::INVALID_ARGUMENT);
  request.set_content(v1::GetMessageRequest::CONTENT_ALL);
  request.set_id("nonsense");
  client.call(&Stub::GetMessage, request, StatusCode::INVALID_ARGUMENT);
  request.set_id(Id::make().to_string());
  client.call(&Stub::GetMessage, request, StatusCode::NOT_FOUND);
}

TEST_CASE("changes say exactly what they did, and a dry run says the same beforehand", "[control]") {
  Running running;
  for (int i = 0; i < 5; ++i) {
    auto message = message_to({"r" + std::to_string(i) + "@b.test"});
    message.due = wall_now() + std::chrono::hours(i + 1);
    enqueue(*running.spool, std::move(message));
  }
  // One is under delivery, one is on hold.
  REQUIRE(running.spool->claim_due(wall_now() + std::chrono::hours(1), 1).size() == 1);
  spool::Filter second;
  second.recipient = "r1@b.test";
  REQUIRE(running.spool->hold(second).changed == 1);
  running.start();
  Client client(running);

  const auto check = [&](auto method, std::uint64_t changed, std::uint64_t pending, std::uint64_t skipped) {
    for (const bool dry : {true, true, false}) {
      auto request = everything();
      request.set_dry_run(dry);
      request.set_reason("a test");
      const auto response = client.call(method, request);
      CHECK(response.changed() == changed);
      CHECK(response.pending() == pending);
      CHECK(response.skipped() == skipped);
      CHECK(response.dry_run() == dry);
    }
  };
  check(&Stub::RetryNow, 3, 0, 2);
  CHECK(*running.spool->next_due() <= wall_now());
  check(&Stub::Hold, 3, 1, 1);
  CHECK_FALSE(running.spool->next_due());
  check(&Stub::Release, 4, 0, 1);
  check(&Stub::Drop, 4, 1, 0);
  CHECK(running.spool->counts().total_recipients() == 1);
}

TEST_CASE("guards against changing too much", "[control]") {
  Running running;
  for (int i = 0; i < 3; ++i) enqueue(*running.spool, message_to({"r@b.test"}));
  running.start();
  Client client(running);
  client.call(&Stub::Drop, v1::ChangeRequest(), StatusCode::INVALID_ARGUMENT);
  auto request = everything();
  request.set_max_affected(2);
  client.call(&Stub::Drop, request, StatusCode::FAILED_PRECONDITION);
  request.mutable_selector()->set_all(true);
  client.call(&Stub::Drop, request, StatusCode::INVALID_ARGUMENT);  // all, and yet not all
  request = everything();
  request.set_reason(std::string(1001, 'x'));
  client.call(&Stub::Drop, request, StatusCode::INVALID_ARGUMENT);
  CHECK(running.spool->counts().total_recipients() == 3);
  request = everything();
  request.set_max_affected(3);
  CHECK(client.call(&Stub::Drop, request).changed() == 3);
}

TEST_CASE("a change leaves an audit line with the peer, the reason and the counts", "[control]") {
  const LogCapture log;
  Running running;
  enqueue(*running.spool, message_to({"r@b.test"}));
  running.start();
  Client client(running);
  auto request = everything();
  request.set_reason("spring cleaning");
  CHECK(client.call(&Stub::Drop, request).changed() == 1);
  client.call(&Stub::Hold, v1::ChangeRequest(), StatusCode::INVALID_ARGUMENT);
  const auto text = log.text();
  INFO(text);
  const auto peer = "unix:uid=" + std::to_string(::getuid()) + ",pid=" + std::to_string(::getpid());
  CHECK(text.find("control.change") != std::string::npos);
  CHECK(text.find("control.refused") != std::string::npos);
  CHECK(text.find(peer) != std::string::npos);
  CHECK(text.find("spring cleaning") != std::string::npos);
  CHECK(text.find("\"verb\":\"drop\"") != std::string::npos);
  CHECK(text.find("\"changed\":1") != std::string::npos);
}

TEST_CASE("a watch sees what happens, and only what was asked for", "[control]") {
  Running running;
  running.start();
  Client client(running);
  Context context;
  v1::WatchQueueRequest request;
  request.mutable_selector()->add_recipient_domain("b.test");
  const auto stream = client.queue->WatchQueue(&context, request);
  stream->WaitForInitialMetadata();  // the watch is in place
  std::vector<v1::QueueEvent> events;
  const auto read_until = [&](std::size_t count) {
    v1::WatchQueueResponse response;
    while (events.size() < count && stream->Read(&response)) {
      CHECK(response.lost() == 0);
      events.insert(events.end(), response.event().begin(), response.event().end());
    }
    REQUIRE(events.size() == count);
  };
  const auto id = enqueue(*running.spool, message_to({"x@elsewhere.test", "y@b.test"}));
  read_until(1);
  CHECK(client.call(&Stub::Hold, everything()).changed() == 2);
  CHECK(client.call(&Stub::Drop, everything()).changed() == 2);
  read_until(3);
  CHECK(events[0].kind() == v1::QueueEvent::KIND_ENQUEUED);
  CHECK(events[1].kind() == v1::QueueEvent::KIND_HELD);
  CHECK(events[2].kind() == v1::QueueEvent::KIND_DROPPED);
  for (const auto& event : events) {
    CHECK(event.recipient() == "y@b.test");
    CHECK(event.message_id() == id.to_string());
    CHECK(event.ordinal() == 1);
  }
  context.TryCancel();
  CHECK(stream->Finish().error_code() == StatusCode::CANCELLED);
}

TEST_CASE("a watch by what events do not have is refused", "[control]") {
  Running running;
  running.start();
  Client client(running);
  Context context;
  v1::WatchQueueRequest request;
  request.mutable_selector()->add_state(v1::STATE_HELD);
  const auto stream = client.queue->WatchQueue(&context, request);
  v1::WatchQueueResponse response;
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().error_code() == StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a watcher who does not read loses events, is told how many, and holds nobody up", "[control]") {
  Running running;
  running.start();
  Client client(running);
  Context context;
  v1::WatchQueueRequest request;
  request.set_buffer(100);
  const auto stream = client.queue->WatchQueue(&context, request);
  stream->WaitForInitialMetadata();
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back("recipient" + std::to_string(i) + std::string(200, 'x') + "@b.test");
  std::uint64_t sent = 0;
  for (int i = 0; i < 200; ++i, sent += many.size()) enqueue(*running.spool, message_to(many));
  std::uint64_t seen = 0, lost = 0;
  v1::WatchQueueResponse response;
  while (seen + lost < sent && stream->Read(&response)) {
    seen += static_cast<std::uint64_t>(response.event_size());
    lost += response.lost();
  }
  CHECK(seen + lost == sent);
  CHECK(seen >= 100);
  CHECK(lost > 0);
  context.TryCancel();
  stream->Finish();
}

TEST_CASE("health follows the agent's trouble", "[control]") {
  Running running;
  running.start();
  Client client(running);
  using Response = health::HealthCheckResponse;
  for (const auto* name : {"", "quartet.control.v1.NodeService", "quartet.control.v1.QueueService"})
    CHECK(status_of(*client.channel, name) == Response::SERVING);
  CHECK(status_of(*client.channel, "quartet.control.v1.RemoteQueueService") == Response::SERVICE_UNKNOWN);

  const auto stub = health::Health::NewStub(client.channel);
  Context context, unknown_context;
  const auto watch = stub->Watch(&context, {});
  health::HealthCheckRequest unknown;
  unknown.set_service("nobody");
  const auto unknown_watch = stub->Watch(&unknown_context, unknown);
  Response response;
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == Response::SERVING);
  REQUIRE(unknown_watch->Read(&response));
  CHECK(response.status() == Response::SERVICE_UNKNOWN);

  running.trouble.set("the disk is full");
  CHECK(status_of(*client.channel, "") == Response::NOT_SERVING);
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == Response::NOT_SERVING);
  Context status_context;
  v1::GetStatusResponse status;
  REQUIRE(v1::NodeService::NewStub(client.channel)->GetStatus(&status_context, {}, &status).ok());
  CHECK(status.trouble() == "the disk is full");
  CHECK(status.agent() == "mta");
  CHECK(status.hostname() == "mx.a.test");
  CHECK(status.pid() == ::getpid());
  CHECK(status.has_queue());

  running.trouble.set("");
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == Response::SERVING);
  running.server->stop(std::chrono::seconds(20));
  REQUIRE(watch->Read(&response));
  CHECK(response.status() == Response::NOT_SERVING);
  CHECK_FALSE(watch->Read(&response));
  CHECK(watch->Finish().ok());
}

TEST_CASE("an agent without queue and relay serves the rest", "[control]") {
  Running running;
  running.spool.reset();
  running.start();
  const auto channel = connect(running.target());
  Context context;
  v1::GetStatusResponse status;
  REQUIRE(v1::NodeService::NewStub(channel)->GetStatus(&context, {}, &status).ok());
  CHECK_FALSE(status.has_queue());
  Context list_context;
  v1::ListMessagesResponse response;
  CHECK(v1::QueueService::NewStub(channel)->ListMessages(&list_context, {}, &response).error_code() ==
        StatusCode::UNIMPLEMENTED);
}

TEST_CASE("reflection lists the services", "[control]") {
  Running running;
  running.start();
  const auto services = list_services(connect(running.target()));
  for (const auto* name :
       {"quartet.control.v1.QueueService", "quartet.control.v1.NodeService", "grpc.health.v1.Health"})
    CHECK(services.find(name) != std::string::npos);
}

TEST_CASE("stop ends watches at once and leaves no socket", "[control]") {
  Running running;
  running.start();
  Client client(running);
  Context context;
  const auto stream = client.queue->WatchQueue(&context, {});
  stream->WaitForInitialMetadata();
  const auto begun = std::chrono::steady_clock::now();
  running.server->stop(std::chrono::seconds(25));
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(15));
  v1::WatchQueueResponse response;
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().error_code() == StatusCode::UNAVAILABLE);
  CHECK_FALSE(std::filesystem::exists(running.socket()));
  client.call(&Stub::ListMessages, v1::ListMessagesRequest(), StatusCode::UNAVAILABLE);
  // Events after the end reach nobody, and break nothing.
  enqueue(*running.spool, message_to({"x@b.test"}));
  running.start();
  CHECK(Client(running).call(&Stub::ListMessages, v1::ListMessagesRequest()).entry_size() == 1);
}

TEST_CASE("a watcher who does not read does not hold up the end", "[control]") {
  Running running;
  running.start();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // the window stays at 64 KiB
  const auto stub = v1::QueueService::NewStub(
      grpc::CreateCustomChannel(running.target(), grpc::InsecureChannelCredentials(), arguments));
  Context context;
  const auto stream = stub->WatchQueue(&context, {});
  stream->WaitForInitialMetadata();
  // Far more than the window.
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back("recipient" + std::to_string(i) + std::string(200, 'x') + "@b.test");
  for (int i = 0; i < 100; ++i) enqueue(*running.spool, message_to(many));
  const auto begun = std::chrono::steady_clock::now();
  running.server->stop(std::chrono::seconds(25));
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(15));
  int seen = 0;
  v1::WatchQueueResponse response;
  while (stream->Read(&response)) seen += response.event_size();
  CHECK(seen > 0);
  CHECK(seen < 5'000);  // else the watch was not stuck at all
  CHECK_FALSE(stream->Finish().ok());
}

TEST_CASE("a second server on the socket of a living one is refused", "[control]") {
  Running running;
  running.start();
  Options options;
  options.socket = running.socket();
  const auto second = Server::start(options, running.subject());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().find("another process listens there") != std::string::npos);
  Client client(running);
  client.call(&Stub::ListMessages, v1::ListMessagesRequest());
}
