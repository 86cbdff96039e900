#include "common/service/hash_upgrades.h"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

#include "tests/support/temporary_directory.h"

using namespace quartet;
using namespace quartet::service;

namespace {

constexpr const char* kOld =
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
constexpr const char* kPassword = "Hello world!";

class Site {
 public:
  explicit Site(const std::string& more) {
    write("domain { name: \"a.test\" }\naccount { login: \"ann@a.test\" password_hash: \"" + std::string(kOld) +
          "\" }\n" + more);
  }
  std::string file() const { return directory_.file("directory.txtpb"); }
  void write(const std::string& text) const { std::ofstream(file()) << text; }
  std::string text() const {
    std::ifstream in(file());
    return {std::istreambuf_iterator<char>(in), {}};
  }
  directory::DirectoryPtr load() const {
    auto loaded = directory::load(file());
    REQUIRE(loaded.has_value());
    return *loaded;
  }

 private:
  test::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("a weaker hash is replaced in the file, once", "[service]") {
  const Site site("upgrade_hashes: true hash_method: \"bcrypt\"");
  const auto before = site.load();
  const auto& account = *before->find_account("ann@a.test");
  HashUpgrades upgrades;
  REQUIRE(upgrades.wants(*before, account));
  CHECK_FALSE(upgrades.wants(*before, account));
  HashUpgrades::run(*before, account, kPassword);
  const auto after = site.load();
  const auto& now = *after->find_account("ann@a.test");
  CHECK(now.password_hash.starts_with("$2b$"));
  CHECK(crypto::verify_password(kPassword, now.password_hash));
  CHECK_FALSE(upgrades.wants(*after, now));
  // Another agent that has read the file before does not do it again.
  const auto text = site.text();
  HashUpgrades::run(*before, account, kPassword);
  CHECK(site.text() == text);
}

TEST_CASE("hashes stay unless they are to be upgraded", "[service]") {
  const auto more = GENERATE(as<std::string>{}, "", "upgrade_hashes: false hash_method: \"argon2id\"",
                             "upgrade_hashes: true hash_method: \"sha512\"");
  const Site site(more);
  const auto directory = site.load();
  CHECK_FALSE(HashUpgrades().wants(*directory, *directory->find_account("ann@a.test")));
}

TEST_CASE("a method of hashing that there is not is a fault", "[service]") {
  const Site site("upgrade_hashes: true hash_method: \"md5\"");
  CHECK_FALSE(directory::load(site.file()).has_value());
}
