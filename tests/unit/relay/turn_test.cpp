// Mail for links over connections that their sites opened and turned around (RFC 2645).
#include "settle.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// No route leads to the sites: what comes to them came over a connection of theirs.
RoutingTable links_without_route() {
  RoutingTable table;
  NextHop nowhere;
  nowhere.kind = NextHop::Kind::kError;
  nowhere.error = "5.7.1 the relay took a route of its own";
  table.links.push_back({"branch", {"branch.test", ".branch.test"}, nowhere, true, true});
  table.links.push_back({"other", {"other.test"}, nowhere, true, true});
  return table;
}

Turn for_branch(milliseconds stay = milliseconds(0)) {
  return {.peer = "branch.test [127.0.0.1]",
          .links = {"branch"},
          .domains = {"branch.test", ".branch.test"},
          .stay = stay,
          .keep_alive = milliseconds(100)};
}

std::uint64_t left(Running& running) { return running.spool().counts().total_recipients(); }

bool attached(Running& running, bool wanted) {
  return before_long([&] { return running.relay().links()[0].attached == wanted; });
}

/// All that is queued waits for so long, and nothing is being tried.
bool rests(Running& running, std::size_t recipients, std::chrono::hours time = std::chrono::hours(24)) {
  return before_long([&] {
    spool::Filter filter;
    filter.states = {spool::State::kQueued, spool::State::kDeferred};
    filter.next_attempt_from = wall_now() + time;
    return running.spool().count(filter) == recipients;
  });
}

}  // namespace

TEST_CASE("a site that comes gets what is its own, and no more", "[relay]") {
  std::atomic<int> quits = 0;
  Script script;
  script.command = [&quits](int, const std::string& line) -> std::string {
    if (line == "QUIT") ++quits;
    return "";
  };
  Sink site(std::move(script));
  Running running(links_without_route());
  running.start();
  for (const auto* to : {"a@branch.test", "b@sub.branch.test", "c@other.test"}) running.enqueue(message_to({to}));
  running.enqueue(message_to({"d@branch.test", "e@branch.test", "f@other.test"}));
  REQUIRE(rests(running, 6));
  // Nobody can be sent to where no route leads.
  CHECK(running.relay().start_link("branch").kind == StartAnswer::Kind::kUnable);
  CHECK(running.relay().waiting_for({"branch.test", ".branch.test"}) == 4U);

  running.turn(site.port(), for_branch());
  REQUIRE(before_long([&] { return quits == 1; }));
  REQUIRE(attached(running, false));
  CHECK(site.connections() == 1);
  REQUIRE(site.mails().size() == 3);
  std::size_t recipients = 0;
  for (const auto& mail : site.mails()) {
    recipients += mail.recipients.size();
    for (const auto& recipient : mail.recipients) CHECK(recipient.find("other.test") == std::string::npos);
  }
  CHECK(recipients == 4);
  CHECK(left(running) == 2);
  REQUIRE(rests(running, 2));
}

TEST_CASE("only the domains that were asked for are sent", "[relay]") {
  Sink site({});
  Running running(links_without_route());
  running.start();
  running.enqueue(message_to({"a@branch.test", "b@sub.branch.test"}));
  auto turn = for_branch();
  turn.domains = {"sub.branch.test"};
  running.turn(site.port(), turn);
  REQUIRE(site.wait_for(1));
  REQUIRE(rests(running, 1));
  CHECK(site.mails()[0].recipients == std::vector<std::string>{"RCPT TO:<b@sub.branch.test>"});
  CHECK(running.entry("a@branch.test").attempts == 0);
}

TEST_CASE("a site that stays gets new mail at once, and is asked whether it is still there", "[relay]") {
  std::atomic<int> noops = 0;
  std::atomic<bool> first_ended = false;
  Script script;
  script.command = [&](int connection, const std::string& line) -> std::string {
    if (line == "NOOP") ++noops;
    if (connection == 1 && line == "QUIT") first_ended = true;
    return "";
  };
  Sink site(std::move(script));
  Running running(links_without_route());
  running.start();
  running.turn(site.port(), for_branch(seconds(60)));
  REQUIRE(attached(running, true));
  running.enqueue(message_to({"a@branch.test"}));
  REQUIRE(site.wait_for(1));
  REQUIRE(before_long([&] { return noops >= 2; }));
  running.enqueue(message_to({"b@branch.test"}));
  REQUIRE(site.wait_for(2));
  CHECK(running.empty());
  CHECK(site.connections() == 1);
  // It comes back over another connection: the first is ended, and the second has the mail.
  running.turn(site.port(), for_branch(seconds(60)));
  REQUIRE(before_long([&] { return first_ended.load(); }));
  running.enqueue(message_to({"c@branch.test"}));
  REQUIRE(site.wait_for(3));
  CHECK(site.mails()[2].connection == 2);
  running.stop();  // and does not wait for the minute
}

TEST_CASE("a connection that is cut loses nothing and doubles nothing", "[relay]") {
  // In the middle of the third envelope; what was accepted before stays accepted.
  Script script;
  script.command = [](int connection, const std::string& line) -> std::string {
    return connection == 1 && line.starts_with("MAIL FROM:<third@") ? kCut : "";
  };
  Sink site(std::move(script));
  Running running(links_without_route());
  for (const auto* from : {"first@a.test", "second@a.test", "third@a.test", "fourth@a.test"}) {
    auto message = message_to({"x@branch.test"});
    message.envelope.reverse_path = from;
    running.enqueue(std::move(message));
  }
  running.start();
  REQUIRE(rests(running, 4));
  running.turn(site.port(), for_branch());
  REQUIRE(site.wait_for(2));
  REQUIRE(attached(running, false));
  REQUIRE(before_long([&] { return left(running) == 2; }));
  running.turn(site.port(), for_branch());
  REQUIRE(site.wait_for(4));
  CHECK(running.empty());
  std::map<std::string, int> times;
  for (const auto& mail : site.mails()) ++times[mail.from.substr(0, mail.from.find('@'))];
  CHECK(times.size() == 4);
  for (const auto& [from, count] : times) CHECK(count == 1);
}

TEST_CASE("a site that answers nothing is let go at NOOP", "[relay]") {
  std::atomic<int> noops = 0;
  Script script;
  script.command = [&noops](int, const std::string& line) -> std::string {
    if (line != "NOOP") return "";
    ++noops;
    return kCut;
  };
  Sink site(std::move(script));
  Running running(links_without_route());
  running.start();
  running.turn(site.port(), for_branch(seconds(600)));
  REQUIRE(before_long([&] { return noops == 1; }));
  REQUIRE(attached(running, false));
  running.enqueue(message_to({"a@branch.test"}));
  REQUIRE(rests(running, 1));
}

TEST_CASE("mail that no site came for is given up in the end", "[relay]") {
  auto options = options_for_tests();
  options.retry.lifetime = seconds(1);
  Running running(links_without_route(), std::move(options));
  running.start();
  running.enqueue(message_to({"a@branch.test"}));
  REQUIRE(before_long([&] {
    const auto entries = running.entries();
    return std::ranges::none_of(entries, [](const auto& entry) { return entry.address == "a@branch.test"; });
  }));
}

TEST_CASE("a turned connection ends when its link is paused, and at a suspension what it withholds stays", "[relay]") {
  std::atomic<int> quits = 0;
  Script script;
  script.command = [&quits](int, const std::string& line) -> std::string {
    if (line == "QUIT") ++quits;
    return "";
  };
  Sink site(std::move(script));
  Running running(links_without_route());
  running.start();
  running.turn(site.port(), for_branch(seconds(60)));
  REQUIRE(attached(running, true));
  const auto now = wall_now();
  REQUIRE(running.relay().suspend({"branch.test", now, now + std::chrono::hours(48), "", ""}));
  settle(running);
  running.enqueue(message_to({"a@branch.test", "b@sub.branch.test"}));
  REQUIRE(site.wait_for(1));
  REQUIRE(rests(running, 1, std::chrono::hours(1)));
  CHECK(site.mails()[0].recipients == std::vector<std::string>{"RCPT TO:<b@sub.branch.test>"});
  CHECK(quits == 0);
  const auto domains = running.relay().resume("branch.test");
  REQUIRE(*domains);
  settle(running);
  CHECK(running.relay().make_due(**domains) == 1);
  REQUIRE(site.wait_for(2));
  REQUIRE(running.empty());

  REQUIRE(*running.relay().pause_link({"branch", now, kUntilResumed, "", ""}));
  settle(running);
  REQUIRE(before_long([&] { return quits == 1; }));
  REQUIRE(attached(running, false));
  running.enqueue(message_to({"c@branch.test"}));
  REQUIRE(rests(running, 1));
}

TEST_CASE("a site that does not greet is sent away when an operator wishes it, and holds up no end", "[relay]") {
  Script script;
  script.greeting = "220-more of this";
  Sink site(std::move(script));
  Running running(links_without_route());
  running.start();
  running.turn(site.port(), for_branch());
  REQUIRE(before_long([&] { return site.connections() == 1 && running.sessions().list().size() == 1; }));
  SECTION("an operator") {
    CHECK(running.sessions().end(1));
    CHECK(before_long([&] { return running.sessions().list().empty(); }));
  }
  SECTION("the end") {
    const auto begun = std::chrono::steady_clock::now();
    running.stop(seconds(60));
    CHECK(std::chrono::steady_clock::now() - begun < seconds(30));
  }
}

TEST_CASE("an operator ends a turned connection", "[relay]") {
  std::atomic<int> quits = 0;
  std::atomic<bool> answer = true;
  Script script;
  script.command = [&](int, const std::string& line) -> std::string {
    if (line == "QUIT") ++quits;
    if (line.starts_with("MAIL")) answer.wait(false);
    return "";
  };
  Sink site(std::move(script));
  Running running(links_without_route());
  running.start();
  auto& sessions = running.sessions();
  running.turn(site.port(), for_branch(seconds(60)));
  REQUIRE(attached(running, true));
  SECTION("that is idle") {
    CHECK(sessions.end(1));
    REQUIRE(before_long([&] { return quits == 1; }));
  }
  SECTION("whose site hangs") {
    answer = false;
    running.enqueue(message_to({"a@branch.test"}));
    REQUIRE(before_long([&] { return running.entry("a@branch.test").state == spool::State::kActive; }));
    CHECK(sessions.end(1));
    REQUIRE(rests(running, 1));
  }
  CHECK(attached(running, false));
  CHECK(before_long([&] { return sessions.list().empty(); }));
  answer = true;
  answer.notify_all();
}
