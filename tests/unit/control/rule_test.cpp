// RuleService: what makes no sense, what is done with the queue, and what a rule leaves behind.
#include <grpcpp/create_channel.h>

#include "common/relay/relay.h"
#include "helpers.h"
#include "quartet/control/v1/rule.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;

namespace {

relay::Options options_in(const std::filesystem::path& directory) {
  relay::Options options;
  options.directory = directory;
  return options;
}

/// A queue whose relay does not run: only what is done to the queue itself is seen.
struct Queue : Running {
  relay::Relay relay{options_in(directory.path() / "spool"), std::make_shared<relay::Router>(relay::RoutingTable{}),
                     *spool};
  std::unique_ptr<v1::RuleService::Stub> stub;

  Queue() {
    start(&relay);
    stub = v1::RuleService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~Queue() { server.reset(); }

  void add(const std::string& address) { enqueue(*spool, message_to({address})); }
  grpc::Status create(const v1::CreateRuleRequest& request, v1::CreateRuleResponse* response = nullptr) {
    grpc::ClientContext context;
    v1::CreateRuleResponse unread;
    return stub->CreateRule(&context, request, response != nullptr ? response : &unread);
  }
  grpc::Status cancel(const std::string& id, bool keep, v1::CancelRuleResponse& response) {
    grpc::ClientContext context;
    v1::CancelRuleRequest request;
    request.set_id(id);
    request.set_keep(keep);
    return stub->CancelRule(&context, request, &response);
  }
  v1::ListRulesResponse rules() {
    grpc::ClientContext context;
    v1::ListRulesResponse response;
    REQUIRE(stub->ListRules(&context, {}, &response).ok());
    return response;
  }
  std::uint64_t held() const { return spool->counts().recipients[static_cast<std::size_t>(spool::State::kHeld)]; }
};

v1::CreateRuleRequest hold(const std::string& text) {
  v1::CreateRuleRequest request;
  request.set_kind(v1::Rule::KIND_HOLD);
  request.mutable_selector()->set_text(text);
  return request;
}

}  // namespace

TEST_CASE("a hold holds what is queued, and its end releases that alone", "[control]") {
  Queue queue;
  for (const char* to : {"a@b.test", "c@b.test", "e@f.test"}) queue.add(to);
  spool::Filter mine;
  mine.recipient = "c@b.test";
  queue.spool->hold(mine, "mine");
  v1::CreateRuleResponse made;
  auto request = hold("rcpt.domain=b.test");
  request.set_reason("too much");
  REQUIRE(queue.create(request, &made).ok());
  CHECK(made.counts().changed() == 1);
  CHECK(made.operation().rule() == made.rule().id());
  CHECK(made.operation().state() == v1::Operation::STATE_DONE);
  CHECK(queue.held() == 2);
  const auto listed = queue.rules();
  REQUIRE(listed.rule_size() == 1);
  CHECK(listed.rule(0).kind() == v1::Rule::KIND_HOLD);
  CHECK(listed.rule(0).selector().text() == "rcpt.domain=b.test");
  CHECK(listed.rule(0).until().seconds() - listed.rule(0).since().seconds() == 3600);
  CHECK(listed.rule(0).who().starts_with("unix:uid="));

  v1::CancelRuleResponse cancelled;
  REQUIRE(queue.cancel(made.rule().id(), false, cancelled).ok());
  CHECK(cancelled.operation().changed() == 1);
  CHECK(queue.held() == 1);
  CHECK(queue.spool->list(mine, 1)->entries.at(0).state == spool::State::kHeld);
  CHECK(queue.rules().rule_size() == 0);
  CHECK(queue.cancel(made.rule().id(), false, cancelled).error_code() == StatusCode::NOT_FOUND);
}

TEST_CASE("a hold may end and leave on hold what it holds", "[control]") {
  Queue queue;
  queue.add("a@b.test");
  v1::CreateRuleResponse made;
  REQUIRE(queue.create(hold("rcpt.domain=b.test"), &made).ok());
  v1::CancelRuleResponse cancelled;
  REQUIRE(queue.cancel(made.rule().id(), true, cancelled).ok());
  CHECK_FALSE(cancelled.has_operation());
  CHECK(queue.held() == 1);
  CHECK(queue.rules().rule_size() == 0);
}

TEST_CASE("a dry run and a guard make no rule", "[control]") {
  Queue queue;
  queue.add("a@b.test");
  queue.add("c@b.test");
  auto request = hold("rcpt.domain=b.test");
  request.set_dry_run(true);
  v1::CreateRuleResponse made;
  REQUIRE(queue.create(request, &made).ok());
  CHECK(made.counts().changed() == 2);
  CHECK_FALSE(made.has_rule());
  request.set_dry_run(false);
  request.set_max_affected(1);
  CHECK(queue.create(request).error_code() == StatusCode::FAILED_PRECONDITION);
  CHECK(queue.rules().rule_size() == 0);
  CHECK(queue.held() == 0);
  request.set_max_affected(2);
  CHECK(queue.create(request).ok());
  CHECK(queue.held() == 2);
}

TEST_CASE("what is queued is bounced, dropped, and made due for another way", "[control]") {
  Queue queue;
  for (const char* to : {"a@bounce.test", "a@drop.test", "a@away.test"}) {
    auto message = message_to({to});
    message.due = wall_now() + std::chrono::hours(1);
    enqueue(*queue.spool, std::move(message));
  }
  auto request = hold("rcpt.domain=bounce.test");
  request.set_kind(v1::Rule::KIND_BOUNCE);
  request.set_reason("closed");
  request.set_status("5.1.6");
  REQUIRE(queue.create(request).ok());
  request = hold("rcpt.domain=drop.test");
  request.set_kind(v1::Rule::KIND_DROP);
  REQUIRE(queue.create(request).ok());
  request = hold("rcpt.domain=away.test");
  request.set_kind(v1::Rule::KIND_REROUTE);
  request.set_next_hop("relay.test:2525");
  REQUIRE(queue.create(request).ok());
  const auto entries = queue.spool->list({}, 10)->entries;
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].bounce);
  CHECK(entries[0].last == spool::Reply{550, "5.1.6", "closed", ""});
  CHECK(entries[1].address == "a@away.test");
  CHECK(entries[1].next_attempt <= wall_now());
  CHECK(entries[1].next_hop.empty());  // it is the rule's, not the recipient's
}

TEST_CASE("rules that make no sense are refused", "[control]") {
  Queue queue;
  const auto refused = [&](auto change) {
    auto request = hold("rcpt.domain=b.test");
    change(request);
    INFO(request.ShortDebugString());
    CHECK(queue.create(request).error_code() == StatusCode::INVALID_ARGUMENT);
  };
  using Request = v1::CreateRuleRequest;
  refused([](Request& request) { request.clear_kind(); });
  refused([](Request& request) { request.clear_selector(); });
  refused([](Request& request) { request.mutable_selector()->set_text("nonsense"); });
  for (const auto* text : {"state=held", "id=01m8aj1vkz9ft3rw7ebdyptm9j", "next<2h", "rule=x"})
    refused([text](Request& request) { request.mutable_selector()->set_text(text); });
  refused([](Request& request) { request.mutable_ttl(); });
  refused([](Request& request) { request.mutable_ttl()->set_seconds(31 * 86'400); });
  refused([](Request& request) { request.set_reason(std::string(1001, 'x')); });
  refused([](Request& request) { request.set_status("5.7.1"); });
  refused([](Request& request) { request.set_next_hop("mx"); });
  refused([](Request& request) { request.set_rate("1/s"); });
  refused([](Request& request) { request.set_kind(v1::Rule::KIND_BOUNCE); });  // without a reason
  refused([](Request& request) { request.set_kind(v1::Rule::KIND_REROUTE); });
  refused([](Request& request) {
    request.set_kind(v1::Rule::KIND_REROUTE);
    request.set_next_hop("default");
  });
  refused([](Request& request) { request.set_kind(v1::Rule::KIND_THROTTLE); });
  CHECK(queue.rules().rule_size() == 0);
}

TEST_CASE("what a rule would find", "[control]") {
  Queue queue;
  for (const char* to : {"a@b.test", "c@b.test", "e@f.test"}) queue.add(to);
  v1::TestRuleRequest request;
  request.mutable_selector()->set_text("rcpt.domain=b.test");
  request.set_entries(1);
  grpc::ClientContext context;
  v1::TestRuleResponse response;
  REQUIRE(queue.stub->TestRule(&context, request, &response).ok());
  CHECK(response.matched() == 2);
  REQUIRE(response.entry_size() == 1);
  CHECK(response.entry(0).recipient() == "a@b.test");
  request.mutable_selector()->set_text("state=held");
  grpc::ClientContext again;
  CHECK(queue.stub->TestRule(&again, request, &response).error_code() == StatusCode::INVALID_ARGUMENT);
}
