// TCP: only by mutual TLS, only with a certificate of the configured authority.
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "helpers.h"
#include "quartet/control/v1/node.grpc.pb.h"
#include "quartet/control/v1/queue.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

grpc::StatusCode ask(const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::GetStatusResponse response;
  const auto channel = grpc::CreateChannel(address, credentials);
  return v1::NodeService::NewStub(channel)->GetStatus(&context, {}, &response).error_code();
}

Options options_for(const Authority& authority) {
  Options options;
  options.address = "127.0.0.1:0";
  options.certificate = authority.certificate("server");
  options.key = authority.key("server");
  options.client_ca = authority.ca();
  return options;
}

}  // namespace

TEST_CASE("mutual TLS lets in who has a certificate of the authority", "[control]") {
  Running running;
  const Authority authority(running.directory.path(), "right"), stranger(running.directory.path(), "wrong");
  authority.issue("server", "IP:127.0.0.1");
  authority.issue("ops", "DNS:ops.a.test");
  stranger.issue("ops", "DNS:ops.a.test");
  running.start(options_for(authority));
  const auto& address = running.server->address();
  REQUIRE(address.starts_with("127.0.0.1:"));
  CHECK(address != "127.0.0.1:0");

  const auto ca = read(authority.ca());
  const auto good = grpc::SslCredentials({ca, read(authority.key("ops")), read(authority.certificate("ops"))});
  CHECK(ask(address, good) == grpc::StatusCode::OK);
  {
    const LogCapture log;
    grpc::ClientContext context;
    v1::ChangeRequest request;
    request.mutable_selector()->set_all(true);
    v1::ChangeResponse response;
    REQUIRE(v1::QueueService::NewStub(grpc::CreateChannel(address, good))->RetryNow(&context, request, &response).ok());
    const auto text = log.text();
    INFO(text);
    CHECK(text.find("\"peer\":\"tls:ops.a.test\"") != std::string::npos);
  }
  const auto wrong = grpc::SslCredentials({ca, read(stranger.key("ops")), read(stranger.certificate("ops"))});
  CHECK(ask(address, wrong) == grpc::StatusCode::UNAVAILABLE);
  CHECK(ask(address, grpc::SslCredentials({ca, "", ""})) == grpc::StatusCode::UNAVAILABLE);
  CHECK(ask(address, grpc::InsecureChannelCredentials()) == grpc::StatusCode::UNAVAILABLE);
  // The other way round: a client that believes another authority does not talk to us.
  const auto doubting =
      grpc::SslCredentials({read(stranger.ca()), read(authority.key("ops")), read(authority.certificate("ops"))});
  CHECK(ask(address, doubting) == grpc::StatusCode::UNAVAILABLE);

  // A second process on the port is an error.
  auto options = options_for(authority);
  options.address = address;
  const auto second = Server::start(options, running.subject());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().find(address) != std::string::npos);
}

TEST_CASE("bad certificates are found at the start", "[control]") {
  Running running;
  const Authority authority(running.directory.path(), "right");
  authority.issue("server", "IP:127.0.0.1");
  authority.issue("other", "IP:127.0.0.1");
  auto options = options_for(authority);
  options.client_ca.clear();
  CHECK_FALSE(Server::start(options, running.subject()).has_value());
  options = options_for(authority);
  options.key = authority.key("other");
  CHECK_FALSE(Server::start(options, running.subject()).has_value());
  options = options_for(authority);
  options.certificate = running.socket();
  CHECK_FALSE(Server::start(options, running.subject()).has_value());
  CHECK_FALSE(Server::start({}, running.subject()).has_value());
}
