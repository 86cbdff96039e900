// Recipients verified at their next hop: what its answers mean, what is remembered, and how many questions it is asked.
#include "common/relay/recipient_verifier.h"

#include <future>

#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using Kind = Verdict::Kind;

namespace {

std::shared_ptr<const Router> to_sink(std::uint16_t port, Protocol protocol = Protocol::kSmtp) {
  return std::make_shared<const Router>(all_to(to_port(port, protocol)));
}

/// Counts RCPT commands and refuses whom the test refuses.
struct Users {
  std::atomic<int> asked = 0;
  std::atomic<int> messages = 0;
  Script script() {
    Script script;
    script.command = [this](int, const std::string& line) -> std::string {
      if (line == "DATA") ++messages;
      if (!line.starts_with("RCPT")) return "";
      ++asked;
      if (line.find("<no") != std::string::npos) return "550 5.1.1 no such user";
      if (line.find("<later") != std::string::npos) return "452 4.2.2 full";
      return "";
    };
    return script;
  }
};

async::Task<std::vector<Verdict>> ask_all(RecipientVerifier& verifier, std::shared_ptr<const Router> router,
                                          std::vector<std::string> recipients) {
  std::vector<Verdict> verdicts;
  for (auto& recipient : recipients) {
    auto verdict = co_await verifier.ask(router, std::move(recipient));
    verdicts.push_back(std::move(verdict));
  }
  co_await verifier.close();
  co_return verdicts;
}

async::Task<void> ask_into(RecipientVerifier& verifier, std::shared_ptr<const Router> router, std::string recipient,
                           std::vector<Verdict>& out) {
  auto verdict = co_await verifier.ask(std::move(router), std::move(recipient));
  out.push_back(std::move(verdict));
}

async::Task<std::vector<Verdict>> ask_at_once(RecipientVerifier& verifier, std::shared_ptr<const Router> router,
                                              std::vector<std::string> recipients) {
  std::vector<Verdict> verdicts;
  async::TaskGroup group;
  for (auto& recipient : recipients) group.spawn(ask_into(verifier, router, std::move(recipient), verdicts));
  co_await group.join();
  co_await verifier.close();
  co_return verdicts;
}

}  // namespace

TEST_CASE("what a next hop says of a recipient", "[relay]") {
  Users users;
  const Sink sink(users.script());
  async::Loop loop;
  RecipientVerifier verifier(loop, options_for_tests(), {});
  const auto verdicts =
      loop.block_on(ask_all(verifier, to_sink(sink.port()), {"ann@b.test", "nobody@b.test", "later@b.test"}));
  CHECK(verdicts[0].kind == Kind::kAccepted);
  CHECK(verdicts[1].kind == Kind::kRefused);
  CHECK(verdicts[1].reply.code == 550);
  CHECK(verdicts[1].reply.enhanced == "5.1.1");
  CHECK(verdicts[2].kind == Kind::kUnknown);
  CHECK(users.messages == 0);
}

TEST_CASE("an answer is remembered", "[relay]") {
  Users users;
  const Sink sink(users.script());
  async::Loop loop;
  RecipientVerifier verifier(loop, options_for_tests(), {});
  const auto verdicts = loop.block_on(
      ask_all(verifier, to_sink(sink.port()), {"ann@b.test", "ann@B.Test", "nobody@b.test", "nobody@b.test"}));
  CHECK(verdicts[1].kind == Kind::kAccepted);
  CHECK(verdicts[3].kind == Kind::kRefused);
  CHECK(users.asked == 2);
}

TEST_CASE("answers have their time", "[relay]") {
  Users users;
  const Sink sink(users.script());
  async::Loop loop;
  VerifyOptions options;
  options.refused_for = std::chrono::seconds(0);
  RecipientVerifier verifier(loop, options_for_tests(), options);
  loop.block_on(
      ask_all(verifier, to_sink(sink.port()), {"nobody@b.test", "nobody@b.test", "ann@b.test", "ann@b.test"}));
  CHECK(users.asked == 3);
}

TEST_CASE("who asks the same shares the question, and a next hop is not asked by all at once", "[relay]") {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  Users users;
  auto script = users.script();
  script.command = [&, usual = script.command](int connection, const std::string& line) {
    if (line.starts_with("EHLO")) most = std::max<int>(most, ++now);
    if (line == "QUIT") --now;
    return usual(connection, line);
  };
  const Sink sink(std::move(script));
  async::Loop loop;
  VerifyOptions options;
  options.probes_per_hop = 2;
  RecipientVerifier verifier(loop, options_for_tests(), options);
  std::vector<std::string> recipients;
  for (int i = 0; i < 60; ++i) recipients.push_back("user" + std::to_string(i % 6) + "@b.test");
  const auto verdicts = loop.block_on(ask_at_once(verifier, to_sink(sink.port()), recipients));
  REQUIRE(verdicts.size() == 60);
  for (const auto& verdict : verdicts) CHECK(verdict.kind == Kind::kAccepted);
  CHECK(users.asked == 6);
  CHECK(most <= 2);
}

TEST_CASE("a next hop that is not there is not tried for every recipient", "[relay]") {
  int port = 0;
  {
    const Sink gone({});
    port = gone.port();
  }
  Script refusal;
  refusal.greeting = "554 5.7.1 not you";
  const Sink refuses(std::move(refusal));
  async::Loop loop;
  RecipientVerifier verifier(loop, options_for_tests(), {});
  RoutingTable table = all_to(to_port(static_cast<std::uint16_t>(port)));
  table.transports["c.test"] = to_port(refuses.port());
  const auto router = std::make_shared<const Router>(std::move(table));
  const auto verdicts =
      loop.block_on(ask_all(verifier, router, {"a@b.test", "b@b.test", "a@c.test", "b@c.test", "c@c.test"}));
  for (const auto& verdict : verdicts) CHECK(verdict.kind == Kind::kUnknown);
  CHECK(verdicts[4].reply.text.find("not you") != std::string::npos);
  CHECK(refuses.connections() == 1);
}

TEST_CASE("who takes no mail without a sender says nothing of recipients", "[relay]") {
  Script script;
  script.command = [](int, const std::string& line) -> std::string {
    return line.starts_with("MAIL") ? "550 5.7.1 no null sender" : "";
  };
  const Sink sink(std::move(script));
  async::Loop loop;
  RecipientVerifier verifier(loop, options_for_tests(), {});
  CHECK(loop.block_on(ask_all(verifier, to_sink(sink.port()), {"a@b.test"}))[0].kind == Kind::kUnknown);
}

TEST_CASE("nobody waits longer than he said for a next hop that hangs", "[relay]") {
  std::promise<void> end;
  Script script;
  script.command = [over = end.get_future().share()](int, const std::string& line) -> std::string {
    if (!line.starts_with("RCPT")) return "";
    over.wait();
    return kCut;
  };
  const Sink hangs(std::move(script));
  async::Loop loop;
  VerifyOptions options;
  options.timeout = std::chrono::seconds(1);
  RecipientVerifier verifier(loop, options_for_tests(), options);
  const auto verdicts = loop.block_on(ask_all(verifier, to_sink(hangs.port()), {"a@b.test"}));
  end.set_value();
  CHECK(verdicts[0].kind == Kind::kUnknown);
}

TEST_CASE("what the tables alone decide is not asked", "[relay]") {
  Users users;
  const Sink sink(users.script());
  auto table = all_to(to_port(sink.port()));
  table.transports["held.test"].kind = NextHop::Kind::kHold;
  auto& gone = table.transports["gone.test"];
  gone.kind = NextHop::Kind::kError;
  gone.error = "not here any more";
  table.links.push_back({"field", {"field.test"}, to_port(sink.port()), true, true});
  async::Loop loop;
  RecipientVerifier verifier(loop, options_for_tests(), {});
  const auto router = std::make_shared<const Router>(std::move(table));
  const auto verdicts = loop.block_on(ask_all(verifier, router, {"no@held.test", "a@gone.test", "no@field.test"}));
  CHECK(verdicts[0].kind == Kind::kAccepted);
  CHECK(verdicts[1].kind == Kind::kRefused);
  CHECK(verdicts[1].reply.text == "not here any more");
  CHECK(verdicts[2].kind == Kind::kAccepted);
  CHECK(users.asked == 0);
}

TEST_CASE("recipients are asked about by LMTP as well", "[relay]") {
  Users users;
  auto script = users.script();
  script.lmtp = true;
  const Sink sink(std::move(script));
  async::Loop loop;
  RecipientVerifier verifier(loop, options_for_tests(), {});
  const auto verdicts =
      loop.block_on(ask_all(verifier, to_sink(sink.port(), Protocol::kLmtp), {"ann@b.test", "nobody@b.test"}));
  CHECK(verdicts[0].kind == Kind::kAccepted);
  CHECK(verdicts[1].kind == Kind::kRefused);
}

async::Task<void> ask_around_new_options(RecipientVerifier& verifier, std::shared_ptr<const Router> router,
                                         const Users& users) {
  co_await verifier.ask(router, "ann@b.test");
  co_await verifier.ask(router, "ann@b.test");
  CHECK(users.asked == 1);
  verifier.set_options(options_for_tests(), {});
  co_await verifier.ask(router, "ann@b.test");
  CHECK(users.asked == 2);
  co_await verifier.close();
}

TEST_CASE("new options begin with nothing known", "[relay]") {
  Users users;
  const Sink sink(users.script());
  async::Loop loop;
  RecipientVerifier verifier(loop, options_for_tests(), {});
  loop.block_on(ask_around_new_options(verifier, to_sink(sink.port()), users));
}

TEST_CASE("after the end nobody knows", "[relay]") {
  async::Loop loop;
  RecipientVerifier verifier(loop, options_for_tests(), {});
  loop.block_on(verifier.close());
  CHECK(loop.block_on(ask_all(verifier, to_sink(9), {"a@b.test"}))[0].kind == Kind::kUnknown);
}
