#include "msa/session.h"

#include <catch2/catch.hpp>

#include "common/async/task_group.h"
#include "common/base/encoding.h"
#include "common/crypto/password.h"
#include "quartet/config/v1/directory.pb.h"
#include "tests/support/smtp_dialog.h"

using namespace quartet;
using namespace quartet::msa;

namespace {

directory::DirectoryPtr people() {
  config::v1::Directory source;
  source.add_domain()->set_name("a.test");
  const auto hash = crypto::hash_password("secret");
  REQUIRE(hash.has_value());
  for (const auto* login : {"ann@a.test", "bob@a.test", "gone@a.test"}) {
    auto* account = source.add_account();
    account->set_login(login);
    account->set_password_hash(*hash);
    account->set_disabled(std::string(login) == "gone@a.test");
  }
  auto* alias = source.add_alias();
  alias->set_address("sales@a.test");
  alias->add_target("ann@a.test");
  alias->add_target("bob@a.test");
  alias->add_sender("bob@a.test");
  return std::make_shared<const directory::Directory>(source);
}

async::Task<std::expected<spool::MessageId, spool::SpoolError>> keep(std::vector<spool::NewMessage>& kept,
                                                                     spool::NewMessage message) {
  const auto id = message.id;
  kept.push_back(std::move(message));
  co_return id;
}

SettingsPtr settings_of(directory::DirectoryPtr directory) {
  auto out = std::make_shared<Settings>();
  out->hostname = "mx.a.test";
  out->directory = std::move(directory);
  out->hops = 50;
  out->server.features.hostname = out->hostname;
  out->server.features.mechanisms = {"PLAIN", "LOGIN"};
  out->server.features.auth_required = true;
  out->server.features.auth_in_clear = true;  // the pipe has no TLS
  return out;
}

struct Fixture {
  Fixture() : settings(settings_of(people())), current(settings) {
    intake.agent = "msa";
    intake.hostname = settings->hostname;
    intake.budget = &budget;
    intake.enqueue = [this](spool::NewMessage message) { return keep(kept, std::move(message)); };
  }
  SettingsPtr settings;
  service::Current<Settings> current;
  service::ByteBudget budget{1u << 20};
  service::Passwords passwords{1, std::chrono::seconds(0), std::chrono::milliseconds(1)};
  std::unique_ptr<service::LoginGuard> guard = *service::LoginGuard::open({});
  std::vector<spool::NewMessage> kept;
  service::IntakeOptions intake;
};

async::Task<void> serve(std::unique_ptr<net::Stream> stream, Fixture& fixture) {
  Session session(fixture.current, fixture.intake, fixture.passwords, *fixture.guard);
  const auto& options = fixture.settings->server;
  co_await smtp::serve(std::move(stream), options, session);
}

async::Task<std::vector<std::string>> talk(Fixture& fixture, std::vector<std::string> lines) {
  auto ends = net::make_pipe();
  async::TaskGroup group;
  group.spawn(serve(std::move(ends.first), fixture));
  std::vector<std::string> replies;
  {
    test::SmtpDialog dialog(std::move(ends.second));
    auto greeting = co_await dialog.reply();
    replies.push_back(std::move(greeting));
    for (auto& line : lines) {
      auto reply = co_await dialog.say(std::move(line));
      replies.push_back(reply.substr(0, 9));
    }
  }
  co_await group.close();
  co_return replies;
}

std::string plain(const std::string& user, const std::string& password, const std::string& authorization = "") {
  return "AUTH PLAIN " + base64_encode(authorization + std::string(1, '\0') + user + std::string(1, '\0') + password);
}

}  // namespace

TEST_CASE("nothing before a login, and only good ones let in", "[msa]") {
  Fixture fixture;
  async::Loop loop;
  const auto replies = loop.block_on(talk(
      fixture, {"EHLO me.test", "MAIL FROM:<ann@a.test>", plain("ann@a.test", "wrong"), plain("no@a.test", "secret"),
                plain("gone@a.test", "secret"), plain("ann@a.test", "secret", "bob@a.test"), "MAIL FROM:<ann@a.test>",
                plain("ANN@a.test", "secret", "ann@a.test"), "MAIL FROM:<ann@a.test>"}));
  CHECK(replies.at(2) == "530 5.7.0");
  for (std::size_t i = 3; i <= 6; ++i) CHECK(replies.at(i) == "535 5.7.8");
  CHECK(replies.at(7) == "530 5.7.0");
  CHECK(replies.at(8) == "235 2.7.0");
  CHECK(replies.at(9) == "250 2.1.0");
}

TEST_CASE("who guesses is put out", "[msa]") {
  Fixture fixture;
  async::Loop loop;
  const auto bad = plain("ann@a.test", "wrong");
  const auto replies = loop.block_on(talk(fixture, {"EHLO me.test", bad, bad, bad, bad, bad, "NOOP"}));
  CHECK(replies.at(5) == "535 5.7.8");
  CHECK(replies.at(6) == "421 4.7.0");
  CHECK(replies.at(7) == "closed");
}

TEST_CASE("a message may be held for a time, and not longer (RFC 4865 section 4)", "[msa]") {
  const auto now = wall_now();
  const auto code = [now](std::optional<std::chrono::seconds> hold_for, std::optional<WallTime> hold_until) {
    smtp::MailParameters mail;
    mail.hold_for = hold_for;
    mail.hold_until = hold_until;
    return check_hold(mail, std::chrono::seconds(100), now).code;
  };
  CHECK(code({}, {}) == 250);
  CHECK(code(std::chrono::seconds(100), {}) == 250);
  CHECK(code(std::chrono::seconds(101), {}) == 501);
  CHECK(code({}, now + std::chrono::seconds(100)) == 250);
  CHECK(code({}, now + std::chrono::seconds(101)) == 501);
  CHECK(code({}, now - std::chrono::hours(1)) == 250);
}

TEST_CASE("the reverse-path belongs to the account", "[msa]") {
  const auto directory = people();
  const auto code = [&directory](const std::string& login, const std::string& path) {
    const auto reply = check_sender(*directory, login, path);
    return std::to_string(reply.code) + " " + reply.enhanced;
  };
  CHECK(code("ann@a.test", "ann@a.test") == "250 2.1.0");
  CHECK(code("ann@a.test", "Ann+lists@A.test") == "250 2.1.0");
  CHECK(code("ann@a.test", "") == "250 2.1.0");
  CHECK(code("bob@a.test", "sales@a.test") == "250 2.1.0");
  CHECK(code("ann@a.test", "sales@a.test") == "550 5.7.1");
  CHECK(code("ann@a.test", "bob@a.test") == "550 5.7.1");
  CHECK(code("ann@a.test", "ann@else.test") == "550 5.7.1");
  // After a reload that took the account away.
  CHECK(code("gone@a.test", "gone@a.test") == "550 5.7.1");
  CHECK(code("never@a.test", "") == "550 5.7.1");
}

TEST_CASE("recipients: anywhere, but here only those who exist", "[msa]") {
  const auto directory = people();
  CHECK(check_recipient(*directory, "x@else.test").code == 250);
  CHECK(check_recipient(*directory, "bob@a.test").code == 250);
  CHECK(check_recipient(*directory, "sales@a.test").code == 250);
  CHECK(check_recipient(*directory, "postmaster").code == 250);
  CHECK(check_recipient(*directory, "postmaster@a.test").code == 250);
  CHECK(check_recipient(*directory, "nobody@a.test").enhanced == "5.1.1");
}

TEST_CASE("a submitted message is completed and queued under the login", "[msa]") {
  Fixture fixture;
  async::Loop loop;
  const auto replies =
      loop.block_on(talk(fixture, {"EHLO me.test", plain("ann@a.test", "secret"), "MAIL FROM:<ann@a.test>",
                                   "RCPT TO:<x@else.test>", "DATA", "Subject: hi\r\n\r\nhello\r\n."}));
  REQUIRE(replies.at(6) == "250 2.0.0");
  REQUIRE(fixture.kept.size() == 1);
  const auto& message = fixture.kept[0];
  CHECK(message.envelope.auth_id == "ann@a.test");
  std::string text;
  for (const auto& piece : message.body) text += piece;
  const mime::Header header(text);
  CHECK(header.count("Received") == 1);
  CHECK(header.count("Date") == 1);
  CHECK(header.count("Message-ID") == 1);
  CHECK(header.text("Received").find("with ESMTPA") != std::string::npos);
  CHECK(text.ends_with("Subject: hi\r\n\r\nhello\r\n"));
}

TEST_CASE("what a user's recipient would be answered, for operators", "[msa]") {
  const auto directory = people();
  const auto codes = [&directory](const std::string& login, const std::string& sender, const std::string& recipient) {
    const auto found = explain_recipient(*directory, {recipient, {}, login, sender});
    return std::to_string(found.mail.code) + " " + std::to_string(found.rcpt.code);
  };
  CHECK(codes("ann@a.test", "ann@a.test", "x@else.test") == "250 250");
  CHECK(codes("ann@a.test", "bob@a.test", "x@else.test") == "550 503");
  CHECK(codes("bob@a.test", "sales@a.test", "no@a.test") == "250 550");
  CHECK(codes("gone@a.test", "gone@a.test", "x@else.test") == "550 503");
  CHECK(codes("", "ann@a.test", "x@else.test") == "530 503");
}
