// Aliases, groups and lists that the mta follows itself (RFC 5321 section 3.9, RFC 3461 section 5.2.7).
#include <catch2/catch.hpp>

#include "mta/rewrite.h"
#include "tests/unit/mta/helpers.h"

using namespace quartet;
using namespace quartet::mta;
using smtp::RcptParameters;

namespace {

SettingsPtr with_aliases(const Site& site, const std::string& more = "follow_aliases: true") {
  site.write("people", R"(
    domain { name: "a.test" catch_all: "rest@a.test" }
    domain { name: "b.test" }
    account { login: "ann@a.test" }
    account { login: "bob@a.test" }
    account { login: "rest@a.test" }
    alias { address: "one@a.test" target: "ann@a.test" }
    alias { address: "team@a.test" target: "ann@a.test" target: "deep@b.test" target: "zoe@far.test" }
    alias { address: "deep@b.test" target: "bob@a.test" target: "team@a.test" target: "gone@b.test" }
    alias { address: "list@a.test" target: "ann@a.test" target: "zoe@far.test" owner: "bob@a.test" }
    alias { address: "mixed@a.test" target: "list@a.test" target: "bob@a.test" }
    alias { address: "loop@b.test" target: "loop@b.test" }
    alias { address: "dead@b.test" target: "gone@b.test" }
    alias_domain { from: "a.net" to: "a.test" })");
  auto settings = load_settings(site.config(more));
  REQUIRE(settings.has_value());
  return *settings;
}

service::Followed followed(const Settings& settings, std::vector<RcptParameters> recipients,
                           const std::string& sender = "cy@c.test") {
  smtp::Transaction transaction;
  transaction.mail.reverse_path = sender;
  transaction.recipients = std::move(recipients);
  return follow(settings, std::move(transaction), wall_now());
}

std::vector<std::string> paths(const std::vector<RcptParameters>& recipients) {
  std::vector<std::string> out;
  for (const auto& recipient : recipients) out.push_back(recipient.forward_path);
  return out;
}
using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("an alias becomes what it leads to, under the name that the sender gave", "[mta]") {
  const Site site;
  const auto settings = with_aliases(site);
  const auto out = followed(*settings, {{"One@A.net", smtp::kNotifySuccess, ""}});
  CHECK(out.expanded);
  CHECK(out.branches.empty());
  // One address for one: all that the sender wants goes on.
  CHECK(out.notices.empty());
  REQUIRE(out.transaction.recipients.size() == 1);
  const auto& recipient = out.transaction.recipients[0];
  CHECK(recipient.forward_path == "ann@a.test");
  CHECK(recipient.orcpt == "rfc822;One@A.net");
  CHECK(recipient.notify == smtp::kNotifySuccess);
}

TEST_CASE("a group becomes its members, each once, however they are reached", "[mta]") {
  const Site site;
  const auto settings = with_aliases(site);
  const auto out =
      followed(*settings, {{"ann@a.test", 0, ""}, {"team@a.test", smtp::kNotifyFailure, "rfc822;x@y.test"}});
  CHECK(paths(out.transaction.recipients) == Paths{"ann@a.test", "zoe@far.test", "bob@a.test"});
  CHECK(out.transaction.recipients[1].orcpt == "rfc822;x@y.test");
  CHECK(out.transaction.recipients[1].notify == smtp::kNotifyFailure);
  CHECK(out.notices.empty());
}

TEST_CASE("who wants to hear of success hears that one became many", "[mta]") {
  const Site site;
  const auto settings = with_aliases(site);
  const auto both = followed(*settings, {{"team@a.test", smtp::kNotifySuccess | smtp::kNotifyFailure, ""}});
  REQUIRE(both.notices.size() == 1);
  CHECK(both.notices[0].action == relay::Notice::Action::kExpanded);
  CHECK(both.notices[0].address == "team@a.test");
  for (const auto& recipient : both.transaction.recipients) CHECK(recipient.notify == smtp::kNotifyFailure);
  // Without SUCCESS nothing is left to be told.
  const auto only = followed(*settings, {{"team@a.test", smtp::kNotifySuccess, ""}});
  for (const auto& recipient : only.transaction.recipients) CHECK(recipient.notify == smtp::kNotifyNever);
}

TEST_CASE("a list sends on in its owner's name, and its members are no business of the sender", "[mta]") {
  const Site site;
  const auto settings = with_aliases(site);
  const auto out = followed(*settings, {{"list@a.test", smtp::kNotifySuccess, "rfc822;list@a.test"}});
  CHECK(out.transaction.recipients.empty());
  REQUIRE(out.branches.size() == 1);
  const auto& branch = out.branches[0];
  CHECK(branch.reverse_path == "bob@a.test");
  CHECK(branch.list);
  CHECK(paths(branch.recipients) == Paths{"ann@a.test", "zoe@far.test"});
  CHECK(branch.recipients[0].notify == 0);
  CHECK(branch.recipients[0].orcpt.empty());
  REQUIRE(out.notices.size() == 1);
  CHECK(out.notices[0].action == relay::Notice::Action::kDelivered);
  // A group with a list in it.
  const auto mixed = followed(*settings, {{"mixed@a.test", 0, ""}});
  CHECK(paths(mixed.transaction.recipients) == Paths{"bob@a.test"});
  REQUIRE(mixed.branches.size() == 1);
  CHECK(mixed.branches[0].list);
  // A bounce to the list has no sender, and gets none.
  const auto bounce = followed(*settings, {{"list@a.test", 0, ""}}, "");
  CHECK(bounce.branches.empty());
  CHECK(bounce.transaction.recipients.size() == 2);
}

TEST_CASE("what goes to another site has a sender of ours, with SRS", "[mta]") {
  const Site site;
  const auto settings = with_aliases(site, R"(follow_aliases: true srs { domain: "a.test" secret: "a long secret" })");
  const auto out = followed(*settings, {{"team@a.test", 0, ""}});
  CHECK(paths(out.transaction.recipients) == Paths{"ann@a.test", "bob@a.test"});
  REQUIRE(out.branches.size() == 1);
  CHECK(out.branches[0].reverse_path.starts_with("SRS0="));
  CHECK_FALSE(out.branches[0].list);
  CHECK(paths(out.branches[0].recipients) == Paths{"zoe@far.test"});
  CHECK(out.branches[0].recipients[0].orcpt == "rfc822;team@a.test");
  // Senders of our own stay.
  CHECK(followed(*settings, {{"team@a.test", 0, ""}}, "bob@a.test").branches.empty());
}

TEST_CASE("which aliases are taken", "[mta]") {
  const Site site;
  const auto settings = with_aliases(site);
  CHECK(answer(*settings, "team@a.test") == "250 2.1.5");
  CHECK(answer(*settings, "team+x@a.net") == "250 2.1.5");
  CHECK(answer(*settings, "anybody@a.test") == "250 2.1.5");
  CHECK(answer(*settings, "dead@b.test") == "550 5.1.1");
  CHECK(answer(*settings, "loop@b.test") == "451 4.3.5");
}

TEST_CASE("unless it is said, aliases are the mda's", "[mta]") {
  const Site site;
  const auto settings = with_aliases(site, "");
  const auto out = followed(*settings, {{"team@a.test", smtp::kNotifySuccess, ""}});
  CHECK_FALSE(out.expanded);
  CHECK(paths(out.transaction.recipients) == Paths{"team@a.test"});
  CHECK(answer(*settings, "dead@b.test") == "250 2.1.5");
}
