// quartetctl account, mailbox and quota against a real control plane.
#include <sstream>

#include "common/store/store.h"
#include "ctl/run.h"
#include "tests/unit/control/helpers.h"

using namespace quartet;
using namespace quartet::control::test;

namespace {

struct Site : Running {
  std::unique_ptr<store::Store> mailboxes;

  explicit Site(bool several = false) {
    people = (directory.path() / "people").string();
    std::ofstream(people) << "domain { name: \"a.test\" }\naccount { login: \"ann@a.test\" quota_bytes: 10485760 }\n";
    store::Options options;
    options.directory = (directory.path() / "store").string();
    options.shards = 1;
    if (several) options.additional.push_back({"other", (directory.path() / "other").string(), {}});
    mailboxes = *store::open_store(std::move(options));
    store = mailboxes.get();
    start();
  }
  ~Site() { server.reset(); }

  /// What it prints, on either output; it must end with `code`.
  std::string say(std::vector<std::string> words, int code = 0) const {
    std::ostringstream out, err;
    std::string all;
    for (const auto& word : words) all += word + " ";
    INFO(all);
    const int ended = ctl::run(words, target(), out, err);
    INFO(out.str() << err.str());
    CHECK(ended == code);
    return out.str() + err.str();
  }
};

}  // namespace

TEST_CASE("quartetctl account", "[ctl]") {
  const Site site;
  CHECK(site.say({"account", "list"}).contains("0/10M"));
  CHECK(site.say({"account", "add", "bob@a.test", "--no-password", "--address", "rob@a.test", "--quota-messages",
                  "9"}) == "bob@a.test is there\n");
  CHECK(site.say({"account", "add", "bob@a.test", "--no-password"}, 1).contains("is there already"));
  const auto shown = site.say({"account", "show", "ROB@a.test"});
  CHECK(shown.contains("account     bob@a.test\nalso        rob@a.test\nmay log in  no password\n"));
  CHECK(shown.contains("messages    0/9\n"));
  CHECK(site.say({"--json", "account", "show", "bob@a.test"}).contains("\"has_password\":false"));
  CHECK(site.say({"account", "disable", "bob@a.test"}) == "bob@a.test may not log in\n");
  CHECK(site.say({"account", "list"}).contains("disabled"));
  site.say({"account", "enable", "bob@a.test"});
  site.say({"account", "address", "bob@a.test", "--add", "b@a.test", "--remove", "rob@a.test"});
  site.say({"account", "show", "rob@a.test"}, 1);
  site.say({"account", "address", "bob@a.test"}, 2);
  CHECK(site.say({"account", "remove", "b@a.test"}).starts_with("bob@a.test is gone"));
  CHECK_FALSE(site.say({"account", "list"}).contains("bob"));
  site.say({"account", "add", "cy@a.test", "--no-password", "--quota", "much"}, 2);
  site.say({"account", "add", "cy@a.test", "--hash", "md5"}, 2);
}

TEST_CASE("quartetctl account move", "[ctl]") {
  const Site site(true);
  CHECK(site.say({"account", "move", "ann@a.test", "--to", "other"}, 1).contains("no mailboxes yet"));
  site.say({"mailbox", "create", "ann@a.test", "Kept"});
  CHECK(site.say({"account", "move", "ann@a.test", "--to", "other", "--dry-run"}) ==
        "ann@a.test is in main; other has 0 of 0 messages, 0 of 0\n");
  CHECK(site.say({"account", "move", "ann@a.test", "--abort"}, 1).contains("it is not being moved"));
  CHECK(site.say({"account", "move", "ann@a.test", "--to", "other"}) == "ann@a.test is in other: 0 messages, 0\n");
  CHECK(site.say({"account", "show", "ann@a.test"}).contains("store       other\n"));
  CHECK(site.say({"mailbox", "list", "ann@a.test"}).contains("Kept"));
  CHECK(site.say({"account", "move", "ann@a.test", "--to", "main", "--purge"})
            .ends_with("0 messages removed where it was\n"));
  CHECK(site.say({"--json", "account", "move", "ann@a.test", "--to", "main"}).contains("\"done\":true"));
  CHECK(site.say({"account", "move", "ann@a.test", "--to", "nowhere"}, 1).contains("no store called nowhere"));
  site.say({"account", "move", "eve@a.test", "--to", "other"}, 1);
  site.say({"account", "move", "ann@a.test"}, 2);
  site.say({"account", "move", "ann@a.test", "--to", "other", "--abort"}, 2);
  site.say({"account", "move", "ann@a.test", "--abort", "--dry-run"}, 2);
  site.say({"account", "move", "ann@a.test", "--purge", "--dry-run"}, 2);
  const Site alone;
  CHECK(alone.say({"account", "move", "ann@a.test", "--to", "other"}, 1).contains("there is one store only"));
  CHECK_FALSE(alone.say({"account", "show", "ann@a.test"}).contains("store"));
}

TEST_CASE("quartetctl account erase", "[ctl]") {
  Site site;
  site.forgetting = std::unexpected("scripts cannot be removed");
  async::Loop loop;
  std::vector<store::DeliveryTarget> targets(1);
  targets[0].account = "dan@a.test";
  const auto text = std::make_shared<const std::string>("Subject: kept\r\n\r\ntext\r\n");
  REQUIRE(loop.block_on(site.mailboxes->deliver(targets, text, wall_now())).front().has_value());
  CHECK(site.say({"account", "list", "--left-over"}).contains("dan@a.test"));
  CHECK_FALSE(site.say({"account", "list", "--left-over", "--in-domain", "b.test"}).contains("dan@a.test"));
  CHECK_FALSE(site.say({"account", "list", "--left-over"}).contains("ann@a.test"));
  CHECK(site.say({"account", "add", "dan@a.test", "--no-password"}).contains("it has 1 messages of a removed account"));
  CHECK(site.say({"account", "erase", "DAN@a.test"}, 1).contains("remove it there first"));
  CHECK_FALSE(site.say({"account", "list", "--left-over"}).contains("dan@a.test"));
  site.say({"account", "remove", "dan@a.test"});
  CHECK(site.say({"account", "erase", "DAN@a.test", "--dry-run"}) == "1 messages would be erased\n");
  CHECK(site.say({"account", "erase", "dan@a.test"}, 1).contains("scripts cannot be removed"));
  site.forgetting = {};
  CHECK(site.say({"account", "erase", "dan@a.test", "--reason", "left"}) == "1 messages erased\n");
  CHECK(site.forgotten == std::vector<std::string>{"dan@a.test", "dan@a.test"});
  CHECK_FALSE(site.say({"account", "list", "--left-over"}).contains("dan@a.test"));
  CHECK_FALSE(site.say({"account", "add", "dan@a.test", "--no-password"}).contains("messages"));
}

TEST_CASE("quartetctl mailbox", "[ctl]") {
  const Site site;
  CHECK(site.say({"mailbox", "create", "ann@a.test", "Kept", "--special-use", "\\Archive"}) == "Kept is there\n");
  site.say({"mailbox", "create", "ann@a.test", "Odd", "--special-use", "\\Odd"}, 1);
  CHECK(site.say({"mailbox", "list", "ann@a.test"}).contains("Kept     \\Archive unsubscribed\n"));
  CHECK(site.say({"mailbox", "subscribe", "ann@a.test", "Kept"}) == "subscribed\n");
  CHECK(site.say({"mailbox", "unsubscribe", "ann@a.test", "Kept"}) == "unsubscribed\n");
  CHECK(site.say({"mailbox", "set-acl", "ann@a.test", "Kept", "anyone", "lr"}).contains("anyone      lr\n"));
  CHECK(site.say({"mailbox", "acl", "ann@a.test", "Kept"}).contains("anyone"));
  CHECK(site.say({"mailbox", "rename", "ann@a.test", "Kept", "Old"}) == "it is now Old\n");
  CHECK(site.say({"mailbox", "expunge", "ann@a.test", "INBOX", "--all"}) == "0 messages removed\n");
  site.say({"mailbox", "expunge", "ann@a.test", "INBOX"}, 2);
  site.say({"mailbox", "expunge", "ann@a.test", "INBOX", "--all", "--flag", "x"}, 2);
  site.say({"mailbox", "expunge", "ann@a.test", "INBOX", "--uid", "0"}, 2);
  site.say({"mailbox", "expunge", "ann@a.test", "INBOX", "--older-than", "soon"}, 2);
  CHECK(site.say({"mailbox", "move", "ann@a.test", "INBOX", "Old", "--no-flag", "\\Seen", "--dry-run"}) ==
        "0 messages would be moved\n");
  CHECK(site.say({"mailbox", "delete", "ann@a.test", "Old", "--dry-run"}) == "0 messages would be gone with it\n");
  site.say({"mailbox", "delete", "ann@a.test", "Old"});
  site.say({"mailbox", "delete", "ann@a.test", "Old"}, 1);
  site.say({"mailbox", "list", "eve@a.test"}, 1);
  site.say({"mailbox", "list", "ann@a.test", "None"}, 1);
}

TEST_CASE("quartetctl quota", "[ctl]") {
  const Site site;
  CHECK(site.say({"quota", "set", "ann@a.test", "--mailbox", "INBOX", "--messages", "3"}).contains("3  INBOX\n"));
  CHECK(site.say({"quota", "set", "ann@a.test", "--bytes", "1G"}) == "ann@a.test: octets 1.0G, messages no limit\n");
  CHECK(site.say({"quota", "show", "ann@a.test"}).contains("INBOX\n"));
  CHECK(site.say({"quota", "recount", "ann@a.test"}) == "0 messages of 0; 0 numbers were wrong\n");
  site.say({"quota", "set", "ann@a.test"}, 2);
  site.say({"quota", "set", "ann@a.test", "--bytes", "-1"}, 2);
}
