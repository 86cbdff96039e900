#include "common/service/failure_table.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

using namespace quartet;
using service::FailureTable;
using std::chrono::seconds;

namespace {

std::unique_ptr<FailureTable> table(const std::string& file = {}) {
  auto opened = FailureTable::open(file, seconds(100));
  if (!opened) FAIL(opened.error());
  return *std::move(opened);
}

const WallTime kNow = from_micros(1'800'000'000'000'000);

}  // namespace

TEST_CASE("failures add up and fade", "[failures]") {
  const auto failures = table();
  CHECK(failures->score("a", kNow) == 0);
  CHECK(failures->add("a", kNow) == 1);
  CHECK(failures->add("a", kNow) == 2);
  CHECK(failures->score("a", kNow) == 2);
  CHECK(failures->score("b", kNow) == 0);
  CHECK(failures->score("a", kNow + seconds(100)) == Approx(1).margin(0.01));
  CHECK(failures->score("a", kNow + seconds(200)) == Approx(0.5).margin(0.01));
  CHECK(failures->score("a", kNow + seconds(2'000)) == 0);
  CHECK(failures->add("a", kNow + seconds(100)) == Approx(2).margin(0.01));
  // A clock that is set back forgets nothing and adds nothing.
  CHECK(failures->score("a", kNow - seconds(3'600)) == Approx(2).margin(0.01));
}

TEST_CASE("what failed most is kept when there are more keys than room", "[failures]") {
  const auto failures = table();
  for (int n = 0; n < 50; ++n) failures->add("the guesser", kNow);
  for (int n = 0; n < 200'000; ++n) failures->add("key " + std::to_string(n), kNow);
  CHECK(failures->score("the guesser", kNow) == 50);
  int remembered = 0;
  for (int n = 0; n < 200'000; ++n) remembered += failures->score("key " + std::to_string(n), kNow) > 0 ? 1 : 0;
  CHECK(remembered > 40'000);
}

TEST_CASE("who opens the same file counts together, and later, too", "[failures]") {
  test::TemporaryDirectory directory;
  const auto file = directory.file("logins");
  {
    const auto here = table(file);
    const auto there = table(file);
    here->add("a", kNow);
    CHECK(there->add("a", kNow) == 2);
    CHECK(here->score("a", kNow) == 2);
    CHECK(table()->score("a", kNow) == 0);
  }
  CHECK(table(file)->score("a", kNow) == 2);
}

TEST_CASE("a file of another form is made anew, one that cannot be had or is no such file is a fault", "[failures]") {
  test::TemporaryDirectory directory;
  const auto file = directory.file("logins");
  std::ofstream(file) << "QLOGIN00, and what an older one had";
  const auto failures = table(file);
  CHECK(std::filesystem::file_size(file) == 1024 * 1024);
  CHECK(failures->add("a", kNow) == 1);
  const auto key = directory.file("key.pem");
  std::ofstream(key) << "something else";
  const auto refused = FailureTable::open(key, seconds(100));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().contains("something else"));
  CHECK(std::filesystem::file_size(key) == 14);
  const auto missing = FailureTable::open(directory.file("none/logins"), seconds(100));
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().contains("none/logins: cannot be opened"));
}
