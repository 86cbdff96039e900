#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>

#include "quartet/control/v1/config.grpc.pb.h"
#include "quartet/control/v1/node.grpc.pb.h"
#include "tests/unit/control/helpers.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;

namespace {

/// An agent that says what it was asked.
struct Asked {
  TemporaryDirectory directory;
  std::unique_ptr<spool::Spool> spool = spool::test::open_spool(directory.path() / "spool");
  std::optional<std::string> text;
  std::unique_ptr<Server> server;
  std::shared_ptr<grpc::Channel> channel;

  Asked() {
    Subject subject;
    subject.agent = "mta";
    subject.hostname = [] { return std::string("mx.a.test"); };
    subject.spool = spool.get();
    subject.preview = [this](std::optional<std::string> given, auto done) {
      text = given;
      if (given == "bad") return done({.faults = {"f:1:2: wrong"}, .changes = {}});
      done({.faults = {}, .changes = {{"spool", "spool: \"a\"", "spool: \"b\"", true}}});
    };
    subject.shown = [](const std::string& setting, auto done) {
      if (setting == "none")
        done(std::nullopt);
      else
        done("text of " + setting);
    };
    subject.explain = [](const RecipientQuestion& question) -> std::optional<RecipientAnswer> {
      return RecipientAnswer{{250, "2.1.0", "yes"},
                             {550, "5.1.1", question.client.to_string() + " " + question.login},
                             {"because"},
                             {question.recipient}};
    };
    Options options;
    options.socket = (directory.path() / "control").string();
    server = *Server::start(options, std::move(subject));
    channel = grpc::CreateChannel("unix:" + options.socket, grpc::InsecureChannelCredentials());
  }
};

template <typename Response, typename Request, typename Method>
std::pair<grpc::Status, Response> ask(const Asked& agent, Method method, const Request& request) {
  grpc::ClientContext context;
  Response response;
  const auto stub = v1::ConfigService::NewStub(agent.channel);
  auto status = (stub.get()->*method)(&context, request, &response);
  return {status, response};
}

using Stub = v1::ConfigService::Stub;

}  // namespace

TEST_CASE("a configuration is held against the running one", "[control]") {
  Asked agent;
  v1::DiffConfigRequest request;
  auto diff = ask<v1::DiffConfigResponse>(agent, &Stub::DiffConfig, request);
  REQUIRE(diff.first.ok());
  CHECK_FALSE(agent.text.has_value());
  REQUIRE(diff.second.change_size() == 1);
  CHECK(diff.second.change(0).setting() == "spool");
  CHECK(diff.second.change(0).after() == "spool: \"b\"");
  CHECK(diff.second.change(0).at_start());

  request.set_text("bad");
  diff = ask<v1::DiffConfigResponse>(agent, &Stub::DiffConfig, request);
  CHECK(diff.second.fault(0) == "f:1:2: wrong");
  CHECK(diff.second.change_size() == 0);

  v1::ValidateConfigRequest validate;
  validate.set_text("");
  CHECK(ask<v1::ValidateConfigResponse>(agent, &Stub::ValidateConfig, validate).second.fault_size() == 0);
  CHECK(agent.text == "");
  validate.set_text(std::string(512 * 1024 + 1, ' '));
  CHECK(ask<v1::ValidateConfigResponse>(agent, &Stub::ValidateConfig, validate).first.error_code() ==
        StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("settings and recipients are asked about by name", "[control]") {
  const Asked agent;
  v1::GetConfigRequest setting;
  setting.set_setting("sending");
  CHECK(ask<v1::GetConfigResponse>(agent, &Stub::GetConfig, setting).second.text() == "text of sending");
  setting.set_setting("none");
  CHECK(ask<v1::GetConfigResponse>(agent, &Stub::GetConfig, setting).first.error_code() == StatusCode::NOT_FOUND);

  v1::ExplainRecipientRequest recipient;
  recipient.set_address("x@y.test");
  recipient.set_client("2001:db8::1");
  recipient.set_login("ann");
  const auto found = ask<v1::ExplainRecipientResponse>(agent, &Stub::ExplainRecipient, recipient).second;
  CHECK(found.rcpt().code() == 550);
  CHECK(found.rcpt().text() == "[2001:db8::1]:0 ann");
  CHECK(found.leads_to(0) == "x@y.test");
  for (const auto& [address, client] : {std::pair{"x", ""}, {"", ""}, {"x@y.test", "nowhere"}}) {
    INFO(address << " " << client);
    recipient.set_address(address);
    recipient.set_client(client);
    CHECK(ask<v1::ExplainRecipientResponse>(agent, &Stub::ExplainRecipient, recipient).first.error_code() ==
          StatusCode::INVALID_ARGUMENT);
  }
}

TEST_CASE("the level of the log is set for a time, and the spool is checked", "[control]") {
  const Asked agent;
  const LogCapture log;
  const auto node = v1::NodeService::NewStub(agent.channel);
  const auto set = [&node](auto level, std::int64_t seconds) {
    grpc::ClientContext context;
    v1::SetLogLevelRequest request;
    request.set_level(level);
    request.mutable_ttl()->set_seconds(seconds);
    v1::SetLogLevelResponse response;
    return node->SetLogLevel(&context, request, &response).error_code();
  };
  CHECK(set(v1::LOG_LEVEL_DEBUG, 3600) == StatusCode::OK);
  CHECK(log::enabled(log::Level::kDebug));
  CHECK(set(v1::LOG_LEVEL_UNSPECIFIED, 3600) == StatusCode::INVALID_ARGUMENT);
  CHECK(set(v1::LOG_LEVEL_INFO, 0) == StatusCode::INVALID_ARGUMENT);
  CHECK(set(v1::LOG_LEVEL_INFO, 86'401) == StatusCode::INVALID_ARGUMENT);
  CHECK(log::enabled(log::Level::kDebug));

  enqueue(*agent.spool, message_to({"a@b.test", "c@b.test"}));
  grpc::ClientContext context;
  v1::CheckSpoolResponse found;
  REQUIRE(node->CheckSpool(&context, {}, &found).ok());
  CHECK(found.healthy());
  CHECK(found.messages() == 1);
  CHECK(found.recipients() == 2);
}
