// Lists for scripts as files of a site.
#include "common/sieve_site/lists.h"

#include <sys/stat.h>
#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/temporary_directory.h"

using namespace quartet;
using namespace quartet::sieve_site;

namespace {

constexpr const char* kShared = "tag:b.example,2026:shared";
constexpr const char* kOwn = "tag:b.example,2026:own";
const std::string kAnn = "ann@b.example";

struct Site {
  test::TemporaryDirectory directory;
  Lists lists{{{kShared, path("shared")}, {kOwn, path("{domain}/{user}")}}};

  std::string path(const std::string& name) const { return (directory.path() / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
  }
  std::vector<std::string> members(const char* name, const std::string& login = kAnn) {
    const auto found = lists.find(name, login);
    if (!found) return {"error: " + found.error()};
    return *found == nullptr ? std::vector<std::string>{"none"} : (*found)->members();
  }
};

using Members = std::vector<std::string>;

}  // namespace

TEST_CASE("a list is what its file says", "[sieve_site]") {
  Site site;
  site.write("shared", "a@x.example\n# b\n");
  site.write("b.example/ann", "c@x.example\n");
  CHECK(site.members(kShared) == Members{"a@x.example"});
  CHECK(site.members(kOwn) == Members{"c@x.example"});
  CHECK(site.members("tag:b.example,2026:other") == Members{"none"});
  CHECK(site.members("urn:ietf:params:sieve:addrbook:default").empty());
  CHECK(site.lists.names() == sieve::ListNames{kShared, kOwn});
}

TEST_CASE("an account without a file has a list without members, a site without one a fault", "[sieve_site]") {
  Site site;
  CHECK(site.members(kOwn).empty());
  site.write("b.example", "");  // what should be a directory
  CHECK(site.members(kOwn).empty());
  CHECK(site.members(kShared).front().contains("No such file"));
  CHECK(site.members(kOwn, "../ann@b.example").front().contains("cannot be part of the path"));
  CHECK(site.members(kOwn, "ann").front().contains("cannot be part of the path"));
}

TEST_CASE("a file is read again when it has changed, and then alone", "[sieve_site]") {
  Site site;
  site.write("shared", "a@x.example\n");
  const auto first = site.lists.find(kShared, kAnn);
  REQUIRE(first);
  CHECK(site.lists.find(kShared, "bob@b.example") == first);
  // In its place, of the same size.
  site.write("new", "b@x.example\n");
  std::filesystem::rename(site.path("new"), site.path("shared"));
  CHECK(site.members(kShared) == Members{"b@x.example"});
  site.write("shared", "b@x.example\nc@x.example\n");
  CHECK(site.members(kShared) == Members{"b@x.example", "c@x.example"});
  std::filesystem::remove(site.path("shared"));
  CHECK(site.members(kShared).front().contains("No such file"));
}

TEST_CASE("what is no list in its size or nature is refused", "[sieve_site]") {
  Site site;
  site.write("shared", std::string(4 * 1024 * 1024, '#'));
  CHECK(site.members(kShared).empty());
  site.write("shared", std::string(4 * 1024 * 1024 + 1, '#'));
  CHECK(site.members(kShared).front().contains("is larger than 4194304 octets"));
  std::filesystem::remove(site.path("shared"));
  std::filesystem::create_directory(site.path("shared"));
  CHECK(site.members(kShared).front().contains("is no regular file"));
  std::filesystem::remove(site.path("shared"));
  // Nobody waits for what another may write some day.
  REQUIRE(::mkfifo(site.path("shared").c_str(), 0600) == 0);
  CHECK(site.members(kShared).front().contains("is no regular file"));
}

TEST_CASE("scripts have what the site has", "[sieve_site]") {
  const auto extlists = static_cast<std::size_t>(sieve::Extension::kExtlists);
  CHECK(compile_options(nullptr, Lists({})).without.test(extlists));
  Site site;
  const auto options = compile_options(nullptr, site.lists);
  CHECK_FALSE(options.without.test(extlists));
  CHECK(options.lists == site.lists.names());
}
