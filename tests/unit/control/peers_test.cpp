#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <map>
#include <thread>

#include "common/base/ascii.h"
#include "quartet/control/v1/peer.grpc.pb.h"
#include "tests/unit/control/helpers.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;

namespace {

/// Agents on one host that know each other by their sockets.
struct Host {
  TemporaryDirectory directory;
  struct Agent {
    std::unique_ptr<spool::Spool> spool;
    std::unique_ptr<Server> server;
  };
  std::map<std::string, Agent> agents;

  std::string socket(const std::string& name) const { return (directory.path() / name).string(); }

  /// "mta@NAME", with peers of which those that begin with '>' are next.
  void start(const std::string& kind, const std::string& name, const std::vector<std::string>& peers) {
    auto& agent = agents[name];
    agent.spool = spool::test::open_spool(directory.path() / ("spool-" + name));
    Subject subject;
    subject.agent = kind;
    subject.hostname = [name] { return name; };
    subject.spool = agent.spool.get();
    Options options;
    options.socket = socket(name);
    for (const auto& each : peers) {
      const bool next = each.starts_with('>');
      const auto full = each.substr(next ? 1 : 0);
      options.peers.push_back({full, "unix:" + socket(full.substr(full.find('@') + 1)), next});
    }
    agent.server = *Server::start(options, std::move(subject));
  }

  /// Who answers what: "mta@b:1 mta@c:!" (an error), and the status if it is not OK.
  std::string ask(const std::string& name, v1::AskPeersRequest request) {
    const auto channel = grpc::CreateChannel("unix:" + socket(name), grpc::InsecureChannelCredentials());
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    const auto stream = v1::PeerService::NewStub(channel)->AskPeers(&context, request);
    std::string out;
    v1::AskPeersResponse response;
    while (stream->Read(&response)) {
      out += (out.empty() ? "" : " ") + response.name() + ":";
      out += response.error().empty() ? std::to_string(response.count_messages().matched()) : "!";
    }
    const auto status = stream->Finish();
    return status.ok() ? out : out + " " + std::to_string(status.error_code());
  }
};

v1::AskPeersRequest count_in(v1::AskPeersRequest::Scope scope) {
  v1::AskPeersRequest request;
  request.set_scope(scope);
  request.mutable_count_messages();
  return request;
}

constexpr auto kRole = v1::AskPeersRequest::SCOPE_ROLE;
constexpr auto kChain = v1::AskPeersRequest::SCOPE_CHAIN;

}  // namespace

TEST_CASE("a chain is asked to its end, each agent once, through rings and side ways", "[peers]") {
  Host host;
  host.start("msa", "a", {">mta@b", ">mta@c"});
  host.start("mta", "b", {">mta@d", "msa@a"});
  host.start("mta", "c", {">mta@d"});
  host.start("mta", "d", {">msa@a", ">mta@b"});
  enqueue(*host.agents["b"].spool, message_to({"x@y.test"}));
  enqueue(*host.agents["d"].spool, message_to({"x@y.test", "z@y.test"}));
  CHECK(host.ask("a", count_in(kChain)) == "mta@b:1 mta@d:2 mta@c:0");
  CHECK(host.ask("d", count_in(kChain)) == "msa@a:0 mta@b:1 mta@c:0");
  auto some = count_in(kChain);
  some.set_only("MTA@d");
  CHECK(host.ask("a", some) == "mta@d:2");
  some = count_in(kChain);
  some.add_visited("mta@B");
  CHECK(host.ask("a", some) == "mta@c:0 mta@d:2");
  some.add_visited("msa@a");
  CHECK(host.ask("a", some).empty());
  CHECK(host.ask("a", count_in(static_cast<v1::AskPeersRequest::Scope>(77))) == " 3");  // INVALID_ARGUMENT
}

TEST_CASE("agents of the same kind are asked, and who does not answer is named", "[peers]") {
  Host host;
  host.start("mta", "a", {"mta@b", ">mta@gone", "mda@c"});
  host.start("mta", "b", {"mta@d"});
  host.start("mda", "c", {});
  host.start("mta", "d", {});
  CHECK(host.ask("a", count_in(kRole)) == "mta@b:0 mta@gone:!");
  CHECK(host.ask("a", count_in(kChain)) == "mta@gone:!");
  // A call that a peer does not have is its answer.
  auto other = count_in(kRole);
  other.mutable_list_destinations();
  CHECK(host.ask("a", other) == "mta@b:! mta@gone:!");
  CHECK(host.ask("a", {}) == " 3");
}

TEST_CASE("an agent that stops waits for no peer", "[peers]") {
  Host host;
  // A socket that accepts and says nothing.
  const auto path = host.socket("mute");
  const int mute = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(::bind(mute, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::listen(mute, 5) == 0);
  host.start("mta", "a", {"mta@mute"});
  auto request = count_in(kRole);
  request.mutable_patience()->set_seconds(50);
  std::jthread asking([&] { host.ask("a", request); });
  // The question has got through when somebody connects.
  const int connection = ::accept(mute, nullptr, nullptr);
  CHECK(connection >= 0);
  const auto begun = std::chrono::steady_clock::now();
  host.agents["a"].server.reset();
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(20));
  ::close(connection);
  ::close(mute);
}
