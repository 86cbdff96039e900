#include "msa/author.h"

#include <catch2/catch.hpp>

#include "quartet/config/v1/directory.pb.h"

using namespace quartet;
using msa::AuthorRule;

namespace {

config::v1::Directory people() {
  config::v1::Directory source;
  source.add_domain()->set_name("a.test");
  source.add_account()->set_login("ann@a.test");
  source.add_account()->set_login("bob@a.test");
  auto* alias = source.add_alias();
  alias->set_address("sales@a.test");
  alias->add_target("ann@a.test");
  alias->add_target("bob@a.test");
  alias->add_sender("ann@a.test");
  return source;
}

/// What is added to the message of ann, or the code of the refusal.
std::string check(AuthorRule rule, const std::string& header) {
  static const directory::Directory directory(people());
  const auto added =
      msa::check_author(rule, mime::Header(header + "\r\n"), directory, *directory.find_account("ann@a.test"));
  return added ? *added : std::to_string(added.error().code) + " " + added.error().enhanced;
}

constexpr auto kRefused = "550 5.7.1";
constexpr auto kSender = "Sender: <ann@a.test>\r\n";

}  // namespace

TEST_CASE("addresses of the account pass any rule", "[author]") {
  for (const auto rule : {AuthorRule::kAny, AuthorRule::kAddSender, AuthorRule::kOwn}) {
    CHECK(check(rule, "From: Ann <ANN@a.test>\r\n").empty());
    CHECK(check(rule, "From: ann+lists@a.test\r\n").empty());
    CHECK(check(rule, "From: \"bob@a.test\" <ann@a.test>, Sales <sales@a.test>\r\n").empty());
    CHECK(check(rule, "From: ann@a.test\r\n\r\nFrom: bob@a.test\r\n").empty());
  }
}

TEST_CASE("who writes for others is named in Sender (RFC 6409 section 8.1)", "[author]") {
  const auto rule = AuthorRule::kAddSender;
  CHECK(check(rule, "From: bob@a.test\r\n") == kSender);
  CHECK(check(rule, "From: ann@a.test, x@b.test\r\n") == kSender);
  CHECK(check(rule, "From: ann@a.test\r\nfrom: bob@a.test\r\n") == kSender);
  CHECK(check(rule, "From: nobody in particular\r\n") == kSender);
  CHECK(check(rule, "From: bob@a.test\r\nSender: ann@a.test\r\n").empty());
  CHECK(check(rule, "From: bob@a.test\r\nSender: bob@a.test\r\n") == kRefused);
  CHECK(check(rule, "Subject: x\r\n").empty());
}

TEST_CASE("with the strict rule From is of the account", "[author]") {
  const auto rule = AuthorRule::kOwn;
  CHECK(check(rule, "From: bob@a.test\r\n") == kRefused);
  CHECK(check(rule, "From: bob@a.test\r\nSender: ann@a.test\r\n") == kRefused);
  CHECK(check(rule, "From: ann@a.test, bob@a.test\r\n") == kRefused);
  CHECK(check(rule, "From: ann@a.test\r\nFrom: bob@a.test\r\n") == kRefused);
  CHECK(check(rule, "From: undisclosed:;\r\n") == kRefused);
  CHECK(check(rule, "Subject: x\r\n") == kRefused);
}

TEST_CASE("of what is sent again the one who does so counts (RFC 5322 section 3.6.6)", "[author]") {
  for (const auto rule : {AuthorRule::kAddSender, AuthorRule::kOwn}) {
    CHECK(check(rule, "Resent-From: ann@a.test\r\nFrom: x@b.test\r\nSender: y@b.test\r\n").empty());
    CHECK(check(rule, "Resent-From: ann@a.test\r\nResent-From: bob@a.test\r\nFrom: x@b.test\r\n").empty());
    CHECK(check(rule, "Resent-From: bob@a.test\r\nFrom: ann@a.test\r\n") == kRefused);
  }
  const std::string for_bob = "Resent-From: bob@a.test\r\nResent-Sender: ann@a.test\r\nFrom: x@b.test\r\n";
  CHECK(check(AuthorRule::kAddSender, for_bob).empty());
  CHECK(check(AuthorRule::kOwn, for_bob) == kRefused);
  CHECK(check(AuthorRule::kAny, "From: bob@a.test\r\nSender: bob@a.test\r\n").empty());
}
