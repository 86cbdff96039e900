// What senders ask for beyond RFC 3461: FUTURERELEASE (RFC 4865), DELIVERBY (RFC 2852), MT-PRIORITY (RFC 6710).
#include "common/spool/handling.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// A next hop that puts off mail for "later@" and takes all else.
Script script(std::vector<std::string> more = {}) {
  Script made;
  made.extensions.insert(made.extensions.end(), more.begin(), more.end());
  made.command = [](int, const std::string& line) -> std::string {
    return line.find("later@") != std::string::npos ? "450 4.2.0 try again" : "";
  };
  return made;
}

spool::NewMessage message_by(const std::string& recipient, WallTime at, bool notify, bool trace = false) {
  auto message = message_to({recipient});
  message.envelope.received = wall_now();
  spool::set_deadline(message.envelope, {at, notify, trace});
  return message;
}

/// The recipients' part of the only notice that came back.
std::map<std::string, std::string> told(const Sink& sink) {
  std::vector<std::map<std::string, std::string>> found;
  for (const auto& mail : sink.mails()) {
    if (!mail.from.starts_with("MAIL FROM:<>")) continue;
    for (auto& recipient : parse_report(mail.body).recipients) found.push_back(std::move(recipient));
  }
  REQUIRE(found.size() == 1);
  return found[0];
}

}  // namespace

TEST_CASE("nothing is sent before its release, whatever makes it due", "[relay]") {
  Sink sink(script());
  Running running(all_to(to_port(sink.port())));
  auto message = message_to({"a@b.test"});
  message.envelope.received = wall_now();
  const auto release = wall_now() + milliseconds(1500);
  spool::set_release(message.envelope, release);
  message.due = release;
  running.enqueue(std::move(message));
  CHECK(running.entry("a@b.test").next_attempt == release);
  running.start();
  running.spool().retry_now({});
  REQUIRE(sink.wait_for(1));
  CHECK(wall_now() >= release);
}

TEST_CASE("the lifetime of a message begins at its release", "[relay]") {
  Sink sink(script());
  Running running(all_to(to_port(sink.port())));
  auto message = message_to({"later@b.test"});
  message.envelope.received = wall_now() - hours(24 * 30);
  message.envelope.auth_id = "s@a.test";
  spool::set_release(message.envelope, wall_now() - seconds(1));
  running.enqueue(std::move(message));
  running.start();
  REQUIRE(running.deferred("later@b.test", 2));
  CHECK(sink.mails().empty());  // nor is it late
}

TEST_CASE("mode R: what is not delivered in time comes back", "[relay]") {
  Sink sink(script({"DELIVERBY"}));
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_by("later@b.test", wall_now() + milliseconds(1500), false));
  running.start();
  REQUIRE(running.empty());
  const auto report = told(sink);
  CHECK(report.at("action") == "failed");
  CHECK(report.at("status") == "5.4.7");
  CHECK(report.at("diagnostic-code").find("450 4.2.0") != std::string::npos);
}

TEST_CASE("mode R: a message whose time is over is not sent", "[relay]") {
  Sink sink(script({"DELIVERBY"}));
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_by("a@b.test", wall_now() - seconds(1), false));
  running.start();
  REQUIRE(running.empty());
  CHECK(sink.mails().size() == 1);
  CHECK(told(sink).at("status") == "5.4.7");
}

TEST_CASE("mode N: the sender is told once, and delivery goes on", "[relay]") {
  Sink sink(script());
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_by("later@b.test", wall_now() + milliseconds(500), true));
  running.start();
  REQUIRE(sink.wait_for(1));
  const auto report = told(sink);
  CHECK(report.at("action") == "delayed");
  CHECK(report.at("status") == "4.4.7");
  CHECK(report.contains("will-retry-until"));
  REQUIRE(running.deferred("later@b.test", 4));
  CHECK(sink.mails().size() == 1);
}

TEST_CASE("the next hop gets what is left of the time", "[relay]") {
  Sink sink(script({"DELIVERBY"}));
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_by("a@b.test", wall_now() + seconds(100) + milliseconds(900), false));
  running.enqueue(message_by("b@b.test", wall_now() - seconds(100) + milliseconds(900), true));
  running.start();
  REQUIRE(sink.wait_for(2));
  REQUIRE(running.empty());
  CHECK(sink.mails().size() == 2);
  for (const auto& mail : sink.mails()) {
    const bool in_time =
        mail.from.find(" BY=100;R") != std::string::npos || mail.from.find(" BY=99;R") != std::string::npos;
    const bool late =
        mail.from.find(" BY=-100;N") != std::string::npos || mail.from.find(" BY=-101;N") != std::string::npos;
    INFO(mail.from);
    CHECK(in_time != late);
  }
}

TEST_CASE("a next hop without DELIVERBY gets nothing in mode R; in mode N the sender hears of it", "[relay]") {
  Sink sink(script());
  Running running(all_to(to_port(sink.port())));
  const bool notify = GENERATE(true, false);
  running.enqueue(message_by("a@b.test", wall_now() + hours(1), notify));
  running.start();
  REQUIRE(running.empty());
  const auto report = told(sink);
  CHECK(report.at("action") == (notify ? "relayed" : "failed"));
  if (!notify) CHECK(report.at("status") == "5.3.3");
  CHECK(sink.mails().size() == (notify ? 2 : 1));
}

TEST_CASE("a trace tells of each relay, but nobody who wants no notice", "[relay]") {
  Sink sink(script({"DELIVERBY"}));
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_by("a@b.test", wall_now() + hours(1), false, true));
  auto quiet = message_by("b@b.test", wall_now() + hours(1), false, true);
  quiet.recipients[0].notify = spool::kNotifyNever;
  running.enqueue(std::move(quiet));
  running.start();
  REQUIRE(running.empty());
  const auto report = told(sink);
  CHECK(report.at("action") == "relayed");
  CHECK(report.at("final-recipient") == "rfc822; a@b.test");
}

TEST_CASE("a priority goes on where it is understood", "[relay]") {
  const bool understood = GENERATE(true, false);
  Sink sink(script(understood ? std::vector<std::string>{"MT-PRIORITY"} : std::vector<std::string>{}));
  Running running(all_to(to_port(sink.port())));
  auto message = message_to({"a@b.test"});
  message.envelope.priority = 3;
  running.enqueue(std::move(message));
  running.start();
  REQUIRE(sink.wait_for(1));
  CHECK((sink.mails()[0].from.find(" MT-PRIORITY=3") != std::string::npos) == understood);
}
