#include "mta/atrn.h"

#include <catch2/catch.hpp>
#include <map>

#include "common/async/task_group.h"
#include "common/service/passwords.h"
#include "common/smtp/client_session.h"
#include "common/spool/spool.h"
#include "mta/odmr_session.h"
#include "tests/support/certificates.h"
#include "tests/support/smtp_dialog.h"
#include "tests/unit/mta/helpers.h"

using namespace quartet;
using namespace quartet::mta;
using quartet::test::certificates;

namespace {

struct Links {
  Links() {
    relay::RoutingTable table;
    table.links = {{"field", {"field.test", ".field.test"}, {}, true, true},
                   {"camp", {"camp.test"}, {}, true, true},
                   {"theirs", {"theirs.test", "x.field.test"}, {}, true, true}};
    router = std::make_unique<relay::Router>(std::move(table));
    rights["field"].logins = {"scout@a.test", "ranger"};
    rights["camp"].logins = {"scout@a.test"};
    rights["theirs"].logins = {"other@a.test"};
  }
  int code(const std::vector<std::string>& domains, const std::string& login = "scout@a.test") {
    auto answer = answer_atrn(
        domains, login, *router, rights, [this](const auto&) { return waiting; },
        [this](const std::string& link) { return not_now.contains(link) ? not_now[link] : Links::now(); });
    CHECK(answer.turn.has_value() == answer.reply.positive());
    text = answer.reply.enhanced + " " + answer.reply.text();
    turn = std::move(answer.turn);
    return answer.reply.code;
  }
  std::unique_ptr<relay::Router> router;
  LinkRights rights;
  static relay::StartAnswer now() { return {.kind = relay::StartAnswer::Kind::kStarted, .link = {}}; }
  std::optional<std::uint64_t> waiting = 3;
  std::map<std::string, relay::StartAnswer> not_now;  // by link: what Relay::may_turn says of it
  std::optional<relay::Turn> turn;
  std::string text;
};

}  // namespace

TEST_CASE("the replies of RFC 2645 section 5.2.1", "[atrn]") {
  Links links;
  CHECK(links.code({"field.test"}) == 250);
  CHECK(links.turn->links == std::vector<std::string>{"field"});
  CHECK(links.turn->domains == std::vector<std::string>{"field.test"});
  CHECK(links.code({"a.field.test", "camp.test"}, "Scout@A.Test") == 250);
  CHECK(links.turn->links == std::vector<std::string>{"field", "camp"});
  CHECK(links.turn->domains == std::vector<std::string>{"a.field.test", "camp.test"});
  // One that is not theirs, or not there, and all is refused.
  CHECK(links.code({"field.test", "theirs.test"}) == 450);
  CHECK(links.code({"field.test", "nowhere.test"}) == 450);
  CHECK(links.code({"camp.test"}, "ranger") == 450);
  links.waiting = 0;
  CHECK(links.code({"field.test"}) == 453);
  CHECK(links.code({"theirs.test"}) == 450);  // the queues of others are no news for them
  links.waiting = std::nullopt;
  CHECK(links.code({"field.test"}) == 451);
}

TEST_CASE("without a list ATRN is for all that the login may have", "[atrn]") {
  Links links;
  CHECK(links.code({}) == 250);
  CHECK(links.turn->links == std::vector<std::string>{"field", "camp"});
  CHECK(links.turn->domains == std::vector<std::string>{"field.test", ".field.test", "camp.test"});
  CHECK(links.code({}, "ranger") == 250);
  CHECK(links.turn->links == std::vector<std::string>{"field"});
  CHECK(links.code({}, "nobody") == 450);
}

TEST_CASE("links that are paused, or were served a moment ago", "[atrn]") {
  using Kind = relay::StartAnswer::Kind;
  Links links;
  links.not_now["field"] = {.kind = Kind::kPaused, .link = {}};
  CHECK(links.code({"field.test"}) == 450);
  CHECK(links.text == "4.3.2 ATRN request refused: delivery is paused");
  CHECK(links.code({"camp.test", "field.test"}) == 450);
  CHECK(links.code({"field.test", "theirs.test"}) == 450);
  CHECK(links.text.starts_with("4.7.1 "));  // what is theirs decides first
  CHECK(links.code({"camp.test"}) == 250);
  // Without a list: what may be had now.
  CHECK(links.code({}) == 250);
  CHECK(links.turn->links == std::vector<std::string>{"camp"});
  CHECK(links.code({}, "ranger") == 450);
  links.not_now["camp"] = {.kind = Kind::kTooSoon, .link = {}, .wait = std::chrono::milliseconds(59'001)};
  CHECK(links.code({"camp.test"}) == 450);
  CHECK(links.text == "4.7.0 ATRN request refused: asked too often, try again in 60 seconds");
  CHECK(links.code({}) == 450);
}

TEST_CASE("who may stay is let in with an empty queue", "[atrn]") {
  Links links;
  links.waiting = 0;
  links.rights["field"].stay = std::chrono::minutes(10);
  links.rights["camp"].keep_alive = std::chrono::seconds(30);
  CHECK(links.code({"camp.test"}) == 453);
  CHECK(links.code({"field.test", "camp.test"}) == 250);
  CHECK(links.turn->stay == std::chrono::minutes(10));
  CHECK(links.turn->keep_alive == std::chrono::seconds(30));
}

TEST_CASE("passwords of links", "[atrn]") {
  Links links;
  links.rights["field"].password = "s3cret";
  CHECK(check_link_password(links.rights, {"", "Ranger", sasl::Password{"s3cret"}}) == true);
  CHECK(check_link_password(links.rights, {"", "ranger", sasl::Password{"s3creT"}}) == false);
  CHECK(check_link_password(links.rights, {"", "ranger", sasl::Password{""}}) == false);
  CHECK(check_link_password(links.rights, {"", "ranger", sasl::Verdict::kProven}) == false);
  CHECK_FALSE(check_link_password(links.rights, {"", "other@a.test", sasl::Password{"s3cret"}}).has_value());
}

namespace {

/// An odmr session on one end of a pipe, with a real spool and a relay that runs on the same loop.
struct Provider {
  explicit Provider(const std::string& link)
      : settings(*load_settings(site.config("odmr { address: \"127.0.0.1:0\" } tls { certificate: \"" +
                                            certificates().certificate("server") + "\" key: \"" +
                                            certificates().key("server") + "\" } link { " + link + " }"))),
        current(settings) {
    spool::Options options;
    options.directory = site.file("spool");
    spool = *spool::Spool::open(std::move(options));
    relay::Options relay_options;
    relay_options.hostname = "mx.a.test";
    relay_options.resolver.servers = {*net::Address::parse("127.0.0.1:9")};
    relay = std::make_unique<relay::Relay>(relay_options, settings->router, *spool);
  }
  Site site;
  SettingsPtr settings;
  service::Current<Settings> current;
  service::Passwords passwords{1, std::chrono::seconds(0), std::chrono::milliseconds(1)};
  std::unique_ptr<service::LoginGuard> guard = *service::LoginGuard::open({});
  std::unique_ptr<spool::Spool> spool;
  std::unique_ptr<relay::Relay> relay;
};

async::Task<void> serve(std::unique_ptr<net::Stream> stream, Provider& provider) {
  net::Sessions sessions;
  const auto place = sessions.enter("odmr", *stream);
  OdmrSession session(provider.current, provider.passwords, *provider.guard, *provider.relay, place.record());
  auto options = provider.settings->odmr_server;
  co_await smtp::serve(std::move(stream), options, session);
}

spool::NewMessage letter(const std::string& to) {
  spool::NewMessage message;
  message.envelope.reverse_path = "a@a.test";
  message.envelope.received = wall_now();
  message.recipients.push_back({to, spool::kNotifyDefault, {}});
  message.body = {"Subject: x\r\n\r\nhello\r\n"};
  return message;
}

/// The site's own server, on the connection that it turned around.
class Taker final : public smtp::Handler, public smtp::MessageSink {
 public:
  std::vector<std::string>& said;
  explicit Taker(std::vector<std::string>& where) : said(where) {}
  async::Task<smtp::Reply> on_open(const smtp::Peer&) override { co_return smtp::Reply(220, "", "ready"); }
  async::Task<smtp::Reply> on_mail(const smtp::Peer&, const smtp::MailParameters& mail) override {
    said.push_back("from " + mail.reverse_path);
    co_return smtp::Reply(250, "2.1.0", "ok");
  }
  async::Task<smtp::Reply> on_rcpt(const smtp::Peer&, const smtp::Transaction&,
                                   const smtp::RcptParameters& rcpt) override {
    said.push_back("to " + rcpt.forward_path);
    co_return smtp::Reply(250, "2.1.5", "ok");
  }
  async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> on_message(
      const smtp::Peer&, const smtp::Transaction&) override {
    co_return std::make_unique<Taker>(said);
  }
  async::Task<std::expected<void, smtp::Reply>> write(std::string) override {
    co_return std::expected<void, smtp::Reply>();
  }
  async::Task<std::vector<smtp::Reply>> finish() override {
    co_return std::vector<smtp::Reply>{smtp::Reply(250, "2.0.0", "taken")};
  }
};

async::Task<void> come_for_mail(std::unique_ptr<net::Stream> stream, smtp::ClientLogin login, std::string atrn,
                                std::vector<std::string>& said) {
  smtp::ClientOptions options;
  options.hostname = "field.test";
  options.server_name = "mx.test";
  options.starttls = smtp::StartTls::kRequired;
  options.tls =
      *tls::ClientContext::make({.verify = true, .ca = certificates().certificate("ca"), .certificate = {}, .key = {}});
  options.login = std::move(login);
  auto session = co_await smtp::ClientSession::open(std::move(stream), options);
  if (!session) {
    said.push_back(session.error().reply ? std::to_string(session.error().reply->code) : session.error().detail);
    co_return;
  }
  auto reply = co_await (*session)->ask(atrn + "\r\n", std::chrono::seconds(20));
  REQUIRE(reply.has_value());
  said.push_back(std::to_string(reply->code));
  if (reply->code != 250) co_return;
  smtp::ServerOptions server;
  server.features.hostname = "field.test";
  Taker taker(said);
  const auto end = co_await smtp::serve((*session)->release(), server, taker);
  said.push_back(smtp::to_string(end));
}

/// What a site hears that comes with this login and says `atrn`.
async::Task<std::vector<std::string>> fetch(Provider& provider, smtp::ClientLogin login, std::string atrn) {
  auto ends = net::make_pipe();
  async::TaskGroup relaying, sessions;
  relaying.spawn(provider.relay->run());
  sessions.spawn(serve(std::move(ends.first), provider));
  std::vector<std::string> said;
  co_await come_for_mail(std::move(ends.second), std::move(login), std::move(atrn), said);
  provider.relay->stop(std::chrono::seconds(1));
  co_await relaying.join();
  co_await sessions.close();
  co_return said;
}

}  // namespace

TEST_CASE("a site comes for its mail", "[atrn]") {
  Provider provider("name: \"field\" domain: \"field.test\" mode: ATRN login: \"ranger\" password: \"s3cret\"");
  async::Loop loop;
  for (const auto* to : {"x@field.test", "y@field.test"}) {
    const auto queued = loop.block_on(provider.spool->enqueue(letter(to)));
    REQUIRE(queued.has_value());
  }
  using Said = std::vector<std::string>;
  const auto mail = [](const Said& said) { return std::ranges::count(said, "from a@a.test"); };
  SECTION("all of it") {
    const auto said = loop.block_on(fetch(provider, {"ranger", "s3cret"}, "ATRN"));
    CHECK(said.front() == "250");
    CHECK(said.back() == "quit");
    CHECK(mail(said) == 2);
    CHECK(provider.spool->counts().total_recipients() == 0);
  }
  SECTION("of its domain") {
    CHECK(mail(loop.block_on(fetch(provider, {"Ranger", "s3cret"}, "ATRN Field.test"))) == 2);
  }
  SECTION("not of others, nor with a wrong password, nor nonsense") {
    CHECK(loop.block_on(fetch(provider, {"ranger", "s3cret"}, "ATRN a.test")) == Said{"450"});
    CHECK(provider.spool->counts().total_recipients() == 2);
  }
  SECTION("a wrong password") {
    CHECK(loop.block_on(fetch(provider, {"ranger", "secret"}, "ATRN")) == Said{"535"});
    CHECK(provider.spool->counts().total_recipients() == 2);
  }
  SECTION("an unknown name") { CHECK(loop.block_on(fetch(provider, {"ann@a.test", "secret"}, "ATRN")) == Said{"535"}); }
  SECTION("no list") { CHECK(loop.block_on(fetch(provider, {"ranger", "s3cret"}, "ATRN field")) == Said{"501"}); }
}

TEST_CASE("what a configuration may say of ATRN", "[atrn]") {
  const Site site;
  const auto tls = "tls { certificate: \"" + certificates().certificate("server") + "\" key: \"" +
                   certificates().key("server") + "\" }\n";
  const auto faults = [&site](const std::string& more) {
    const auto settings = load_settings(site.config(more));
    std::string out;
    if (!settings) {
      for (const auto& error : settings.error()) out += error.text.substr(error.text.find(": ") + 2) + "\n";
    }
    return out;
  };
  const std::string odmr = "odmr { address: \"127.0.0.1:0\" }";
  const auto link = [](const std::string& more) { return "link { name: \"f\" domain: \"f.test\" " + more + " }\n"; };
  CHECK(faults(tls + odmr + link("login: \"ann@a.test\"")).empty());
  CHECK(faults(tls + odmr + link("mode: ATRN login: \"f\" password: \"p\" stay_seconds: 60")).empty());
  CHECK(faults(odmr + link("login: \"ann@a.test\"")) == "needs a certificate in tls\n");
  CHECK(faults(tls + link("login: \"ann@a.test\"")) == "needs a listener in odmr\n");
  CHECK(faults(tls + odmr + link("login: \"f\"")) == "is not in the directory, and there is no password\n");
  CHECK(faults(tls + odmr + link("login: \"ann@a.test\" password: \"p\"")) ==
        "has a password in the directory, and none may be given here\n");
  CHECK(faults(tls + odmr + link("mode: ETRN login: \"ann@a.test\"")) == "is for ATRN, which the mode excludes\n");
  CHECK(faults(tls + odmr + link("mode: ATRN")) == "ATRN needs a login\n");
  CHECK(faults(link("min_interval_seconds: 86400")).empty());
  CHECK(faults(link("min_interval_seconds: 86401")) == "at most 86400 (a day)\n");
  CHECK(faults(link("mode: PUSH min_interval_seconds: 60")) == "nobody starts it: mode is PUSH\n");
  CHECK(faults(link("mode: PUSH on_request: true")) == "nobody could request it: mode is PUSH\n");
  CHECK(faults(tls + odmr + link("mode: ATRN login: \"ann@a.test\" allowed: \"unix\" next_hop { host: \"h\" }")) ==
        "is for ETRN, which the mode excludes\nis never used: mode is ATRN\n");
  CHECK(faults(tls + odmr + link("login: \"f\" password: \"p\"") +
               "link { name: \"g\" domain: \"g.test\" login: \"F\" password: \"q\" }") ==
        "has another password at another link\n");
  CHECK(faults(tls + odmr + link("login: \"ann@a.test\" keep_alive_seconds: 300")).starts_with("at most 270"));
}
