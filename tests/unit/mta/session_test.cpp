#include "mta/session.h"

#include <catch2/catch.hpp>

#include "common/async/task_group.h"
#include "common/spool/spool.h"
#include "tests/support/smtp_dialog.h"
#include "tests/unit/mta/helpers.h"

using namespace quartet;
using namespace quartet::mta;

namespace {

std::unique_ptr<spool::Spool> open_spool(const Site& site) {
  spool::Options options;
  options.directory = site.file("spool");
  return *spool::Spool::open(std::move(options));
}

/// An mta's session on one end of a pipe, with a real spool and a relay that does not run.
struct Fixture {
  explicit Fixture(const std::string& more = "")
      : settings(*load_settings(site.config(more))),
        current(settings),
        spool(open_spool(site)),
        relay({}, settings->router, *spool) {
    intake.agent = "mta";
    intake.hostname = settings->hostname;
    intake.budget = &budget;
    intake.enqueue = [this](spool::NewMessage message) { return spool->enqueue(std::move(message)); };
  }

  Site site;
  SettingsPtr settings;
  service::Current<Settings> current;
  std::unique_ptr<spool::Spool> spool;
  relay::Relay relay;
  service::ByteBudget budget{1u << 20};
  service::IntakeOptions intake;
};

async::Task<void> serve(std::unique_ptr<net::Stream> stream, Fixture& fixture) {
  relay::RecipientVerifier verifier(async::Loop::current(), fixture.settings->relay,
                                    fixture.settings->verification.options);
  Session session(fixture.current, fixture.intake, fixture.relay, verifier);
  const auto& options = fixture.settings->server;
  co_await smtp::serve(std::move(stream), options, session);
  co_await verifier.close();
}

/// Replies to the lines, the greeting first.
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
      replies.push_back(std::move(reply));
    }
  }
  co_await group.close();
  co_return replies;
}

std::string start_of(const std::string& reply) { return reply.substr(0, 9); }

}  // namespace

TEST_CASE("who may send to whom", "[mta]") {
  const Site site;
  const auto settings = load_settings(site.config(R"(
    trusted: "192.0.2.0/24" relay_domain: "backup.test" relay_domain: ".sub.test"
    link { name: "field" domain: "field.test" } transport { match: "routed.test" mx: true }
  )"));
  REQUIRE(settings.has_value());
  const auto code = [&settings](const std::string& recipient, const std::string& client = "198.51.100.1:1") {
    const auto reply = check_recipient(**settings, *net::Address::parse(client), recipient);
    return std::to_string(reply.code) + " " + reply.enhanced;
  };
  for (const auto* good : {"ann@a.test", "ANN@A.TEST", "ann+box@a.test", "info@a.test", "postmaster",
                           "Postmaster@a.test", "x@backup.test", "x@y.sub.test", "x@field.test"})
    CHECK(code(good) == "250 2.1.5");
  CHECK(code("nobody@a.test") == "550 5.1.1");
  CHECK(code("nobody@a.test", "192.0.2.1:1") == "550 5.1.1");
  for (const auto* far : {"x@else.test", "x@sub.test", "x@notbackup.test", "postmaster@else.test", "x@routed.test"}) {
    CHECK(code(far) == "550 5.7.1");
    CHECK(code(far, "192.0.2.1:1") == "250 2.1.5");
  }
}

TEST_CASE("what a client hears of a recipient that the next hop was asked about", "[mta]") {
  using relay::Verdict;
  const auto answer = [](Verdict::Kind kind, spool::Reply said, bool accept_unknown = false) {
    return answer_verified({kind, std::move(said)}, accept_unknown);
  };
  CHECK(answer(Verdict::Kind::kAccepted, {251, "", "will forward", "h"}).code == 250);
  const auto refused = answer(Verdict::Kind::kRefused, {550, "5.2.1", "disabled", "mx.b.test"});
  CHECK(refused == smtp::Reply(550, "5.2.1", "mx.b.test says: disabled"));
  CHECK(answer(Verdict::Kind::kRefused, {550, "", "no", "h"}).enhanced == "5.1.1");
  CHECK(answer(Verdict::Kind::kUnknown, {451, "4.3.0", "busy", "h"}).code == 450);
  CHECK(answer(Verdict::Kind::kUnknown, {0, "4.4.1", "gone", ""}, true).code == 250);
  CHECK(answer(Verdict::Kind::kRefused, {550, "5.1.1", std::string(5'000, 'x'), "h"}).text().size() <= 400);
}

TEST_CASE("a message from greeting to queue", "[mta]") {
  Fixture fixture;
  async::Loop loop;
  const auto replies = loop.block_on(
      talk(fixture, {"EHLO peer.test", "MAIL FROM:<>", "RCPT TO:<nobody@a.test>", "RCPT TO:<ann@a.test>",
                     "RCPT TO:<x@else.test>", "RCPT TO:<postmaster>", "DATA", "Subject: x\r\n\r\nhello\r\n.", "QUIT"}));
  REQUIRE(replies.size() == 10);
  CHECK(replies[1].find("XTRACE") == std::string::npos);
  CHECK(replies[1].find("AUTH") == std::string::npos);
  CHECK(start_of(replies[2]) == "250 2.1.0");
  CHECK(start_of(replies[3]) == "550 5.1.1");
  CHECK(start_of(replies[4]) == "250 2.1.5");
  CHECK(start_of(replies[5]) == "550 5.7.1");
  CHECK(start_of(replies[6]) == "250 2.1.5");
  CHECK(start_of(replies[8]) == "250 2.0.0");
  const auto page = fixture.spool->list({}, 10);
  REQUIRE(page.has_value());
  REQUIRE(page->entries.size() == 2);
  CHECK(fixture.spool->counts().messages == 1);
}

TEST_CASE("a reload counts from the next MAIL on", "[mta]") {
  Fixture fixture;
  fixture.site.write("people", R"(domain { name: "a.test" } account { login: "new@a.test" })");
  fixture.current.set(*load_settings(fixture.site.config("")));
  async::Loop loop;
  const auto replies = loop.block_on(
      talk(fixture, {"EHLO peer.test", "MAIL FROM:<x@b.test>", "RCPT TO:<ann@a.test>", "RCPT TO:<new@a.test>"}));
  CHECK(start_of(replies.at(3)) == "550 5.1.1");
  CHECK(start_of(replies.at(4)) == "250 2.1.5");
}

TEST_CASE("ETRN over a session", "[mta]") {
  Fixture without;
  async::Loop loop;
  CHECK(start_of(loop.block_on(talk(without, {"EHLO p.test", "ETRN a.test"})).at(2)) == "502 5.5.1");

  Fixture fixture("link { name: \"field\" domain: \"field.test\" on_request: true allowed: \"unix\" }");
  const auto replies = loop.block_on(
      talk(fixture, {"EHLO peer.test", "ETRN", "ETRN a_b!", "ETRN field.test", "MAIL FROM:<>", "ETRN #field"}));
  CHECK(replies[1].find("ETRN") != std::string::npos);
  CHECK(start_of(replies[2]) == "500 5.5.4");
  CHECK(start_of(replies[3]) == "501 5.5.4");
  CHECK(start_of(replies[4]) == "459 4.7.1");  // the pipe's end is nobody's network
  CHECK(start_of(replies[6]) == "503 5.5.1");
}
