// Roles: who has which, what each call needs, and that no call is left out.
#include "common/control/access.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <unistd.h>

#include "common/net/sessions.h"
#include "common/relay/relay.h"
#include "common/store/store.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "helpers.h"
#include "quartet/control/v1/queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;

namespace {

constexpr Role kAll[] = {Role::kObserver, Role::kOperator, Role::kContentReader, Role::kAdmin};

/// The roles that somebody has, as the first letters of their names.
std::string has(const Access& access, const Caller& caller) {
  std::string out;
  for (const auto role : kAll)
    if (access.allows(caller, role)) out += name_of(role)[0];
  return out;
}

Caller remote(std::string name) {
  Caller caller;
  caller.certificate = {"other.test", std::move(name)};
  return caller;
}

Caller local(uid_t user, std::vector<gid_t> groups) {
  Caller caller;
  caller.local = true;
  caller.user = user;
  caller.groups = std::move(groups);
  return caller;
}

/// An agent with all services, asked by TLS.
struct Agent : Running {
  Authority authority{directory.path(), "ours"};
  relay::Relay relay{{}, std::make_shared<relay::Router>(relay::RoutingTable{}), *spool};
  net::Sessions all_sessions;
  std::unique_ptr<store::Store> mailboxes;

  explicit Agent(std::vector<Grant> grants) {
    authority.issue("server", "IP:127.0.0.1");
    sessions = &all_sessions;
    people = (directory.path() / "people").string();
    std::ofstream(people) << "domain { name: \"a.test\" }\n";
    store::Options store_options;
    store_options.directory = (directory.path() / "store").string();
    store_options.shards = 1;
    mailboxes = *store::open_store(std::move(store_options));
    store = mailboxes.get();
    Options options;
    options.address = "127.0.0.1:0";
    options.certificate = authority.certificate("server");
    options.key = authority.key("server");
    options.client_ca = authority.ca();
    options.grants = std::move(grants);
    start(options, &relay);
  }
  ~Agent() { server.reset(); }

  std::shared_ptr<grpc::Channel> channel(const std::string& who) {
    authority.issue(who, "DNS:" + who);
    const auto read = [](const std::string& path) {
      std::ifstream file(path);
      return std::string(std::istreambuf_iterator<char>(file), {});
    };
    return grpc::CreateChannel(server->address(), grpc::SslCredentials({read(authority.ca()), read(authority.key(who)),
                                                                        read(authority.certificate(who))}));
  }
};

/// What comes of a call with an empty request, streams included.
grpc::Status call(grpc::GenericStub& stub, const std::string& method) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, method, &queue);
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(nullptr);
  queue.Next(&tag, &ok);
  grpc::Slice nothing;
  call->WriteLast(grpc::ByteBuffer(&nothing, 1), {}, nullptr);
  queue.Next(&tag, &ok);
  grpc::Status status;
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return status;
}

}  // namespace

TEST_CASE("without grants whoever connects may do everything", "[control]") {
  CHECK(has(Access(), remote("x.test")) == "ooca");
  CHECK(has(Access(), {}).size() == 4);
}

TEST_CASE("roles by certificate, user and group", "[control]") {
  const Access access({{Role::kObserver, {"monitor.test"}, {1001}, {50}},
                       {Role::kOperator, {"ops.test"}, {1002}, {}},
                       {Role::kContentReader, {"abuse.test"}, {}, {51}},
                       {Role::kAdmin, {"boss.test"}, {1003}, {}}});
  CHECK(has(access, remote("nobody.test")).empty());
  CHECK(has(access, {}).empty());
  CHECK(has(access, remote("monitor.test")) == "o");
  CHECK(has(access, remote("ops.test")) == "oo");
  CHECK(has(access, remote("abuse.test")) == "oc");
  CHECK(has(access, remote("boss.test")) == "ooca");
  CHECK(has(access, local(1004, {100})).empty());
  CHECK(has(access, local(1001, {100})) == "o");
  CHECK(has(access, local(1004, {100, 50})) == "o");
  CHECK(has(access, local(1002, {51})) == "ooc");  // several add up
  CHECK(has(access, local(1003, {})).size() == 4);
  CHECK(has(access, local(0, {})).size() == 4);
  CHECK(has(access, local(::geteuid(), {})).size() == 4);
  CHECK(has(access, remote("0")).empty());  // a certificate is no user
}

TEST_CASE("whoever has no role is denied every call but health and reflection", "[control]") {
  const LogCapture log;
  Agent agent({{Role::kAdmin, {"boss.test"}, {}, {}}});
  grpc::GenericStub stub(agent.channel("nobody.test"));
  int methods = 0;
  for (const auto* file : {"queue", "operation", "rule", "destination", "remote_queue", "session", "trace", "node",
                           "config", "peer", "directory", "mailbox"}) {
    const auto* proto = google::protobuf::DescriptorPool::generated_pool()->FindFileByName(
        std::string("quartet/control/v1/") + file + ".proto");
    INFO(file);
    REQUIRE(proto != nullptr);
    for (int s = 0; s < proto->service_count(); ++s) {
      for (int m = 0; m < proto->service(s)->method_count(); ++m) {
        const auto* method = proto->service(s)->method(m);
        const auto status = call(stub, "/" + method->service()->full_name() + "/" + method->name());
        INFO(method->full_name() << ": " << status.error_code() << " " << status.error_message());
        CHECK(status.error_code() == StatusCode::PERMISSION_DENIED);
        CHECK(status.error_message().find("this needs the role ") == 0);
        ++methods;
      }
    }
  }
  CHECK(methods >= 30);
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse health;
  CHECK(grpc::health::v1::Health::NewStub(agent.channel("nobody.test"))->Check(&context, {}, &health).ok());
  CHECK(log.text().find("control.denied") != std::string::npos);
}

TEST_CASE("what an observer, an operator and a content reader may ask for", "[control]") {
  Agent agent({{Role::kObserver, {"monitor.test"}, {}, {}},
               {Role::kOperator, {"ops.test"}, {}, {}},
               {Role::kContentReader, {"abuse.test"}, {}, {}}});
  const auto id = enqueue(*agent.spool, message_to({"a@b.test"})).to_string();
  const auto codes = [&](const std::string& who) {
    const auto stub = v1::QueueService::NewStub(agent.channel(who));
    std::vector<StatusCode> out;
    {
      grpc::ClientContext context;
      v1::ListMessagesResponse response;
      out.push_back(stub->ListMessages(&context, {}, &response).error_code());
    }
    {
      grpc::ClientContext context;
      v1::ChangeRequest request;
      request.mutable_selector()->set_all(true);
      v1::ChangeResponse response;
      out.push_back(stub->Hold(&context, request, &response).error_code());
    }
    for (const auto content : {v1::GetMessageRequest::CONTENT_NONE, v1::GetMessageRequest::CONTENT_HEADER}) {
      grpc::ClientContext context;
      v1::GetMessageRequest request;
      request.set_id(id);
      request.set_content(content);
      v1::GetMessageResponse response;
      out.push_back(stub->GetMessage(&context, request, &response).error_code());
    }
    return out;
  };
  constexpr auto kYes = StatusCode::OK, kNo = StatusCode::PERMISSION_DENIED;
  CHECK(codes("monitor.test") == std::vector{kYes, kNo, kYes, kNo});
  CHECK(agent.spool->counts().recipients[static_cast<std::size_t>(spool::State::kHeld)] == 0);
  CHECK(codes("ops.test") == std::vector{kYes, kYes, kYes, kNo});
  CHECK(codes("abuse.test") == std::vector{kYes, kNo, kYes, kYes});
}
