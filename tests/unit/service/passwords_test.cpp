#include "common/service/passwords.h"

#include <catch2/catch.hpp>

#include "common/async/loop.h"
#include "common/metrics/metrics.h"
#include "common/sasl/scram.h"
#include "quartet/config/v1/directory.pb.h"

using namespace quartet;
using namespace quartet::service;

namespace {

std::string hash_of(const std::string& password) {
  return *crypto::hash_password(password, crypto::PasswordHash::kSha512);
}

directory::DirectoryPtr directory_of(const std::vector<config::v1::Account>& accounts) {
  config::v1::Directory source;
  source.add_domain()->set_name("a.test");
  for (const auto& account : accounts) *source.add_account() = account;
  return std::make_shared<const directory::Directory>(source);
}

config::v1::Account account_of(const std::string& login, const std::string& hash) {
  config::v1::Account account;
  account.set_login(login);
  account.set_password_hash(hash);
  return account;
}

class Checks {
 public:
  explicit Checks(std::chrono::seconds remembered_for = std::chrono::seconds(300)) : passwords_(1, remembered_for) {}
  bool good(const directory::DirectoryPtr& directory, const std::string& login, const std::string& password) {
    const auto done =
        loop_.block_on(passwords_.authenticate(directory, sasl::Claim{"", login, sasl::Password{password}}));
    return done.has_value();
  }

 private:
  async::Loop loop_;
  Passwords passwords_;
};

std::uint64_t hits() { return metrics::counter("quartet_remembered_logins_total", "", {{"result", "hit"}}).value(); }

}  // namespace

TEST_CASE("a verified password is known again, whatever the login is written like", "[passwords]") {
  const auto directory =
      directory_of({account_of("ann@a.test", hash_of("word")), account_of("bob@a.test", hash_of("word"))});
  Checks checks;
  const auto before = hits();
  CHECK(checks.good(directory, "ann@a.test", "word"));
  CHECK(hits() == before);
  CHECK(checks.good(directory, "ANN@a.test", "word"));
  CHECK(hits() == before + 1);
  CHECK_FALSE(checks.good(directory, "ann@a.test", "another"));
  CHECK_FALSE(checks.good(directory, "nobody@a.test", "word"));
  CHECK_FALSE(checks.good(directory, "nobody@a.test", "word"));
  CHECK(checks.good(directory, "bob@a.test", "word"));
  CHECK(hits() == before + 1);
}

TEST_CASE("what was verified counts for nothing once the directory has changed", "[passwords]") {
  const auto hash = hash_of("word");
  Checks checks;
  REQUIRE(checks.good(directory_of({account_of("ann@a.test", hash)}), "ann@a.test", "word"));
  const auto before = hits();
  CHECK_FALSE(checks.good(directory_of({account_of("ann@a.test", hash_of("new word"))}), "ann@a.test", "word"));
  auto disabled = account_of("ann@a.test", hash);
  disabled.set_disabled(true);
  CHECK_FALSE(checks.good(directory_of({disabled}), "ann@a.test", "word"));
  CHECK_FALSE(checks.good(directory_of({account_of("bob@a.test", hash)}), "ann@a.test", "word"));
  CHECK_FALSE(checks.good(directory_of({}), "ann@a.test", "word"));
  // The same password by another salt is a new one, too.
  CHECK(checks.good(directory_of({account_of("ann@a.test", hash_of("word"))}), "ann@a.test", "word"));
  CHECK(hits() == before);
}

TEST_CASE("passwords that SCRAM's verifiers check are remembered as well", "[passwords]") {
  const auto account = [](const char* salt) {
    config::v1::Account made;
    made.set_login("ann@a.test");
    made.add_scram_verifier(sasl::to_string(*sasl::make_scram_verifier(crypto::Digest::kSha256, "word", salt, 4096)));
    return made;
  };
  Checks checks;
  const auto before = hits();
  const auto directory = directory_of({account("salt of 16 octet")});
  CHECK(checks.good(directory, "ann@a.test", "word"));
  CHECK(checks.good(directory, "ann@a.test", "word"));
  CHECK(hits() == before + 1);
  CHECK_FALSE(checks.good(directory, "ann@a.test", "ward"));
  CHECK(checks.good(directory_of({account("another salt ...")}), "ann@a.test", "word"));
  CHECK(hits() == before + 1);
}

TEST_CASE("without a memory every login is verified", "[passwords]") {
  const auto directory = directory_of({account_of("ann@a.test", hash_of("word"))});
  Checks checks(std::chrono::seconds(0));
  const auto before = hits();
  CHECK(checks.good(directory, "ann@a.test", "word"));
  CHECK(checks.good(directory, "ann@a.test", "word"));
  CHECK(hits() == before);
}

TEST_CASE("a password is the same in whatever form it is typed (RFC 4616 section 2)", "[passwords]") {
  const auto directory = directory_of({account_of("ann@a.test", hash_of("p\u00e4ss wort")),
                                       account_of("bob@a.test", hash_of("pa\u0308ss\u00a0wort")),
                                       account_of("cat@a.test", hash_of("\U0001F642\U0001FAE0"))});
  Checks checks(std::chrono::seconds(0));
  for (const auto* const typed : {"p\u00e4ss wort", "pa\u0308ss wort", "pa\u0308ss\u00a0wort", "p\u00e4\u00adss wort"})
    CHECK(checks.good(directory, "ann@a.test", typed));
  CHECK_FALSE(checks.good(directory, "ann@a.test", "pass wort"));
  // A hash that comes from elsewhere, of what was typed, and one of what RFC 4013 does not know.
  CHECK(checks.good(directory, "bob@a.test", "pa\u0308ss\u00a0wort"));
  CHECK(checks.good(directory, "cat@a.test", "\U0001F642\U0001FAE0"));
  // What prepares to nothing is no empty password.
  CHECK_FALSE(checks.good(directory_of({account_of("dan@a.test", hash_of(""))}), "dan@a.test", "\u00ad"));
}

TEST_CASE("so is the name of a user", "[passwords]") {
  const auto directory = directory_of(
      {account_of("m\u00fcller@a.test", hash_of("word")), account_of("mu\u0308ck@a.test", hash_of("word"))});
  Checks checks(std::chrono::seconds(0));
  CHECK(checks.good(directory, "m\u00fcller@a.test", "word"));
  CHECK(checks.good(directory, "mu\u0308ller@a.test", "word"));
  CHECK_FALSE(checks.good(directory, "muller@a.test", "word"));
  CHECK(checks.good(directory, "mu\u0308ck@a.test", "word"));
  CHECK_FALSE(checks.good(directory, "\u00ad", "word"));
}

TEST_CASE("what has been proven was no guess, though nobody is let in by it", "[passwords]") {
  const auto claim = [](auto evidence) { return sasl::Claim{"", "ann@a.test", std::move(evidence)}; };
  CHECK(can_be_guessed(claim(sasl::Password{"word"})));
  CHECK(can_be_guessed(claim(sasl::Verdict::kDisproven)));
  CHECK_FALSE(can_be_guessed(claim(sasl::Verdict::kProven)));
  CHECK_FALSE(can_be_guessed(claim(sasl::BearerToken{})));
}
