#include "common/directory/directory.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "quartet/config/v1/directory.pb.h"

using namespace quartet;
using namespace quartet::directory;
using Kind = Resolution::Kind;

namespace {

constexpr const char* kText = R"(
domain { name: "Example.org" catch_all: "rest@example.org" }
domain { name: "b.test" }
domain { name: "c.test" subaddress_separator: "--" }
domain { name: "d.test" subaddress_separator: "" }
account { login: "Ann@example.org" password_hash: "$y$j9T$x$y" address: "anna@b.test" quota_bytes: 1000 }
account { login: "bob@b.test" disabled: true }
account { login: "rest@example.org" }
account { login: "cy@c.test" }
account { login: "di@d.test" }
account { login: "ann+own@example.org" }
alias { address: "sales@b.test" target: "ann@example.org" target: "Bob@b.test" target: "out@far.test" sender: "bob@b.test" }
alias { address: "info@b.test" target: "ann@example.org" }
alias { address: "loop1@b.test" target: "loop2@b.test" }
alias { address: "loop2@b.test" target: "loop1@b.test" target: "anna@b.test" target: "gone@b.test" }
postmaster: "ann@example.org"
)";

std::expected<DirectoryPtr, std::vector<config::Error>> parse(const std::string& text) {
  config::v1::Directory source;
  const auto loaded = config::parse_into(text, "people", source);
  if (!loaded) return std::unexpected(loaded.error());
  auto errors = validate(source, *loaded->positions);
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return std::make_shared<const Directory>(source);
}

DirectoryPtr people() {
  auto directory = parse(kText);
  if (!directory) FAIL(to_string(directory.error().front()));
  return *directory;
}

}  // namespace

TEST_CASE("accounts are found by any address in any case", "[directory]") {
  const auto directory = people();
  const Account* const ann = directory->find_account("ANN@EXAMPLE.ORG");
  REQUIRE(ann);
  CHECK(ann->login == "ann@example.org");
  CHECK(ann->quota_bytes == 1000);
  CHECK(directory->find_account("anna@B.test") == ann);
  CHECK(directory->find_account("nobody@b.test") == nullptr);
  CHECK(directory->find_account("ann") == nullptr);
  CHECK_FALSE(directory->find_account("bob@b.test")->enabled);
  CHECK(directory->account_count() == 6);
}

TEST_CASE("an address leads to an account, an alias, nobody or elsewhere", "[directory]") {
  const auto directory = people();
  CHECK(directory->resolve("ann@example.org").account->login == "ann@example.org");
  CHECK(directory->resolve("\"a\\nn\"@example.org").account->login == "ann@example.org");
  CHECK(directory->resolve("sales@B.TEST").targets->size() == 3);
  CHECK(directory->resolve("nobody@b.test").kind == Kind::kUnknownUser);
  CHECK(directory->resolve("ann@far.test").kind == Kind::kNotLocal);
  CHECK(directory->resolve("ann").kind == Kind::kNotLocal);
  CHECK(directory->resolve("@b.test").kind == Kind::kNotLocal);
  CHECK(directory->is_local("EXAMPLE.org"));
  CHECK(directory->domains() == std::vector<std::string>{"example.org", "b.test", "c.test", "d.test"});
}

TEST_CASE("a detail is taken off unless the address has its own entry", "[directory]") {
  const auto directory = people();
  const auto lists = directory->resolve("bob+lists+c@b.test");
  CHECK(lists.account->login == "bob@b.test");
  CHECK(lists.detail == "lists+c");
  CHECK(directory->resolve("ann+own@example.org").account->login == "ann+own@example.org");
  CHECK(directory->resolve("cy--x@c.test").detail == "x");
  CHECK(directory->resolve("cy+x@c.test").kind == Kind::kUnknownUser);
  CHECK(directory->resolve("di+x@d.test").kind == Kind::kUnknownUser);
  CHECK(directory->resolve("+x@b.test").kind == Kind::kUnknownUser);
}

TEST_CASE("catch-all and postmaster take what nobody else does", "[directory]") {
  const auto directory = people();
  CHECK(directory->resolve("whoever@example.org").account->login == "rest@example.org");
  CHECK(directory->resolve("postmaster@b.test").account->login == "ann@example.org");
  CHECK(directory->resolve("Postmaster").account->login == "ann@example.org");
}

TEST_CASE("aliases are followed to the end, loops included", "[directory]") {
  const auto directory = people();
  const auto sales = directory->expand("sales@b.test");
  REQUIRE(sales.targets.size() == 3);
  CHECK(sales.is_alias);
  CHECK(sales.complete);
  CHECK(sales.targets[1].address == "Bob@b.test");
  CHECK(sales.targets[1].local);
  CHECK(sales.targets[2].address == "out@far.test");
  CHECK_FALSE(sales.targets[2].local);
  const auto loop = directory->expand("loop1@b.test");
  REQUIRE(loop.targets.size() == 1);
  CHECK(loop.targets[0].address == "anna@b.test");
  CHECK(loop.unknown == std::vector<std::string>{"gone@b.test"});
}

TEST_CASE("members of a list are its owner's, those of the innermost list first", "[directory]") {
  const auto directory = parse(std::string(kText) + R"(
    alias { address: "outer@b.test" target: "inner@b.test" target: "bob@b.test" owner: "out@far.test" }
    alias { address: "inner@b.test" target: "ann@example.org" owner: "cy@c.test" })");
  REQUIRE(directory);
  const auto all = (*directory)->expand("outer@b.test");
  REQUIRE(all.targets.size() == 2);
  CHECK(all.targets[0].owner == "out@far.test");  // bob: directly
  CHECK(all.targets[1].owner == "cy@c.test");
  const auto faults = [](const std::string& owner) {
    const auto bad =
        parse(std::string(kText) + R"(alias { address: "l@b.test" target: "bob@b.test" owner: ")" + owner + "\" }");
    return bad ? 0 : bad.error().size();
  };
  CHECK(faults("cy@c.test") == 0);
  CHECK(faults("nobody") == 1);
  CHECK(faults("L@B.test") == 1);
}

TEST_CASE("so many addresses that nobody can mean them are cut, and it is said", "[directory]") {
  std::string text = kText;
  text += R"(alias { address: "many@b.test")";
  for (int i = 0; i < 10'001; ++i) text += " target: \"u" + std::to_string(i) + "@far.test\"";
  const auto directory = parse(text + " }");
  REQUIRE(directory);
  const auto all = (*directory)->expand("many@b.test");
  CHECK_FALSE(all.complete);
  CHECK(all.targets.size() < 10'001);
}

TEST_CASE("an account speaks for its own addresses and for aliases that are its", "[directory]") {
  const auto directory = people();
  const Account& ann = *directory->find_account("ann@example.org");
  const Account& bob = *directory->find_account("bob@b.test");
  const Account& rest = *directory->find_account("rest@example.org");
  CHECK(directory->may_send_as(ann, "ANNA@b.test"));
  CHECK(directory->may_send_as(ann, "ann+x@example.org"));
  CHECK_FALSE(directory->may_send_as(ann, "ann+own@example.org"));
  CHECK_FALSE(directory->may_send_as(ann, "bob@b.test"));
  CHECK(directory->may_send_as(ann, "info@b.test"));
  CHECK(directory->may_send_as(ann, "info+x@b.test"));
  CHECK_FALSE(directory->may_send_as(bob, "info@b.test"));
  CHECK_FALSE(directory->may_send_as(ann, "sales@b.test"));
  CHECK(directory->may_send_as(bob, "sales@b.test"));
  CHECK_FALSE(directory->may_send_as(rest, "whoever@example.org"));
  CHECK_FALSE(directory->may_send_as(ann, "ann@far.test"));
}

TEST_CASE("every fault is told with its place", "[directory]") {
  const auto broken = parse(R"(domain { name: "a.test" catch_all: "none@a.test" }
domain { name: "A.TEST" }
account { login: "ann" }
account { login: "bob@a.test" password_hash: "secret" }
account { login: "cy@a.test" address: "x@other.test" address: "BOB@a.test" }
alias { address: "s@a.test" sender: "who@a.test" }
)");
  REQUIRE_FALSE(broken);
  std::vector<std::pair<int, std::string>> found;
  for (const auto& error : broken.error()) {
    CHECK(error.file == "people");
    CHECK(error.column > 0);
    found.emplace_back(error.line, error.text.substr(0, 12));
  }
  std::sort(found.begin(), found.end());
  std::vector<int> lines;
  for (const auto& [line, text] : found) lines.push_back(line);
  CHECK(lines == std::vector<int>{1, 2, 3, 4, 5, 5, 6, 6});
}

TEST_CASE("a directory is read from its file", "[directory]") {
  const auto path = std::filesystem::temp_directory_path() / ("quartet-people-" + std::to_string(::getpid()));
  std::ofstream(path) << kText;
  const auto directory = load(path.string());
  std::filesystem::remove(path);
  REQUIRE(directory);
  CHECK((*directory)->account_count() == 6);
  CHECK_FALSE(load(path.string()));
}

TEST_CASE("an alias domain is another name of a domain", "[directory]") {
  const auto directory = parse(std::string(kText) + R"(
    alias_domain { from: "Example.net" to: "example.org" } alias_domain { from: "b.net" to: "b.test" })");
  REQUIRE(directory.has_value());
  const auto& there = **directory;
  CHECK(there.resolve("ANN@example.NET").account == there.find_account("ann@example.org"));
  CHECK(there.resolve("ann+x@example.net").detail == "x");
  CHECK(there.resolve("anybody@example.net").account == there.find_account("rest@example.org"));
  CHECK(there.resolve("nobody@b.net").kind == Kind::kUnknownUser);
  CHECK(there.resolve("info@b.net").kind == Kind::kAlias);
  CHECK(there.find_account("anna@b.net") == there.find_account("ann@example.org"));
  CHECK(there.may_send_as(*there.find_account("ann@example.org"), "ann@example.net"));
  CHECK_FALSE(there.may_send_as(*there.find_account("bob@b.test"), "ann@example.net"));
  CHECK(there.is_local("B.net"));
  CHECK(there.domains().back() == "b.net");
  CHECK(there.at_home("Ann.X@Example.Net") == "Ann.X@example.org");
  CHECK(there.at_home("Ann.X@Example.Org") == "Ann.X@Example.Org");
  CHECK(there.at_home("postmaster") == "postmaster");
  CHECK(there.expand("ann@example.net").targets.size() == 1);
}

TEST_CASE("internationalized domains are found however they are written", "[directory][rfc6531]") {
  const auto directory = parse(std::string(kText) +
                               "domain { name: \"b\u00fccher.test\" } domain { name: \"xn--fsqu00a.test\" }"
                               "account { login: \"ann@B\u00fccher.test\" } account { login: \"bo@xn--fsqu00a.test\" }"
                               "alias_domain { from: \"l\u00e4den.test\" to: \"xn--fsqu00a.test\" }");
  ;
  REQUIRE(directory.has_value());
  const auto& there = **directory;
  for (const auto* ann :
       {"ann@b\u00fccher.test", "ANN@B\u00dcCHER.test", "ann@bu\u0308cher.test", "ann@xn--bcher-kva.test"}) {
    REQUIRE(there.find_account(ann) != nullptr);
    CHECK(there.resolve(ann).account->login == "ann@b\u00fccher.test");
  }
  for (const auto* bo :
       {"bo+x@\u4f8b\u5b50.test", "bo+x@xn--fsqu00a.TEST", "bo+x@xn--lden-loa.test", "bo+x@L\u00c4DEN.test"}) {
    REQUIRE(there.resolve(bo).account != nullptr);
    CHECK(there.resolve(bo).account->login == "bo@xn--fsqu00a.test");
    CHECK(there.resolve(bo).detail == "x");
  }
  CHECK(there.at_home("ann@xn--bcher-kva.test") == "ann@xn--bcher-kva.test");
  CHECK(there.at_home("bo@L\u00c4DEN.test") == "bo@xn--fsqu00a.test");
  CHECK(there.is_local("xn--bcher-kva.test"));
  CHECK(there.is_local("\u4f8b\u5b50.test"));
  CHECK_FALSE(there.is_local("xn--bcher-kvb.test"));
}

TEST_CASE("what may be an alias domain", "[directory]") {
  const auto faults = [](const std::string& more) {
    const auto directory = parse(std::string(kText) + more);
    return directory ? 0 : directory.error().size();
  };
  CHECK(faults(R"(alias_domain { from: "b.test" to: "c.test" })") == 1);
  CHECK(faults(R"(alias_domain { from: "x.test" to: "far.test" })") == 1);
  CHECK(faults(R"(alias_domain { from: "x@y" to: "c.test" })") == 1);
  CHECK(faults(R"(alias_domain { from: "x.test" to: "c.test" } alias_domain { from: "X.test" to: "b.test" })") == 1);
  CHECK(faults(R"(alias_domain { from: "x.test" to: "c.test" } alias_domain { from: "y.test" to: "x.test" })") == 1);
  CHECK(faults(R"(alias_domain { from: "x.test" to: "c.test" } account { login: "a@x.test" })") == 1);
  // One name, written in two ways: whose accounts they are could not be told.
  CHECK(faults("domain { name: \"b\u00fccher.test\" } domain { name: \"xn--bcher-kva.test\" }") == 1);
  CHECK(faults("domain { name: \"b\u00fccher.test\" } "
               "alias_domain { from: \"xn--bcher-kva.test\" to: \"b.test\" }") == 1);
}
