// Where mail goes: directory, aliases, targets of the configuration.
#include "mda/plan.h"

#include <catch2/catch.hpp>

#include "common/config/config.h"
#include "mda/explain.h"
#include "quartet/config/v1/directory.pb.h"

using namespace quartet;
using namespace quartet::mda;
using Kind = Target::Kind;

namespace {

constexpr const char* kDirectory = R"(
domain { name: "a.test" }
domain { name: "b.test" catch_all: "ann@a.test" }
account { login: "ann@a.test" address: "ann@b.test" }
account { login: "bob@a.test" }
account { login: "x/y@a.test" }
alias { address: "all@a.test" target: "ann@a.test" target: "bob@a.test" target: "far@c.test" target: "gone@a.test" }
alias { address: "loop1@a.test" target: "loop2@a.test" }
alias { address: "loop2@a.test" target: "loop1@a.test" }
alias { address: "gone2@a.test" target: "nobody@a.test" }
)";

struct Fixture {
  config::v1::Directory source;
  std::unique_ptr<directory::Directory> directory;
  DeliveryTable table;

  explicit Fixture(std::vector<Delivery> deliveries = {}) : table(std::move(deliveries)) {
    REQUIRE(config::parse_into(kDirectory, "people", source));
    directory = std::make_unique<directory::Directory>(source);
  }
  Plan plan(const std::string& address) const { return make_plan(*directory, table, address); }
  /// "store:ann@a.test send:x@y.test", or the code of the refusal.
  std::string show(const std::string& address) const {
    static constexpr const char* kNames[] = {"store", "mbox", "maildir", "send"};
    const auto made = plan(address);
    std::string out;
    for (const auto& target : made.targets)
      out += (out.empty() ? "" : " ") + std::string(kNames[static_cast<int>(target.kind)]) + ":" +
             (target.path.empty() ? target.address : target.path);
    return out.empty() ? std::to_string(made.refusal.code) + " " + made.refusal.enhanced : out;
  }
};

}  // namespace

TEST_CASE("accounts, aliases, strangers", "[mda]") {
  const Fixture here;
  CHECK(here.show("ann@a.test") == "store:ann@a.test");
  CHECK(here.show("Ann+lists@A.test") == "store:ann@a.test");
  Fixture named;
  named.table = DeliveryTable({}, true);
  CHECK(named.show("Ann+Lists@A.test") == "store:lists");
  CHECK(named.plan("ann+lists@a.test").targets.front().address == "ann@a.test");
  CHECK(named.show("ann@a.test") == "store:ann@a.test");
  CHECK(here.show("anybody@b.test") == "store:ann@a.test");
  CHECK(here.show("all@a.test") == "store:ann@a.test store:bob@a.test send:far@c.test");
  CHECK(here.plan("all@a.test").unknown == std::vector<std::string>{"gone@a.test"});
  CHECK(here.show("nobody@a.test") == "550 5.1.1");
  CHECK(here.show("gone2@a.test") == "550 5.1.1");
  CHECK(here.show("x@far.test") == "550 5.7.1");
  CHECK(here.show("loop1@a.test") == "451 4.3.5");
}

TEST_CASE("targets of the configuration", "[mda]") {
  const Fixture here({{"bob@a.test", Delivery::Kind::kMbox, "/mail/{domain}/{user}"},
                      {"sink@a.test", Delivery::Kind::kMaildir, "/mail/sink"},
                      {"out@a.test", Delivery::Kind::kForward, "someone@far.test"},
                      {"in@a.test", Delivery::Kind::kForward, "ann@a.test"},
                      {"self@a.test", Delivery::Kind::kForward, "self@a.test"},
                      {"d.test", Delivery::Kind::kNextHop, ""},
                      {"a.test", Delivery::Kind::kMaildir, "/dirs/{user}"}});
  CHECK(here.show("bob@a.test") == "mbox:/mail/a.test/bob");
  CHECK(here.show("bob+x@a.test") == "mbox:/mail/a.test/bob");
  CHECK(here.show("sink@a.test") == "maildir:/mail/sink");
  CHECK(here.show("out@a.test") == "send:someone@far.test");
  CHECK(here.show("in@a.test") == "maildir:/dirs/ann");
  CHECK(here.show("self@a.test") == "451 4.3.5");
  CHECK(here.show("User@d.test") == "send:User@d.test");
  CHECK(here.show("ann@a.test") == "maildir:/dirs/ann");
  CHECK(here.show("ann@b.test") == "maildir:/dirs/ann");
  // Nobody makes directories by writing to names that do not exist.
  CHECK(here.show("nobody@a.test") == "550 5.1.1");
  CHECK(here.show("x/y@a.test") == "451 4.3.5");
}

TEST_CASE("a delivery behind one that matches more is seen", "[mda]") {
  const std::vector<Delivery> earlier = {{"a.test", Delivery::Kind::kMbox, "/x"},
                                         {"bob@b.test", Delivery::Kind::kMbox, "/y"}};
  CHECK(shadowed_by(earlier, "ann@a.test") == "a.test");
  CHECK(shadowed_by(earlier, "a.test") == "a.test");
  CHECK(shadowed_by(earlier, "bob@b.test") == "bob@b.test");
  CHECK_FALSE(shadowed_by(earlier, "b.test"));
}

TEST_CASE("a sender that was rewritten leads back to who it is", "[mda]") {
  const Fixture here;
  const smtp::Srs srs({.domain = "a.test", .secrets = {"a long secret"}});
  const WallTime now(std::chrono::hours(500'000));
  const auto address = *srs.forward("zoe@far.test", now);
  const auto plan = make_plan(*here.directory, here.table, address, &srs, now);
  REQUIRE(plan.targets.size() == 1);
  CHECK(plan.targets[0].kind == Kind::kSend);
  CHECK(plan.targets[0].address == "zoe@far.test");
  const auto late = make_plan(*here.directory, here.table, address, &srs, now + std::chrono::hours(24 * 30));
  CHECK(late.targets.empty());
  CHECK(late.refusal.enhanced == "5.1.1");
  CHECK(make_plan(*here.directory, here.table, address).refusal.enhanced == "5.1.1");
}

TEST_CASE("what is forwarded to other sites is known as such", "[mda]") {
  const Fixture here(
      {{"bob@a.test", Delivery::Kind::kForward, "bob@far.test"}, {"b.test", Delivery::Kind::kNextHop, ""}});
  const auto plan = here.plan("all@a.test");
  REQUIRE(plan.targets.size() == 3);
  CHECK_FALSE(plan.targets[0].outside);
  CHECK(plan.targets[1].outside);
  CHECK(plan.targets[2].outside);
  REQUIRE(here.plan("ann@b.test").targets.size() == 1);
  CHECK_FALSE(here.plan("ann@b.test").targets[0].outside);
}

TEST_CASE("where an mda would put a recipient's mail, for operators", "[plan]") {
  const Fixture here({{"bob@a.test", Delivery::Kind::kForward, "bob@far.test"}});
  const Tables tables{std::make_shared<const directory::Directory>(here.source),
                      std::make_shared<const DeliveryTable>(here.table)};
  const auto explain = [&tables](const std::string& address) {
    return explain_recipient(tables, {address, {}, "", ""}, wall_now());
  };
  const auto all = explain("all@a.test");
  CHECK(all.rcpt.code == 250);
  using Words = std::vector<std::string>;
  CHECK(all.leads_to == Words{"the mailboxes of ann@a.test", "sent on to bob@far.test", "sent on to far@c.test"});
  CHECK(all.reasons.front() == "leads to gone@a.test, which has no user");
  CHECK(explain("nobody@a.test").rcpt.code == 550);
  CHECK(explain("nobody@a.test").leads_to.empty());
}
