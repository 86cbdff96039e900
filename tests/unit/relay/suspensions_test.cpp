// Destinations that an operator suspended: which mail that concerns, what is kept on disk, and what the relay does.
#include "common/relay/suspensions.h"

#include <fstream>
#include <future>

#include "common/spool/handling.h"
#include "settle.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using spool::test::TemporaryDirectory;
using std::chrono::hours;

namespace {

const WallTime kNow = from_micros(1'800'000'000'000'000);

Suspension until(std::string destination, WallTime end) {
  return {std::move(destination), kNow, end, "a reason\nof two lines", "unix:uid=0,pid=1"};
}

std::vector<std::string> destinations(const Suspensions& suspensions, WallTime now) {
  std::vector<std::string> out;
  for (const auto& one : suspensions.list(now)) out.push_back(one.destination);
  return out;
}

/// Suspends as an operator does, for an hour, and waits until the relay has taken note.
void suspend(Running& running, const std::string& destination) {
  const auto now = wall_now();
  auto before = running.relay().suspend({destination, now, now + hours(1), "", ""});
  REQUIRE(before);
  settle(running);
  running.relay().make_due(std::move(*before));
}

std::uint64_t resume(Running& running, const std::string& destination) {
  auto domains = running.relay().resume(destination);
  REQUIRE(domains);
  REQUIRE(*domains);
  settle(running);
  return running.relay().make_due(std::move(**domains));
}

/// So many recipients wait for the end of an hour, untried.
bool withheld(Running& running, std::size_t recipients) {
  return before_long([&] {
    spool::Filter filter;
    filter.states = {spool::State::kQueued};
    filter.next_attempt_from = wall_now() + std::chrono::minutes(50);
    return running.spool().count(filter) == recipients;
  });
}

}  // namespace

TEST_CASE("a suspension is of a site, a domain, or the domains below one", "[relay]") {
  Suspensions suspensions({});
  CHECK_FALSE(suspensions.any());
  CHECK_FALSE(suspensions.withhold("x.org", "smtp:mx:25:mx.x.org", kNow));
  REQUIRE(suspensions.add(until("x.org", kNow + hours(1))));
  REQUIRE(suspensions.add(until(".x.org", kNow + hours(2))));
  REQUIRE(suspensions.add(until(".b.x.org", kNow + hours(4))));
  REQUIRE(suspensions.add(until("smtp:mx:25:mx.y.org", kNow + hours(3))));
  CHECK(suspensions.withhold("x.org", "", kNow) == kNow + hours(1));
  CHECK(suspensions.withhold("a.x.org", "", kNow) == kNow + hours(2));
  CHECK(suspensions.withhold("a.b.x.org", "", kNow) == kNow + hours(4));
  CHECK(suspensions.withhold("b.x.org", "", kNow) == kNow + hours(2));
  CHECK_FALSE(suspensions.withhold("ax.org", "", kNow));
  CHECK_FALSE(suspensions.withhold("org", "", kNow));
  CHECK_FALSE(suspensions.withhold("", "", kNow));
  CHECK(suspensions.withhold("y.org", "smtp:mx:25:mx.y.org", kNow) == kNow + hours(3));
  CHECK(suspensions.withhold("x.org", "smtp:mx:25:mx.y.org", kNow) == kNow + hours(3));
  CHECK_FALSE(suspensions.withhold("y.org", "", kNow));
  // Its time is over.
  CHECK_FALSE(suspensions.withhold("x.org", "", kNow + hours(1)));
  CHECK(suspensions.has_site("smtp:mx:25:mx.y.org", kNow));
  CHECK_FALSE(suspensions.has_site("smtp:mx:25:mx.y.org", kNow + hours(3)));
}

TEST_CASE("what a suspension withheld is known at its end", "[relay]") {
  Suspensions suspensions({});
  REQUIRE(suspensions.add(until("smtp:a/25", kNow + hours(1)))->empty());
  REQUIRE(suspensions.withhold("one.test", "smtp:a/25", kNow));
  REQUIRE(suspensions.withhold("two.test", "smtp:a/25", kNow));
  CHECK_FALSE(suspensions.withhold("three.test", "smtp:b/25", kNow));
  // Another time: what waits for the first one is to be looked at again.
  CHECK(*suspensions.add(until("smtp:a/25", kNow + hours(2))) == std::vector<std::string>{"one.test", "two.test"});
  CHECK(**suspensions.remove("smtp:a/25") == std::vector<std::string>{"one.test", "two.test"});
  CHECK_FALSE(suspensions.any());
  CHECK_FALSE(*suspensions.remove("smtp:a/25"));
  REQUIRE(suspensions.add(until(".x.org", kNow + hours(1))));
  CHECK(**suspensions.remove(".x.org") == std::vector<std::string>{".x.org"});
}

TEST_CASE("suspensions outlive a restart, until their time is over", "[relay]") {
  TemporaryDirectory directory;
  {
    Suspensions suspensions(directory.path());
    REQUIRE(suspensions.add(until("x.org", kNow + hours(1))));
    REQUIRE(suspensions.add(until("y.org", kNow + hours(2))));
    REQUIRE(suspensions.add(until("z.org", kNow + hours(2))));
    REQUIRE(suspensions.remove("z.org"));
  }
  Suspensions again(directory.path());
  CHECK(destinations(again, kNow) == std::vector<std::string>{"x.org", "y.org"});
  const auto kept = again.list(kNow)[0];
  CHECK(kept.since == kNow);
  CHECK(kept.until == kNow + hours(1));
  CHECK(kept.reason == "a reason\nof two lines");
  CHECK(kept.who == "unix:uid=0,pid=1");
  const auto ended = again.take_ended(kNow + hours(1));
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].destination == "x.org");
  CHECK(destinations(again, kNow) == std::vector<std::string>{"y.org"});
}

TEST_CASE("a damaged file of suspensions keeps nobody from work, and a disk that refuses changes nothing", "[relay]") {
  TemporaryDirectory directory;
  {
    REQUIRE(Suspensions(directory.path()).add(until("x.org", kNow + hours(1))));
  }
  const auto file = directory.path() / "suspensions";
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes.substr(0, size);
    CHECK_FALSE(Suspensions(directory.path()).any());
  }
  auto other = bytes;
  other[bytes.size() / 2] ^= 1;
  std::ofstream(file, std::ios::binary | std::ios::trunc) << other;
  CHECK_FALSE(Suspensions(directory.path()).any());

  Suspensions nowhere(directory.path() / "not" / "there");
  CHECK_FALSE(nowhere.add(until("x.org", kNow + hours(1))));
  CHECK_FALSE(nowhere.any());
}

TEST_CASE("mail to a suspended domain waits untried, other mail goes, and at the end all goes", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  running.start();
  suspend(running, "x.test");
  suspend(running, ".y.test");
  running.enqueue(message_to({"a@x.test", "b@other.test"}));
  running.enqueue(message_to({"c@sub.y.test"}));
  REQUIRE(sink.wait_for(1));
  REQUIRE(withheld(running, 2));
  CHECK(running.entry("a@x.test").attempts == 0);
  const auto claimed = running.spool().stats().claimed;
  running.enqueue(message_to({"d@y.test"}));  // not below y.test
  REQUIRE(sink.wait_for(2));
  CHECK(running.spool().stats().claimed == claimed + 1);  // what waits is not looked at again
  CHECK(resume(running, "x.test") == 1);
  CHECK(resume(running, ".y.test") == 1);
  CHECK(running.empty());
  CHECK(sink.mails().size() == 4);
}

TEST_CASE("nothing more goes to a suspended site, not even over an open connection", "[relay]") {
  std::promise<void> arrived, go_on;
  auto may_go_on = go_on.get_future().share();
  std::atomic<int> messages = 0, quits = 0;
  Script script;
  script.message = [&, may_go_on](const Mail&) {
    if (++messages == 1) {
      arrived.set_value();
      may_go_on.wait();
    }
    return std::vector<std::string>{"250 2.0.0 ok"};
  };
  script.command = [&](int, const std::string& line) {
    if (line.starts_with("QUIT")) ++quits;
    return std::string();
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.site.concurrency.initial = options.site.concurrency.maximum = 1;
  options.idle_timeout = std::chrono::minutes(10);
  Running running(all_to(to_port(sink.port())), std::move(options));
  for (const char* to : {"a@b.test", "c@d.test", "e@f.test"}) running.enqueue(message_to({to}));
  running.start();
  arrived.get_future().wait();
  const auto sites = sites_of(running.relay());
  REQUIRE(sites.size() == 1);
  suspend(running, sites[0].key);
  go_on.set_value();
  REQUIRE(withheld(running, 2));
  REQUIRE(before_long([&] { return quits == 1; }));
  running.enqueue(message_to({"g@h.test"}));
  REQUIRE(withheld(running, 3));
  CHECK(sink.connections() == 1);
  CHECK(messages == 1);
  CHECK(resume(running, sites[0].key) == 3);
  CHECK(running.empty());
  CHECK(messages == 4);
}

TEST_CASE("an idle connection to a site that is suspended ends at once", "[relay]") {
  std::atomic<int> quits = 0;
  Script script;
  script.command = [&](int, const std::string& line) {
    if (line.starts_with("QUIT")) ++quits;
    return std::string();
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.site.concurrency.initial = options.site.concurrency.maximum = 1;
  options.idle_timeout = std::chrono::minutes(10);
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.empty());
  CHECK(quits == 0);
  suspend(running, sites_of(running.relay())[0].key);
  CHECK(before_long([&] { return quits == 1; }));
}

TEST_CASE("time goes on for withheld mail: its sender hears of the delay, and it expires", "[relay]") {
  Sink sink({});
  auto options = options_for_tests();
  options.notices.delay_after = std::chrono::seconds(1);
  options.retry.lifetime = std::chrono::seconds(3);
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.start();
  suspend(running, "b.test");
  auto message = message_to({"a@b.test"});
  message.envelope.reverse_path = "sender@home.test";
  message.recipients[0].notify = spool::kNotifyDelay | spool::kNotifyFailure;
  const bool held_for_its_sender = GENERATE(false, true);
  if (held_for_its_sender) {  // which is no delay
    message.envelope.received = wall_now() - std::chrono::seconds(10);
    spool::set_release(message.envelope, wall_now() + std::chrono::seconds(1));
  }
  running.enqueue(std::move(message));
  REQUIRE(sink.wait_for(2));
  REQUIRE(running.empty());
  const auto mails = sink.mails();
  const auto delay = parse_report(mails[0].body), failure = parse_report(mails[1].body);
  CHECK(delay.recipients.at(0).at("action") == "delayed");
  CHECK(failure.recipients.at(0).at("action") == "failed");
  CHECK(failure.recipients.at(0).at("status") == "5.3.2");
}

TEST_CASE("a suspension that is in place at the start of the relay holds", "[relay]") {
  TemporaryDirectory directory;
  {
    const auto now = wall_now();
    REQUIRE(Suspensions(directory.path()).add({"b.test", now, now + hours(1), "", ""}));
  }
  Sink sink({});
  auto options = options_for_tests();
  options.directory = directory.path();
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(withheld(running, 1));
  CHECK(sink.connections() == 0);
  CHECK(running.relay().suspensions().size() == 1);
  CHECK(resume(running, "b.test") == 1);
  CHECK(running.empty());
}

TEST_CASE("mail goes by itself when the time of a suspension is over", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  running.start();
  const auto now = wall_now();
  REQUIRE(running.relay().suspend({"b.test", now, now + std::chrono::seconds(2), "", ""}));
  running.enqueue(message_to({"a@b.test"}));
  REQUIRE(before_long([&] { return running.entry("a@b.test").next_attempt == now + std::chrono::seconds(2); }));
  CHECK(sink.connections() == 0);
  CHECK(running.empty());
  CHECK(wall_now() >= now + std::chrono::seconds(2));
}

TEST_CASE("a dead site whose back-off is cleared is tried at once", "[relay]") {
  Script script;
  script.greeting = "421 4.3.2 not now";
  auto first = std::make_unique<Sink>(std::move(script));
  const auto port = first->port();
  auto options = options_for_tests();
  options.retry.delays = {hours(1)};
  options.site.concurrency.first_pause = options.site.concurrency.longest_pause = hours(1);
  Running running(all_to(to_port(port)), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.deferred("a@b.test"));
  running.enqueue(message_to({"c@d.test"}));  // postponed, as the site is dead
  REQUIRE(withheld(running, 1));
  const auto key = sites_of(running.relay()).at(0).key;
  first.reset();
  Sink sink({}, port);
  std::promise<std::optional<std::vector<std::string>>> answer;
  running.relay().clear_backoff(key, [&answer](auto domains) { answer.set_value(std::move(domains)); });
  const auto domains = answer.get_future().get();
  REQUIRE(domains == std::vector<std::string>{"b.test", "d.test"});
  CHECK(running.relay().make_due(*domains) == 2);
  CHECK(running.empty());
  std::promise<std::optional<std::vector<std::string>>> unknown;
  running.relay().clear_backoff("smtp:nobody/25", [&unknown](auto domains) { unknown.set_value(std::move(domains)); });
  CHECK_FALSE(unknown.get_future().get());
}
