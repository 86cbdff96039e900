#include "common/service/intake.h"

#include <catch2/catch.hpp>

#include "common/async/loop.h"
#include "common/spool/handling.h"

using namespace quartet;
using namespace quartet::service;

namespace {

async::Task<std::expected<spool::MessageId, spool::SpoolError>> keep(std::vector<spool::NewMessage>& kept,
                                                                     spool::NewMessage message) {
  const auto id = message.id;
  kept.push_back(std::move(message));
  co_return id;
}

async::Task<std::expected<spool::MessageId, spool::SpoolError>> fail(spool::ErrorCode code) {
  co_return std::unexpected(spool::SpoolError{code, "as the test wants"});
}

struct Fixture {
  Fixture() {
    options.agent = "test";
    options.hostname = "mx.a.test";
    options.postmaster_domain = "a.test";
    options.budget = &budget;
    options.enqueue = [this](spool::NewMessage message) { return keep(kept, std::move(message)); };
    peer.address = *net::Address::parse("192.0.2.7:4000");
    peer.hello = "client.test";
    peer.esmtp = true;
    transaction.mail.reverse_path = "ann@b.test";
    transaction.recipients = {{"bob@a.test", 0, ""}};
  }

  /// The reply to a message in these pieces.
  smtp::Reply take(const std::vector<std::string>& pieces) { return loop.block_on(take_task(pieces)); }

  async::Task<smtp::Reply> take_task(std::vector<std::string> pieces) {
    const auto sink = open_intake(options, peer, Followed{transaction, branches, notices, !branches.empty()});
    for (auto& piece : pieces) {
      auto written = co_await sink->write(std::move(piece));
      if (!written) co_return written.error();
    }
    auto replies = co_await sink->finish();
    co_return replies.size() == 1 ? replies.front() : smtp::Reply(500, "", "not one reply");
  }

  std::string text() const {
    std::string out;
    for (const auto& piece : kept.back().body) out += piece;
    return out;
  }

  async::Loop loop;
  std::vector<spool::NewMessage> kept;
  ByteBudget budget{1000};
  IntakeOptions options;
  smtp::Peer peer;
  smtp::Transaction transaction;
  std::vector<Branch> branches;
  std::vector<relay::Notice> notices;
};

}  // namespace

TEST_CASE("one message under several senders, and what its sender is told at once", "[intake]") {
  Fixture fixture;
  fixture.transaction.mail.envid = "q7";
  fixture.transaction.mail.ret = smtp::Ret::kFull;
  fixture.branches = {{"srs@a.test", false, {{"zoe@c.test", smtp::kNotifyFailure, "rfc822;team@a.test"}}},
                      {"owner@a.test", true, {{"cy@c.test", 0, ""}, {"di@c.test", 0, ""}}}};
  fixture.notices = {{.action = relay::Notice::Action::kExpanded, .address = "team@a.test", .orcpt = "", .reply = {}}};
  const std::string message = "Subject: hi\r\n\r\nline\r\n";
  const auto reply = fixture.take({message.substr(0, 20), message.substr(20)});
  REQUIRE(reply.code == 250);
  REQUIRE(fixture.kept.size() == 4);
  CHECK(reply.text() == "queued as " + fixture.kept[0].id.to_string());
  const std::vector<std::string> senders = {"ann@b.test", "srs@a.test", "owner@a.test", ""};
  for (std::size_t i = 0; i < 4; ++i) CHECK(fixture.kept[i].envelope.reverse_path == senders[i]);
  for (std::size_t i = 0; i < 3; ++i) {
    std::string text;
    for (const auto& piece : fixture.kept[i].body) text += piece;
    CHECK(text.find("id " + fixture.kept[i].id.to_string()) != std::string::npos);
    CHECK(text.find(" for <") == std::string::npos);
    CHECK(text.ends_with("\r\n" + message));
    CHECK(fixture.kept[i].envelope.trace_id == fixture.kept[0].envelope.trace_id);
  }
  CHECK(fixture.kept[1].envelope.envid == "q7");
  CHECK(fixture.kept[1].recipients.at(0).orcpt == "rfc822;team@a.test");
  CHECK(fixture.kept[2].envelope.envid.empty());
  CHECK(fixture.kept[2].envelope.ret == spool::Ret::kDefault);
  CHECK(fixture.kept[2].recipients.size() == 2);
  CHECK(fixture.kept[3].recipients.at(0).address == "ann@b.test");
  CHECK(fixture.text().find("Action: expanded") != std::string::npos);
}

TEST_CASE("a message for a list alone", "[intake]") {
  Fixture fixture;
  fixture.transaction.recipients.clear();
  fixture.branches = {{"owner@a.test", true, {{"cy@c.test", 0, ""}}}};
  REQUIRE(fixture.take({"Subject: hi\r\n\r\n"}).code == 250);
  REQUIRE(fixture.kept.size() == 1);
  CHECK(fixture.kept[0].envelope.reverse_path == "owner@a.test");
}

TEST_CASE("a message gets a Received field and is otherwise the same, however it was cut", "[intake]") {
  Fixture fixture;
  const std::string message = "Subject: hi\r\nFrom: ann@b.test\r\n\r\nline\r\n\r\nmore\r\n";
  const std::size_t cut = GENERATE(1, 2, 5, 13, 33, 34, 35, 100);
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < message.size(); at += cut) pieces.push_back(message.substr(at, cut));
  const auto reply = fixture.take(pieces);
  REQUIRE(reply.code == 250);
  const auto& kept = fixture.kept.at(0);
  CHECK(reply.text() == "queued as " + kept.id.to_string());
  const auto text = fixture.text();
  CHECK(text.starts_with("Received: from client.test ([192.0.2.7])"));
  CHECK(text.find("id " + kept.id.to_string()) != std::string::npos);
  CHECK(text.find("for <bob@a.test>") != std::string::npos);
  CHECK(text.ends_with("\r\n" + message));
  CHECK(mime::Header(text).fields().size() == 3);
  CHECK(fixture.budget.taken() == 0);
}

TEST_CASE("the envelope has all that MAIL and RCPT said", "[intake]") {
  Fixture fixture;
  auto& mail = fixture.transaction.mail;
  mail.body = smtp::Body::k8BitMime;
  mail.smtputf8 = true;
  mail.ret = smtp::Ret::kHeaders;
  mail.envid = "q 7";
  fixture.peer.login = "ann@b.test";
  fixture.transaction.recipients = {{"bob@a.test", smtp::kNotifySuccess | smtp::kNotifyDelay, "rfc822;bob@a.test"},
                                    {"Postmaster", smtp::kNotifyNever, ""}};
  REQUIRE(fixture.take({"\r\nbody\r\n"}).code == 250);
  const auto& kept = fixture.kept.at(0);
  CHECK(kept.envelope.reverse_path == "ann@b.test");
  CHECK(kept.envelope.body_type == spool::BodyType::k8BitMime);
  CHECK(kept.envelope.smtputf8);
  CHECK(kept.envelope.ret == spool::Ret::kHeaders);
  CHECK(kept.envelope.envid == "q 7");
  CHECK(kept.envelope.auth_id == "ann@b.test");
  CHECK(kept.envelope.client == "192.0.2.7:4000");
  CHECK(Id::parse(kept.envelope.trace_id).has_value());
  REQUIRE(kept.recipients.size() == 2);
  CHECK(kept.recipients[0].notify == (spool::kNotifySuccess | spool::kNotifyDelay));
  CHECK(kept.recipients[0].orcpt == "rfc822;bob@a.test");
  CHECK(kept.recipients[1].address == "Postmaster@a.test");
  CHECK(kept.recipients[1].notify == spool::kNotifyNever);
  // Nobody learns from it who else got the message.
  CHECK(fixture.text().find(" for ") == std::string::npos);
  CHECK(fixture.text().find("with UTF8SMTPA") != std::string::npos);
}

TEST_CASE("REQUIRETLS, and TLS-Required where it is absent (RFC 8689 section 4.1)", "[intake]") {
  Fixture fixture;
  const auto kept = [&fixture](const std::string& message) {
    CHECK(fixture.take({message}).code == 250);
    return fixture.kept.back().envelope;
  };
  CHECK(spool::tls_optional(kept("TLS-Required: No\r\n\r\n")));
  CHECK(spool::tls_optional(kept("Subject: x\r\ntls-required:\r\n no\r\n\r\n")));
  for (const char* header : {"", "TLS-Required: Yes\r\n", "TLS-Required: No\r\nTLS-Required: No\r\n"})
    CHECK_FALSE(spool::tls_optional(kept(header + std::string("\r\n"))));
  fixture.transaction.mail.require_tls = true;
  const auto required = kept("TLS-Required: No\r\n\r\n");
  CHECK(required.require_tls);
  CHECK_FALSE(spool::tls_optional(required));
}

TEST_CASE("a message is held until its release, and its deadline counts from there", "[intake]") {
  Fixture fixture;
  auto& mail = fixture.transaction.mail;
  mail.by = smtp::DeliverBy{60, true, true};
  REQUIRE(fixture.take({"\r\n"}).code == 250);
  auto kept = fixture.kept.back();
  CHECK(kept.due == WallTime());
  CHECK(spool::released(kept.envelope) == kept.envelope.received);
  CHECK(spool::deadline(kept.envelope) ==
        spool::Deadline{kept.envelope.received + std::chrono::seconds(60), true, true});
  mail.hold_for = std::chrono::seconds(100);
  REQUIRE(fixture.take({"\r\n"}).code == 250);
  kept = fixture.kept.back();
  CHECK(kept.due == kept.envelope.received + std::chrono::seconds(100));
  CHECK(spool::released(kept.envelope) == kept.due);
  CHECK(spool::deadline(kept.envelope)->at == kept.due + std::chrono::seconds(60));
  mail.hold_for.reset();
  mail.hold_until = wall_now() - std::chrono::hours(1);
  REQUIRE(fixture.take({"\r\n"}).code == 250);
  CHECK(fixture.kept.back().due == WallTime());
}

TEST_CASE("priorities within what is allowed (RFC 6710 section 4.1, RFC 6758)", "[intake]") {
  Fixture fixture;
  fixture.options.highest_priority = 4;
  auto& mail = fixture.transaction.mail;
  mail.priority = -3;
  CHECK(fixture.take({"MT-Priority: 2\r\n\r\n"}).enhanced == "2.0.0");
  CHECK(fixture.kept.back().envelope.priority == -3);
  CHECK(fixture.text().find("PRIORITY -3") != std::string::npos);
  mail.priority = 9;
  const auto lowered = fixture.take({"\r\n"});
  CHECK(lowered.code == 250);
  CHECK(lowered.enhanced == "2.3.6");
  CHECK(lowered.text().starts_with("4 is the new priority; queued as "));
  CHECK(fixture.kept.back().envelope.priority == 4);
  mail.priority.reset();
  fixture.take({"MT-Priority: 2\r\n\r\n"});
  CHECK(fixture.kept.back().envelope.priority == 0);
  CHECK(fixture.text().find("PRIORITY") == std::string::npos);
  fixture.options.priority_field = true;
  fixture.take({"MT-Priority: 2\r\n\r\n"});
  CHECK(fixture.kept.back().envelope.priority == 2);
  fixture.take({"MT-Priority: urgent\r\n\r\n"});
  CHECK(fixture.kept.back().envelope.priority == 0);
}

TEST_CASE("the client that a forwarding host names is the one in the queue", "[intake]") {
  Fixture fixture;
  fixture.peer.origin.emplace();
  REQUIRE(fixture.take({"\r\n"}).code == 250);
  CHECK(fixture.kept.back().envelope.client == "192.0.2.7:4000");  // it did not say
  fixture.peer.origin->address = net::Address::parse("198.51.100.9:0").value();
  fixture.peer.origin->port = 77;
  REQUIRE(fixture.take({"\r\n"}).code == 250);
  CHECK(fixture.kept.back().envelope.client == "198.51.100.9:77");
}

TEST_CASE("a trace that a trusted hop gave goes on", "[intake]") {
  Fixture fixture;
  fixture.transaction.mail.trace = "01m8ah8e7yeyht8jr6ysv5q90g";
  REQUIRE(fixture.take({"Subject: x\r\n\r\n"}).code == 250);
  CHECK(fixture.kept.at(0).envelope.trace_id == "01m8ah8e7yeyht8jr6ysv5q90g");
}

TEST_CASE("fields of the agent follow Received; a message without a header gets an empty line", "[intake]") {
  Fixture fixture;
  fixture.options.complete = [](const mime::Header& header) {
    return header.find("Date") == nullptr ? std::string("Date: now\r\n") : std::string();
  };
  REQUIRE(fixture.take({"Date: then\r\n\r\nx"}).code == 250);
  CHECK(mime::Header(fixture.text()).count("Date") == 1);
  REQUIRE(fixture.take({"no header: is this line\r\n"}).code == 250);
  REQUIRE(fixture.take({"just text\r\n"}).code == 250);
  const auto text = fixture.text();
  const mime::Header header(text);
  CHECK(header.text("Date") == "now");
  CHECK(text.substr(header.size()) == "just text\r\n");
}

TEST_CASE("what the agent refuses by its header is not queued", "[intake]") {
  Fixture fixture;
  fixture.options.complete = [](const mime::Header&) -> std::expected<std::string, smtp::Reply> {
    return std::unexpected(smtp::Reply(550, "5.7.1", "not this one"));
  };
  CHECK(fixture.take({"Date: then\r\n\r\nx"}).code == 550);
  CHECK(fixture.kept.empty());
}

TEST_CASE("too many Received fields are a loop", "[intake]") {
  Fixture fixture;
  fixture.options.hops = 2;
  const std::string hop = "Received: from a by b; Tue, 24 Nov 2026 13:05:09 +0000\r\n";
  CHECK(fixture.take({hop + hop + "\r\n"}).code == 250);
  const auto reply = fixture.take({hop + hop + hop + "\r\n"});
  CHECK(reply.code == 554);
  CHECK(reply.enhanced == "5.4.6");
  CHECK(fixture.kept.size() == 1);
}

TEST_CASE("over the budget a client is asked to come back, and the octets are free again", "[intake]") {
  Fixture fixture;
  const auto reply = fixture.take({std::string(600, 'x'), std::string(401, 'x')});
  CHECK(reply.code == 452);
  CHECK(reply.enhanced == "4.3.1");
  CHECK(fixture.budget.taken() == 0);
  CHECK(fixture.take({std::string(600, 'x'), std::string(400, 'x')}).code == 250);
  CHECK(fixture.budget.taken() == 0);
}

TEST_CASE("our own faults are transient", "[intake]") {
  using spool::ErrorCode;
  Fixture fixture;
  const auto [code, reply] = GENERATE(table<ErrorCode, int>({{ErrorCode::kNoSpace, 452},
                                                             {ErrorCode::kReadOnly, 451},
                                                             {ErrorCode::kIo, 451},
                                                             {ErrorCode::kTooLarge, 452},
                                                             {ErrorCode::kDamaged, 451},
                                                             {ErrorCode::kClosed, 451}}));
  fixture.options.enqueue = [error = code](spool::NewMessage) { return fail(error); };
  const auto got = fixture.take({"\r\nx"});
  CHECK(got.code == reply);
  CHECK(got.enhanced.starts_with("4."));
}

TEST_CASE("the protocol of Received (RFC 3848, RFC 6531)", "[intake]") {
  smtp::Peer peer;
  const net::TlsInfo tls;
  CHECK(with_protocol(peer, false) == "SMTP");
  peer.esmtp = true;
  CHECK(with_protocol(peer, false) == "ESMTP");
  CHECK(with_protocol(peer, true) == "UTF8SMTP");
  CHECK(with_protocol(peer, false, true) == "LMTP");
  peer.tls = &tls;
  CHECK(with_protocol(peer, false) == "ESMTPS");
  CHECK(with_protocol(peer, true, true) == "UTF8LMTPS");
  peer.login = "ann";
  CHECK(with_protocol(peer, false) == "ESMTPSA");
  CHECK(with_protocol(peer, true) == "UTF8SMTPSA");
}
