// Accounts are changed in the files of a directory.
#include "common/directory/edit.h"

#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "common/directory/directory.h"
#include "common/directory/rewrite.h"
#include "quartet/config/v1/directory.pb.h"
#include "tests/support/temporary_directory.h"

using namespace quartet::directory;
using Entry = quartet::config::v1::Account;
using Kind = EditError::Kind;

namespace {

struct Place : quartet::test::TemporaryDirectory {
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path() / name) << text;
    return file(name);
  }
  std::filesystem::path operator/(const std::string& name) const { return path() / name; }
};

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::function<std::expected<void, std::string>(Entry&)> hash(const std::string& text) {
  return [text](Entry& account) -> std::expected<void, std::string> {
    account.set_password_hash(text);
    return {};
  };
}

std::expected<void, std::string> disable(Entry& account) {
  account.set_disabled(true);
  return {};
}
std::expected<void, std::string> enable(Entry& account) {
  account.set_disabled(false);
  return {};
}

constexpr const char* kPeople =
    "# Who is here.\n"
    "domain { name: \"a.test\" }\n"
    "account {\n"
    "  login: \"Ann@a.test\"  # the boss\n"
    "  password_hash: \"$y$j9T$x$old\"\n"
    "  quota_bytes: ${ANNS_QUOTA:-5000}\n"
    "}\n"
    "account { login: \"bob@a.test\" address: \"rob@a.test\" disabled: true }  # away\n"
    "alias { address: \"all@a.test\" target: \"ann@a.test\" target: \"bob@a.test\" sender: \"bob@a.test\" }\n";

}  // namespace

TEST_CASE("a change of an account leaves the rest of the file as it is", "[directory]") {
  const Place place;
  const auto people = place.write("people", kPeople);
  REQUIRE(change_account(people, "ANN@a.test", hash("$y$j9T$x$new")));
  std::string expected = kPeople;
  expected.replace(expected.find("old"), 3, "new");
  CHECK(read(people) == expected);

  REQUIRE(change_account(people, "ann@a.test", disable));
  const std::string quota = "  quota_bytes: ${ANNS_QUOTA:-5000}\n";
  expected.insert(expected.find(quota) + quota.size(), "  disabled: true\n");
  CHECK(read(people) == expected);
  REQUIRE(change_account(people, "ann@a.test", enable));
  expected.erase(expected.find("  disabled: true\n"), 17);
  CHECK(read(people) == expected);

  REQUIRE(change_account(people, "bob@a.test", enable));
  expected.erase(expected.find("disabled: true "), 15);
  CHECK(read(people) == expected);
  REQUIRE(change_account(people, "bob@a.test", [](Entry& account) -> std::expected<void, std::string> {
    account.clear_address();
    for (const auto* name : {"robert@a.test", "${B}@a.test", "b\"ob@a.test"}) account.add_address(name);
    return {};
  }));
  expected.replace(expected.find("address: \"rob@a.test\""), 21,
                   R"(address: "robert@a.test" address: "\044{B}@a.test" address: "b\"ob@a.test")");
  CHECK(read(people) == expected);
  const auto directory = load(people);
  REQUIRE(directory);
  CHECK((*directory)->find_account("${b}@a.test") == (*directory)->find_account("bob@a.test"));
}

TEST_CASE("accounts are added and removed", "[directory]") {
  const Place place;
  const auto people = place.write("people", kPeople);
  Entry cy;
  cy.set_login("cy@a.test");
  cy.set_password_hash("$y$j9T$x$cy");
  cy.add_address("cyrus@a.test");
  cy.set_quota_messages(7);
  REQUIRE(add_account(people, cy));
  CHECK(read(people) == std::string(kPeople) +
                            "account {\n  login: \"cy@a.test\"\n  password_hash: \"$y$j9T$x$cy\"\n"
                            "  address: \"cyrus@a.test\"\n  quota_messages: 7\n}\n");
  REQUIRE(load(people));
  CHECK((*load(people))->find_account("cyrus@a.test")->quota_messages == 7);
  for (const auto* login : {"CY@a.test", "rob@a.test", "all@a.test"}) {
    cy.set_login(login);
    CHECK(add_account(people, cy).error().kind == Kind::kExists);
  }
  cy.set_login("cy@b.test");
  const auto elsewhere = add_account(people, cy);
  CHECK(elsewhere.error().kind == Kind::kRefused);
  CHECK(elsewhere.error().text.contains("is not in one of the domains"));

  REQUIRE(remove_account(people, "cy@a.test"));
  CHECK(read(people) == kPeople);
  CHECK(remove_account(people, "cy@a.test").error().kind == Kind::kNoAccount);
  // An alias names him as sender.
  CHECK(remove_account(people, "bob@a.test").error().kind == Kind::kRefused);
  CHECK(read(people) == kPeople);
}

TEST_CASE("an account is changed in the file that has it, and what leads to that stays", "[directory]") {
  const Place place;
  place.write("staff", "account { login: \"di@a.test\" }\n");
  place.write("people", std::string("include: \"staff\"\n") + kPeople);
  std::filesystem::create_symlink("people", place / "link");
  const auto link = (place / "link").string();
  ::chmod((place / "staff").c_str(), 0604);
  REQUIRE(change_account(link, "di@a.test", hash("$y$j9T$x$di")));
  CHECK(read(place / "staff") == "account { login: \"di@a.test\" password_hash: \"$y$j9T$x$di\" }\n");
  struct stat info{};
  REQUIRE(::stat((place / "staff").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0604);
  CHECK(read(place / "people") == std::string("include: \"staff\"\n") + kPeople);
  REQUIRE(change_account(link, "bob@a.test", enable));
  CHECK(std::filesystem::is_symlink(place / "link"));
  CHECK(read(place / "people").contains("address: \"rob@a.test\" }  # away"));
}

TEST_CASE("what cannot be changed is left alone, and says why", "[directory]") {
  const Place place;
  CHECK(change_account((place / "none").string(), "ann@a.test", disable).error().kind == Kind::kFile);
  const auto people = place.write("people", kPeople);
  const auto declined = change_account(people, "ann@a.test", [](Entry&) -> std::expected<void, std::string> {
    return std::unexpected("she has another password by now");
  });
  CHECK(declined.error().text == "she has another password by now");
  CHECK(change_account(people, "eve@a.test", disable).error().kind == Kind::kNoAccount);
  CHECK(change_account(people, "ann@a.test", hash("pencil")).error().kind == Kind::kRefused);
  CHECK(read(people) == kPeople);

  // The account is put together of two files.
  place.write("name", "login: \"ed@a.test\"\n");
  const auto odd = place.write("odd", "domain { name: \"a.test\" }\naccount {\ninclude: \"name\"\n}\n");
  REQUIRE(load(odd));
  CHECK(change_account(odd, "ed@a.test", disable).error().kind == Kind::kFile);
  const auto broken = place.write("broken", "domain { name: \"a.test\" }\nacount {}\n");
  const auto error = change_account(broken, "ed@a.test", disable).error();
  CHECK(error.kind == Kind::kFile);
  CHECK(error.text.contains("broken:2:1: "));
}

TEST_CASE("of changes at the same time none is lost", "[directory]") {
  const Place place;
  std::string text = "domain { name: \"a.test\" }\n";
  constexpr int kUsers = 8;
  for (int n = 0; n < kUsers; ++n) text += "account { login: \"u" + std::to_string(n) + "@a.test\" }\n";
  const auto people = place.write("people", text);
  std::vector<std::jthread> threads;
  for (int n = 0; n < kUsers; ++n) {
    threads.emplace_back([&people, n] {
      const auto login = "u" + std::to_string(n) + "@a.test";
      for (int i = 0; i < 5; ++i) (void)change_account(people, login, hash("$y$j9T$x$" + std::to_string(i)));
    });
  }
  threads.clear();
  const auto directory = load(people);
  REQUIRE(directory);
  for (const auto& account : (*directory)->accounts()) CHECK(account->password_hash == "$y$j9T$x$4");
  CHECK((*directory)->account_count() == kUsers);
}

TEST_CASE("who rewrites waits for whoever does", "[directory]") {
  const Place place;
  const auto people = place.write("people", kPeople);
  std::thread other;
  std::atomic<bool> changed = false;
  {
    const auto lock = RewriteLock::take(people);
    REQUIRE(lock);
    other = std::thread([&] { changed = change_account(people, "ann@a.test", disable).has_value(); });
    // What is written under the lock is what the other one finds.
    std::string text = kPeople;
    text.replace(text.find("old"), 3, "mid");
    REQUIRE(replace_text(people, text));
    CHECK_FALSE(changed);
  }
  other.join();
  CHECK(changed);
  CHECK(read(people).contains("$y$j9T$x$mid"));
  CHECK(read(people).contains("disabled: true\n}"));
}
