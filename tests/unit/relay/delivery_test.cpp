// Mail on its way to servers that take it, refuse it, put it off or break off.
#include <algorithm>
#include <map>
#include <set>

#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;

TEST_CASE("messages travel over connections that are reused", "[relay]") {
  Sink sink({});
  Running running(all_to(to_port(sink.port())));
  for (int i = 0; i < 50; ++i)
    running.enqueue(message_to({"r" + std::to_string(i) + "@b.test"},
                               "Subject: x\r\n\r\n.dot\r\nnumber " + std::to_string(i) + "\r\n"));
  running.start();
  REQUIRE(sink.wait_for(50));
  REQUIRE(running.empty());
  CHECK(sink.mails().size() == 50);
  CHECK(sink.connections() <= 20);
  for (const auto& mail : sink.mails()) {
    CHECK(mail.from.starts_with("MAIL FROM:<sender@a.test>"));
    REQUIRE(mail.recipients.size() == 1);
    const auto number = mail.recipients[0].substr(10, mail.recipients[0].find('@') - 10);
    CHECK(mail.body == "Subject: x\r\n\r\n.dot\r\nnumber " + number + "\r\n");
  }
}

TEST_CASE("recipients of one message share a transaction, and each has its own fate", "[relay]") {
  Script script;
  script.command = [](int, const std::string& line) -> std::string {
    if (line.find("later@") != std::string::npos) return "451 4.2.0 later";
    if (line.find("never@") != std::string::npos) return "550 5.1.1 unknown here";
    return "";
  };
  Sink sink(std::move(script));
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_to({"good@b.test", "later@b.test", "fine@c.test", "never@b.test"}, "Subject: x\r\n\r\n", ""));
  running.start();
  REQUIRE(sink.wait_for(1));
  CHECK(sink.mails()[0].recipients.size() == 2);
  REQUIRE(running.deferred("later@b.test"));
  const auto entries = running.entries();
  REQUIRE(entries.size() == 1);  // no notice: the sender is the null one
  CHECK(entries[0].last == spool::Reply{451, "4.2.0", "later", "[127.0.0.1]"});
}

TEST_CASE("what is put off comes again and again until it is taken", "[relay]") {
  Script script;
  std::atomic<int> tries = 0;
  script.command = [&tries](int, const std::string& line) -> std::string {
    if (!line.starts_with("RCPT")) return "";
    return ++tries < 3 ? "450 4.7.1 come back" : "";
  };
  Sink sink(std::move(script));
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.empty());
  CHECK(tries == 3);
  CHECK(sink.mails().size() == 1);
}

TEST_CASE("a connection lost before the last word puts off; after a 250 nothing comes twice", "[relay]") {
  const bool after_data = GENERATE(false, true);
  Script script;
  if (after_data) {
    script.message = [](const Mail& mail) {
      return mail.connection == 1 ? std::vector<std::string>() : std::vector<std::string>{"250 2.0.0 ok"};
    };
  } else {
    script.command = [](int connection, const std::string& line) -> std::string {
      return connection == 1 && line == "DATA" ? kCut : "";
    };
  }
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.site.concurrency.initial = 1;
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.empty());
  const auto mails = sink.mails();
  // Without a reply the message has to go once more (RFC 5321 section 4.5.4.1 and RFC 1047).
  CHECK(mails.size() == (after_data ? 2 : 1));
  CHECK(mails.back().connection > 1);
}

TEST_CASE("a server that closes an idle connection costs no attempt", "[relay]") {
  Script script;
  script.command = [](int connection, const std::string& line) -> std::string {
    // The first connection is closed when the second message begins.
    static std::atomic<int> mails = 0;
    if (line.starts_with("EHLO") && connection == 1) mails = 0;
    return connection == 1 && line.starts_with("MAIL") && ++mails == 2 ? kCut : "";
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.site.concurrency.initial = options.site.concurrency.maximum = 1;
  options.retry.delays = {std::chrono::hours(1)};  // an attempt that counted would not come again
  Running running(all_to(to_port(sink.port())), std::move(options));
  for (int i = 0; i < 3; ++i) running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.empty());
  CHECK(sink.mails().size() == 3);
  CHECK(sink.connections() == 2);
}

TEST_CASE("a kept connection lost after the end of the message: an attempt that counts, and no second copy at once",
          "[relay]") {
  Script script;
  std::atomic<int> taken = 0;
  script.message = [&taken](const Mail& mail) {
    if (mail.connection == 1 && ++taken == 2) return std::vector<std::string>{};
    return std::vector<std::string>{"250 2.0.0 taken"};
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  options.site.concurrency.initial = options.site.concurrency.maximum = 1;
  options.site.concurrency.first_pause = std::chrono::seconds(0);
  options.site.concurrency.longest_pause = std::chrono::seconds(0);
  Running running(all_to(to_port(sink.port())), std::move(options));
  for (const auto* address : {"a@b.test", "b@b.test", "c@b.test"}) running.enqueue(message_to({address}));
  running.start();
  REQUIRE(running.deferred("b@b.test"));
  const auto entry = running.entry("b@b.test");
  CHECK(entry.attempts == 1);
  CHECK(entry.last.text.ends_with("the message was sent and may have been accepted"));
  CHECK(entry.next_attempt > wall_now() + std::chrono::minutes(50));
  CHECK(std::ranges::count_if(sink.mails(), [](const Mail& mail) {
          return mail.recipients == std::vector<std::string>{"RCPT TO:<b@b.test>"};
        }) == 1);
}

TEST_CASE("a dead host is passed over for the next", "[relay]") {
  Script full;
  full.greeting = GENERATE("421 4.3.2 too busy", "554 go away", "nonsense");
  Sink refusing(std::move(full));
  Sink taking({});
  auto next_hop = to_port(1);
  next_hop.hosts = {{"127.0.0.1", 1}, {"127.0.0.1", refusing.port()}, {"127.0.0.1", taking.port()}};
  Running running(all_to(std::move(next_hop)));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.empty());
  CHECK(taking.mails().size() == 1);
  CHECK(refusing.connections() >= 1);
}

TEST_CASE("a host that takes no mail now is passed over for the next (RFC 5321 section 5.1)", "[relay]") {
  using Refusal = std::pair<std::string, std::string>;
  const auto [verb, reply] = GENERATE(Refusal{"MAIL", "452 4.3.1 no room"}, Refusal{"MAIL", "421 closing"},
                                      Refusal{"MAIL", kCut}, Refusal{"RCPT", "451 4.3.0 look-up failed"},
                                      Refusal{"RCPT", kCut}, Refusal{"DATA", "421 4.3.2 closing"});
  Script script;
  script.command = [&](int, const std::string& line) { return line.starts_with(verb) ? reply : ""; };
  Sink first(std::move(script));
  Sink second({});
  auto next_hop = to_port(1);
  next_hop.hosts = {{"127.0.0.1", first.port()}, {"127.0.0.1", second.port()}};
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  options.idle_timeout = std::chrono::seconds(0);
  Running running(all_to(std::move(next_hop)), std::move(options));
  running.enqueue(message_to({"a@b.test", "b@b.test"}));
  running.start();
  REQUIRE(running.empty());
  running.enqueue(message_to({"c@b.test"}));
  REQUIRE(running.empty());
  CHECK(second.mails().size() == 2);
  CHECK(first.connections() == 1);  // the second message did not go there
}

TEST_CASE("mail is put off when no host of a site takes any, or one host asks for patience", "[relay]") {
  std::string reply = GENERATE("452 4.3.1 no room", "451 4.7.1 greylisted");
  const int hosts = reply.contains("4.3.1") ? 2 : 1;
  Script script;
  script.command = [&](int, const std::string& line) { return line.starts_with("RCPT") ? reply : ""; };
  Sink first(script);
  Sink second(script);
  auto next_hop = to_port(1);
  next_hop.hosts = {{"127.0.0.1", first.port()}, {"127.0.0.1", second.port()}};
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  Running running(all_to(std::move(next_hop)), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.deferred("a@b.test"));
  CHECK(running.entry("a@b.test").attempts == 1);
  CHECK(first.connections() + second.connections() == hosts);
}

TEST_CASE("a refusing greeting puts mail off and the site to sleep", "[relay]") {
  Script full;
  full.greeting = GENERATE("421 4.3.2 too busy", "554 5.3.2 no mail here", "521 5.3.2 no mail here");
  Sink sink(std::move(full));
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  options.site.concurrency.first_pause = options.site.concurrency.longest_pause = std::chrono::hours(1);
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.deferred("a@b.test"));
  CHECK(running.entry("a@b.test").last.enhanced == "4.3.2");
  const auto sites = sites_of(running.relay());
  REQUIRE(sites.size() == 1);
  CHECK(sites[0].dead);
  // What comes now waits for the probe, without an attempt; an operator may end the pause.
  running.enqueue(message_to({"c@d.test"}));
  REQUIRE(before_long([&] { return running.entry("c@d.test").next_attempt > wall_now() + std::chrono::minutes(50); }));
  CHECK(running.entry("c@d.test").attempts == 0);
  const auto before = sink.connections();
  running.relay().revive_sites();
  running.spool().retry_now({});
  CHECK(before_long([&] { return sink.connections() > before; }));
}

TEST_CASE("LMTP gives every recipient a word of its own", "[relay]") {
  Script script;
  script.lmtp = true;
  script.message = [](const Mail&) {
    return std::vector<std::string>{"250 2.1.5 stored", "452 4.2.2 full", "250 2.1.5 stored"};
  };
  Sink sink(std::move(script));
  RoutingTable table;
  table.local_domains["b.test"] = to_port(sink.port(), Protocol::kLmtp);
  Running running(std::move(table));
  running.enqueue(message_to({"a@b.test", "full@b.test", "c@b.test"}));
  running.start();
  REQUIRE(running.deferred("full@b.test"));
  CHECK(running.entries().size() == 1);
  CHECK(running.entry("full@b.test").last.text == "full");
}

TEST_CASE("a server's limits are kept", "[relay]") {
  Script script;
  script.extensions = {"PIPELINING", "LIMITS RCPTMAX=2 MAILMAX=1"};
  Sink sink(std::move(script));
  Running running(all_to(to_port(sink.port())));
  running.enqueue(message_to({"a@b.test", "b@b.test", "c@b.test", "d@b.test", "e@b.test"}));
  running.start();
  REQUIRE(running.empty());
  const auto mails = sink.mails();
  CHECK(mails.size() == 3);
  std::vector<int> connections;
  for (const auto& mail : mails) {
    CHECK(mail.recipients.size() <= 2);
    connections.push_back(mail.connection);
  }
  std::ranges::sort(connections);
  CHECK(std::ranges::unique(connections).empty());
}

TEST_CASE("no more domains go over a connection than the server takes (RFC 9422 section 4.3)", "[relay]") {
  Script script;
  script.extensions = {"PIPELINING", "LIMITS RCPTDOMAINMAX=1"};
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"a@b.test", "b@c.test", "c@b.test", "d@d.test"}));
  running.start();
  REQUIRE(running.empty());
  std::map<int, std::set<std::string>> domains;
  for (const auto& mail : sink.mails()) {
    for (const auto& line : mail.recipients) domains[mail.connection].insert(line.substr(line.find('@')));
  }
  CHECK(domains.size() == 3);
  for (const auto& [connection, names] : domains) CHECK(names.size() == 1);
}

TEST_CASE("recipients for whom a transaction had no room go in the next one at once (RFC 5321 section 4.5.3.1.10)",
          "[relay]") {
  const std::string full = GENERATE("452 4.5.3 too many recipients", "452 too many recipients", "552 5.5.3 too many",
                                    "451 4.5.3 too many recipients");
  std::atomic<int> taken = 0;
  Script script;
  script.command = [&](int, const std::string& line) -> std::string {
    if (line.starts_with("MAIL")) taken = 0;
    return line.starts_with("RCPT") && ++taken > 2 ? full : "";
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"1@b.test", "2@b.test", "3@b.test", "4@b.test", "5@b.test"}));
  running.start();
  REQUIRE(running.empty());
  const auto mails = sink.mails();
  REQUIRE(mails.size() == 3);
  CHECK(mails[0].recipients == std::vector<std::string>{"RCPT TO:<1@b.test>", "RCPT TO:<2@b.test>"});
  CHECK(mails[2].recipients == std::vector<std::string>{"RCPT TO:<5@b.test>"});
}

TEST_CASE("who is refused for lack of room alone is put off, or comes back", "[relay]") {
  Script script;
  script.command = [&](int, const std::string& line) -> std::string {
    if (line.starts_with("RCPT TO:<full")) return "452 mailbox is full";
    if (line.starts_with("RCPT TO:<over")) return "452 4.2.2 over quota";
    return line.starts_with("RCPT TO:<never") ? "552 no more" : "";
  };
  Sink sink(std::move(script));
  auto options = options_for_tests();
  options.retry.delays = {std::chrono::hours(1)};
  Running running(all_to(to_port(sink.port())), std::move(options));
  running.enqueue(message_to({"ok@b.test", "full@b.test", "over@b.test", "never@b.test"}));
  running.start();
  REQUIRE(running.deferred("full@b.test"));
  REQUIRE(running.deferred("over@b.test"));
  REQUIRE(sink.wait_for(2));  // the second is the notice of never@
  CHECK(sink.mails()[1].body.contains("never@b.test"));
  CHECK(before_long([&] { return running.entries().size() == 2; }));
}

TEST_CASE("8-bit mail is re-encoded for a server without 8BITMIME, or bounced", "[relay]") {
  const bool is_signed = GENERATE(false, true);
  Script script;
  script.extensions = {"PIPELINING"};
  Sink sink(std::move(script));
  Running running(all_to(to_port(sink.port())));
  const std::string part =
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nMany plain words and one that "
      "is not: gr\xc3\xbc\xc3\x9f\r\n";
  auto message = message_to({"a@b.test"}, "MIME-Version: 1.0\r\nSubject: x\r\n" + part);
  if (is_signed) {
    message.body = {
        "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b; "
        "protocol=\"application/pgp-signature\"; micalg=pgp-sha256\r\n\r\n--b\r\n" +
        part + "--b\r\nContent-Type: application/pgp-signature\r\n\r\nsig\r\n--b--\r\n"};
  }
  message.envelope.body_type = spool::BodyType::k8BitMime;
  running.enqueue(std::move(message));
  running.start();
  REQUIRE(sink.wait_for(1));  // the message, or the notice about it
  REQUIRE(running.empty());
  const auto mail = sink.mails()[0];
  CHECK(std::ranges::all_of(mail.body, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  if (is_signed) {
    CHECK(mail.from == "MAIL FROM:<>");
    const auto report = parse_report(mail.body);
    REQUIRE(report.recipients.size() == 1);
    CHECK(report.recipients[0].at("status") == "5.6.3");
    // These are no words of the server's: it never saw the message.
    CHECK(report.recipients[0].at("diagnostic-code").starts_with("x-quartet;"));
    CHECK_FALSE(report.recipients[0].contains("remote-mta"));
  } else {
    CHECK(mail.from.find("BODY=") == std::string::npos);
    CHECK(mail.body.find("gr=C3=BC=C3=9F") != std::string::npos);
  }
}
