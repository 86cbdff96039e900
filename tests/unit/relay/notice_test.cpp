// When the sender is told, and that what it gets is a notification as RFC 3464 and RFC 3461 have it.
#include <mutex>

#include "common/log/tap.h"
#include "common/spool/handling.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;
using std::chrono::hours;

namespace {

/// Refuses, puts off or takes by the local part.
Script by_name(std::vector<std::string> extensions = Script().extensions) {
  Script script;
  script.extensions = std::move(extensions);
  script.command = [](int, const std::string& line) -> std::string {
    if (line.find("never@") != std::string::npos) return "550-5.1.1 no such\r\n550 5.1.1 mailbox here";
    if (line.find("later@") != std::string::npos) return "450 4.2.0 try again";
    return "";
  };
  return script;
}

/// What the log tells of recipients that are held or discarded.
class NotSent final : public log::Tap {
 public:
  void take(log::Level, std::string_view event, std::string_view line) override {
    if (event != "relay.not_sent") return;
    const std::lock_guard lock(mutex_);
    lines_ += line;
  }
  bool has(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    return lines_.contains(text);
  }

 private:
  mutable std::mutex mutex_;
  std::string lines_;
};

/// The mails with the null sender: notices on their way back.
std::vector<Mail> notices(const Sink& sink) {
  std::vector<Mail> found;
  for (auto& mail : sink.mails())
    if (mail.from.starts_with("MAIL FROM:<>")) found.push_back(std::move(mail));
  return found;
}

}  // namespace

TEST_CASE("a refused recipient gets its sender a correct notification", "[relay]") {
  Sink sink(by_name());
  Running running(all_to(to_port(sink.port())));
  auto message = message_to({"never@b.test", "fine@b.test"}, "From: s@a.test\r\nSubject: about\r\n\r\nthe text\r\n");
  message.recipients[0].orcpt = "rfc822;Old@b.test";
  message.envelope.envid = "QQ 1";
  message.envelope.ret = GENERATE(spool::Ret::kFull, spool::Ret::kHeaders);
  const bool full = message.envelope.ret == spool::Ret::kFull;
  const auto before = wall_now();
  running.enqueue(std::move(message));
  running.start();
  REQUIRE(sink.wait_for(2));
  REQUIRE(running.empty());
  const auto back = notices(sink);
  REQUIRE(back.size() == 1);
  CHECK(back[0].recipients[0].starts_with("RCPT TO:<sender@a.test>"));
  const mime::Header header(back[0].body);
  CHECK(header.text("To").find("sender@a.test") != std::string::npos);
  CHECK(header.text("Auto-Submitted").starts_with("auto-"));
  CHECK_FALSE(header.text("Message-ID").empty());
  CHECK_FALSE(header.text("Date").empty());
  const auto report = parse_report(back[0].body);
  CHECK(report.message.at("reporting-mta") == "dns; relay.test");
  CHECK(report.message.at("original-envelope-id") == "QQ 1");
  REQUIRE(report.recipients.size() == 1);
  const auto& recipient = report.recipients[0];
  CHECK(recipient.at("final-recipient") == "rfc822; never@b.test");
  CHECK(recipient.at("original-recipient") == "rfc822; Old@b.test");
  CHECK(recipient.at("action") == "failed");
  CHECK(recipient.at("status") == "5.1.1");
  CHECK(recipient.at("remote-mta") == "dns; [127.0.0.1]");
  CHECK(recipient.at("diagnostic-code").starts_with("smtp; 550 5.1.1 no such"));
  CHECK_FALSE(recipient.contains("will-retry-until"));
  CHECK(report.returned_type == (full ? "message/rfc822" : "text/rfc822-headers"));
  CHECK(report.returned.find("Subject: about") != std::string::npos);
  CHECK((report.returned.find("the text") != std::string::npos) == full);
  CHECK(wall_now() >= before);
}

TEST_CASE("a notice about mail that required TLS has its header alone and requires it as well (RFC 8689 section 5)",
          "[relay]") {
  spool::Message message;
  message.envelope.reverse_path = "s@a.test";
  message.envelope.ret = spool::Ret::kFull;
  message.envelope.require_tls = GENERATE(true, false);
  const std::vector<Notice> failed = {{.address = "b@b.test", .orcpt = {}, .reply = {550, "5.1.1", "no", "mx.test"}}};
  const std::string original = "Subject: about\r\n\r\nthe text\r\n";
  auto notice = make_notice({.hostname = "relay.test"}, message, original, failed);
  CHECK(notice.envelope.require_tls == message.envelope.require_tls);
  CHECK(notice.body[0].contains("the text") != message.envelope.require_tls);
  CHECK_FALSE(notice.body[0].contains("TLS-Required"));
  message.envelope.require_tls = false;
  spool::set_tls_optional(message.envelope);
  notice = make_notice({.hostname = "relay.test"}, message, original, failed);
  CHECK(spool::tls_optional(notice.envelope));
  CHECK(mime::Header(notice.body[0]).text("TLS-Required") == "No");
}

TEST_CASE("a notification that cannot be delivered causes none", "[relay]") {
  Sink sink(by_name());
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_to({"never@b.test"}, "Subject: x\r\n\r\n", "never@a.test"));
  running.start();
  REQUIRE(running.empty());  // the notice to never@a.test was refused as well
  CHECK(sink.mails().empty());
}

TEST_CASE("NOTIFY decides what is told", "[relay]") {
  struct Case {
    std::uint8_t notify;
    bool failure, success;
  };
  const auto [notify, failure, success] =
      GENERATE(Case{spool::kNotifyDefault, true, false}, Case{spool::kNotifyNever, false, false},
               Case{spool::kNotifySuccess, false, true}, Case{spool::kNotifyFailure, true, false},
               Case{spool::kNotifySuccess | spool::kNotifyFailure, true, true});
  INFO("NOTIFY " << static_cast<int>(notify));
  Sink sink(by_name());
  Running running(all_to(to_port(sink.port())));
  for (const auto* address : {"never@b.test", "fine@b.test"}) {
    auto message = message_to({address});
    message.recipients[0].notify = notify;
    running.enqueue(std::move(message));
  }
  running.start();
  REQUIRE(sink.wait_for(1u + (failure ? 1 : 0) + (success ? 1 : 0)));
  REQUIRE(running.empty());
  const auto back = notices(sink);
  CHECK(back.size() == (failure ? 1u : 0u) + (success ? 1u : 0u));
  for (const auto& notice : back) {
    const auto report = parse_report(notice.body);
    REQUIRE(report.recipients.size() == 1);
    const bool failed = report.recipients[0].at("final-recipient") == "rfc822; never@b.test";
    // RFC 3461 section 5.2.2: relayed to a server that cannot notify.
    CHECK(report.recipients[0].at("action") == (failed ? "failed" : "relayed"));
    CHECK(report.recipients[0].at("status").starts_with(failed ? "5." : "2."));
  }
}

TEST_CASE("a next hop with DSN takes over the duty and the parameters", "[relay]") {
  Sink sink(by_name({"PIPELINING", "DSN"}));
  Running running(all_to(to_port(sink.port())));
  auto message = message_to({"fine@b.test"});
  message.recipients[0].notify = spool::kNotifySuccess | spool::kNotifyDelay;
  message.recipients[0].orcpt = "rfc822;fine+x@b.test";
  message.envelope.envid = "a+b";
  message.envelope.ret = spool::Ret::kHeaders;
  running.enqueue(std::move(message));
  running.start();
  REQUIRE(running.empty());
  const auto mails = sink.mails();
  REQUIRE(mails.size() == 1);
  CHECK(mails[0].from.find(" RET=HDRS") != std::string::npos);
  CHECK(mails[0].from.find(" ENVID=a+2Bb") != std::string::npos);
  CHECK(mails[0].recipients[0].find(" NOTIFY=SUCCESS,DELAY") != std::string::npos);
  CHECK(mails[0].recipients[0].find(" ORCPT=rfc822;fine+2Bx@b.test") != std::string::npos);
}

TEST_CASE("delivery by LMTP is told as delivered", "[relay]") {
  Script script;
  script.lmtp = true;
  Sink sink(std::move(script));
  Sink home({});
  RoutingTable table;
  table.local_domains["b.test"] = to_port(sink.port(), Protocol::kLmtp);
  table.smart_host = to_port(home.port());
  Running running(std::move(table));
  auto message = message_to({"a@b.test"});
  message.recipients[0].notify = spool::kNotifySuccess;
  running.enqueue(std::move(message));
  running.start();
  REQUIRE(home.wait_for(1));
  CHECK(parse_report(home.mails()[0].body).recipients[0].at("action") == "delivered");
}

TEST_CASE("a delay is told once", "[relay]") {
  Sink sink(by_name());
  auto options = options_for_tests();
  options.notices.delay_after = hours(1);
  Running running(all_to(to_port(sink.port())), std::move(options));
  auto message = message_to({"later@b.test"});
  message.envelope.received = wall_now() - hours(2);
  message.recipients[0].notify = spool::kNotifyDelay | spool::kNotifyFailure;
  running.enqueue(std::move(message));
  running.start();
  REQUIRE(running.deferred("later@b.test", 3));
  REQUIRE(sink.wait_for(1));
  const auto back = notices(sink);
  REQUIRE(back.size() == 1);
  const auto report = parse_report(back[0].body);
  REQUIRE(report.recipients.size() == 1);
  CHECK(report.recipients[0].at("action") == "delayed");
  CHECK(report.recipients[0].at("status") == "4.2.0");
  CHECK(report.recipients[0].contains("will-retry-until"));
  CHECK(report.returned_type == "text/rfc822-headers");
}

TEST_CASE("mail that could not be delivered in its time is given up", "[relay]") {
  Sink sink(by_name());
  Running running(all_to(to_port(sink.port())));
  auto message = message_to({"later@b.test"});
  message.envelope.received = wall_now() - hours(24 * 5) - hours(1);
  running.enqueue(std::move(message));
  auto notice = message_to({"later@c.test"}, "Subject: x\r\n\r\n", "");
  notice.envelope.received = wall_now() - hours(24 * 2) - hours(1);  // notices are given up earlier
  running.enqueue(std::move(notice));
  running.start();
  REQUIRE(running.empty());
  const auto back = notices(sink);
  REQUIRE(back.size() == 1);
  const auto report = parse_report(back[0].body);
  CHECK(report.recipients[0].at("action") == "failed");
  CHECK(report.recipients[0].at("final-recipient") == "rfc822; later@b.test");
  CHECK(report.recipients[0].at("diagnostic-code").find("450") != std::string::npos);
}

TEST_CASE("mail for a dead site expires without an attempt of its own", "[relay]") {
  Script full;
  full.greeting = "421 4.3.2 too busy";
  Sink sink(std::move(full));
  Sink home({});
  auto options = options_for_tests();
  options.site.concurrency.first_pause = options.site.concurrency.longest_pause = hours(1);
  RoutingTable table;
  table.transports["dead.test"] = to_port(sink.port());
  table.smart_host = to_port(home.port());
  Running running(std::move(table), std::move(options));
  running.enqueue(message_to({"first@dead.test"}));
  running.start();
  REQUIRE(running.deferred("first@dead.test"));
  auto message = message_to({"old@dead.test"});
  message.envelope.received = wall_now() - hours(24 * 6);
  running.enqueue(std::move(message));
  REQUIRE(home.wait_for(1));
  const auto report = parse_report(home.mails()[0].body);
  CHECK(report.recipients[0].at("final-recipient") == "rfc822; old@dead.test");
  CHECK(report.recipients[0].at("status").starts_with("5."));
}

TEST_CASE("tables may hold, discard and refuse", "[relay]") {
  Sink home({});
  RoutingTable table;
  table.transports["hold.test"].kind = NextHop::Kind::kHold;
  table.transports["gone.test"].kind = NextHop::Kind::kDiscard;
  table.transports["no.test"].kind = NextHop::Kind::kError;
  table.transports["no.test"].error = "not from here";
  table.smart_host = to_port(home.port());
  const auto not_sent = std::make_shared<NotSent>();
  const auto attached = log::attach(not_sent, log::Level::kInfo);
  Running running(std::move(table));
  running.enqueue(message_to({"a@hold.test", "a@gone.test", "a@no.test"}));
  running.start();
  REQUIRE(home.wait_for(1));
  const auto report = parse_report(home.mails()[0].body);
  REQUIRE(report.recipients.size() == 1);
  CHECK(report.recipients[0].at("final-recipient") == "rfc822; a@no.test");
  CHECK(report.recipients[0].at("status") == "5.7.1");
  CHECK_FALSE(report.recipients[0].contains("remote-mta"));
  REQUIRE(before_long([&] { return running.spool().counts().total_recipients() == 1; }));
  CHECK(running.entry("a@hold.test").state == spool::State::kHeld);
  CHECK(not_sent->has("a@hold.test"));
  CHECK(not_sent->has("\"kind\":\"discard\""));
}
