// Messages that move from queue to queue, over the control plane and by files.
#include <grpcpp/create_channel.h>

#include "helpers.h"
#include "quartet/control/v1/queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;
using Stub = v1::QueueService::Stub;
using std::chrono::hours;

namespace {

struct Agent {
  TemporaryDirectory directory;
  std::unique_ptr<spool::Spool> spool = spool::test::open_spool(directory.path() / "spool");
  std::unique_ptr<Server> server;
  std::unique_ptr<Stub> stub;

  std::string target() const { return "unix:" + (directory.path() / "control").string(); }

  Agent(std::string name, std::vector<PeerOptions> peers) {
    Subject subject;
    subject.agent = "mta";
    subject.hostname = [name] { return name; };
    subject.spool = spool.get();
    Options options;
    options.socket = target().substr(5);
    options.peers = std::move(peers);
    server = *Server::start(options, std::move(subject));
    stub = v1::QueueService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }

  std::vector<spool::Entry> entries() const { return spool->list({}, 1000)->entries; }
};

/// The agent "a", and its peer "b".
struct Two {
  Agent b{"b", {}};
  Agent a{"a", {{"mta@b", b.target(), false}, {"mta@gone", "unix:/nonexistent/control", false}}};
  v1::ChangeResponse response;

  grpc::Status transfer(v1::ChangeRequest request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    return a.stub->Transfer(&context, request, &response);
  }
  spool::MessageId add(std::vector<std::string> addresses, std::string body = "Subject: x\r\n\r\ntext\r\n") {
    auto message = message_to(std::move(addresses), std::move(body));
    message.due = wall_now() + hours(1);
    message.envelope.received = wall_now() - hours(5);
    message.envelope.trace_id = "trace-1";
    message.envelope.envid = "env";
    message.envelope.ret = spool::Ret::kHeaders;
    message.envelope.body_type = spool::BodyType::k8BitMime;
    message.envelope.attributes = {{"tls-required", "no"}};
    message.recipients[0].notify = spool::kNotifySuccess | spool::kNotifyDelay;
    message.recipients[0].orcpt = "rfc822;first@x";
    return enqueue(*a.spool, std::move(message));
  }
};

v1::ChangeRequest those_of(const std::string& domain, std::string target = "mta@b") {
  v1::ChangeRequest request;
  request.mutable_selector()->add_recipient_domain(domain);
  request.set_target(std::move(target));
  return request;
}

std::string whole(const spool::Entry& entry) {
  return entry.id.message.to_string() + "." + std::to_string(entry.id.ordinal) + " " +
         std::to_string(static_cast<int>(entry.state)) + " " + entry.reverse_path + " " + entry.address + " " +
         std::to_string(entry.size) + " " + std::to_string(to_micros(entry.received)) + " " +
         std::to_string(to_micros(entry.next_attempt)) + " " + std::to_string(entry.attempts) + " " +
         std::to_string(entry.delay_notified) + std::to_string(entry.bounce) + " " + std::to_string(entry.notify) +
         " " + entry.orcpt + " " + entry.next_hop + " " + std::to_string(entry.last.code) + entry.last.text + " " +
         entry.trace_id;
}

std::vector<std::string> whole(const std::vector<spool::Entry>& entries) {
  std::vector<std::string> out;
  for (const auto& entry : entries) out.push_back(whole(entry));
  return out;
}

}  // namespace

TEST_CASE("messages move to a peer as they are", "[control]") {
  Two two;
  const auto id = two.add({"a@b.test", "c@b.test", "d@b.test"}, std::string(700'000, 'x') + "\r\n");
  two.add({"e@b.test"});
  two.add({"f@other.test"});
  spool::Filter one;
  one.recipient = "c@b.test";
  two.a.spool->hold(one, "to be looked at");
  one.recipient = "d@b.test";
  const auto claims = two.a.spool->claim(one, 1);
  REQUIRE(claims.size() == 1);
  REQUIRE(spool::test::record(*two.a.spool, {spool::test::deferral_of(claims[0], wall_now() + hours(2), "not now")}));
  auto before = whole(two.a.entries());
  const auto envelope = two.a.spool->find(id)->envelope;
  const auto body = spool::test::body_of(*two.a.spool, id);

  auto request = those_of("b.test");
  request.set_dry_run(true);
  REQUIRE(two.transfer(request).ok());
  CHECK(two.response.changed() == 4);
  CHECK(whole(two.a.entries()) == before);
  request.set_dry_run(false);
  REQUIRE(two.transfer(request).ok());
  CHECK(two.response.changed() == 4);
  CHECK(two.a.entries().size() == 1);
  before.pop_back();
  CHECK(whole(two.b.entries()) == before);
  const auto moved = two.b.spool->find(id);
  REQUIRE(moved != nullptr);
  CHECK(moved->recipients == 3);
  CHECK(moved->envelope.envid == envelope.envid);
  CHECK(moved->envelope.ret == envelope.ret);
  CHECK(moved->envelope.body_type == envelope.body_type);
  CHECK(moved->envelope.attributes == envelope.attributes);
  CHECK(spool::test::body_of(*two.b.spool, id) == body);
}

TEST_CASE("what a peer does not take stays as it is", "[control]") {
  Two two;
  const auto id = two.add({"a@b.test", "c@b.test"});
  spool::Filter one;
  one.recipient = "c@b.test";
  two.a.spool->hold(one, "wait");
  const auto before = whole(two.a.entries());
  CHECK(two.transfer(those_of("b.test", "mta@gone")).error_code() == StatusCode::UNAVAILABLE);
  CHECK(whole(two.a.entries()) == before);
  CHECK(two.transfer(those_of("b.test", "mta@nobody")).error_code() == StatusCode::INVALID_ARGUMENT);
  CHECK(two.transfer(those_of("b.test", "")).error_code() == StatusCode::INVALID_ARGUMENT);
  // A part of the message went before: the rest cannot follow while that is there.
  REQUIRE(two.transfer([&] {
               auto request = those_of("b.test");
               request.mutable_selector()->set_recipient("a@b.test");
               return request;
             }())
              .ok());
  REQUIRE(two.transfer(those_of("b.test")).ok());
  CHECK(two.response.changed() == 0);
  CHECK(two.response.skipped() == 1);
  CHECK(two.a.entries().size() == 1);
  CHECK(two.a.entries()[0].state == spool::State::kHeld);
  CHECK(two.b.spool->recipients(id).size() == 1);
}

TEST_CASE("those under delivery do not move, and wait if told to", "[control]") {
  Two two;
  two.add({"a@b.test", "c@b.test"});
  spool::Filter one;
  one.recipient = "a@b.test";
  const auto claims = two.a.spool->claim(one, 1);
  REQUIRE(claims.size() == 1);
  auto request = those_of("b.test");
  request.set_dry_run(true);
  REQUIRE(two.transfer(request).ok());
  CHECK(two.response.changed() == 1);
  CHECK(two.response.skipped() == 1);
  request.set_dry_run(false);
  REQUIRE(two.transfer(request).ok());
  CHECK(two.response.changed() == 1);
  CHECK(two.response.skipped() == 1);
  CHECK(two.a.entries().size() == 1);
}

TEST_CASE("an import is checked, and is on disk when it is answered", "[control]") {
  Two two;
  const auto id = two.add({"a@b.test", "c@b.test"});
  v1::GetMessageRequest asked;
  asked.set_id(id.to_string());
  v1::GetMessageResponse archive;
  {
    grpc::ClientContext context;
    REQUIRE(two.a.stub->GetMessage(&context, asked, &archive).ok());
  }
  const std::string content = spool::test::body_of(*two.a.spool, id);
  const auto import = [&](const v1::GetMessageResponse& message, std::vector<std::string> pieces, bool hold = false) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    v1::ImportMessageResponse response;
    const auto stream = two.b.stub->ImportMessage(&context, &response);
    v1::ImportMessageRequest request;
    *request.mutable_message() = message;
    request.set_hold(hold);
    for (const auto& piece : pieces) {
      request.set_content(piece);
      stream->Write(request);
      request.Clear();
    }
    stream->WritesDone();
    return stream->Finish().error_code();
  };
  const auto spoilt = [&](auto spoil) {
    auto message = archive;
    spoil(message);
    return import(message, {content});
  };
  using Message = v1::GetMessageResponse;
  CHECK(import(archive, {}) == StatusCode::INVALID_ARGUMENT);
  CHECK(import(archive, {content.substr(1)}) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.set_id("nonsense"); }) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.clear_recipient(); }) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.clear_received(); }) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.set_sender("a b"); }) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.set_body("9BIT"); }) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.set_priority(10); }) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.set_accepted_recipients(1); }) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.mutable_recipient(1)->set_ordinal(0); }) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.mutable_recipient(0)->set_notify("SOMETIMES"); }) == StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.mutable_recipient(0)->set_recipient("a@b\r\nDATA"); }) ==
        StatusCode::INVALID_ARGUMENT);
  CHECK(spoilt([](Message& m) { m.mutable_recipient(0)->mutable_next_attempt()->set_nanos(-1); }) ==
        StatusCode::INVALID_ARGUMENT);
  CHECK(two.b.entries().empty());
  REQUIRE(import(archive, {content.substr(0, 5), content.substr(5)}, true) == StatusCode::OK);
  {
    const spool::test::CrashCopy copy(two.b.directory.path() / "spool");
    CHECK(spool::test::open_spool(copy.path())->counts().messages == 1);
  }
  CHECK(import(archive, {content}) == StatusCode::ALREADY_EXISTS);
  for (const auto& entry : two.b.entries()) CHECK(entry.state == spool::State::kHeld);
  CHECK(spool::test::body_of(*two.b.spool, id) == content);
}
