#include "common/sts/store.h"

#include <catch2/catch.hpp>

#include <fstream>

#include "common/sts/fetch.h"
#include "tests/support/temporary_directory.h"

using namespace quartet;
using namespace quartet::sts;

namespace {

Entry entry() {
  const std::string text = "version: STSv1\nmode: enforce\nmx: mx.a.example\nmax_age: 100\n";
  return {"id1", WallTime(std::chrono::seconds(1'700'000'000)), text, *parse_policy(text)};
}

}  // namespace

TEST_CASE("a policy is found again after a restart", "[sts]") {
  const test::TemporaryDirectory directory;
  const auto place = directory.path() / "mta-sts";  // made when it is needed
  CHECK_FALSE(Store(place).load("a.example").has_value());
  CHECK(Store(place).save("a.example", entry()));
  const auto found = Store(place).load("a.example");
  REQUIRE(found.has_value());
  CHECK(found->id == "id1");
  CHECK(found->fetched == entry().fetched);
  CHECK(found->policy == entry().policy);
  CHECK_FALSE(Store(place).load("b.example").has_value());
  auto files = std::filesystem::directory_iterator(place);
  CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("a damaged file is no policy", "[sts]") {
  const test::TemporaryDirectory directory;
  const Store store(directory.path());
  REQUIRE(store.save("a.example", entry()));
  std::string content;
  std::getline(std::ifstream(directory.path() / "a.example", std::ios::binary), content, '\0');
  // The end of max_age may be lost and leave a shorter one; all else is noticed.
  const auto last_digits = content.rfind("100");
  for (std::size_t size = 0; size < last_digits; ++size) {
    std::ofstream(directory.path() / "a.example", std::ios::binary | std::ios::trunc) << content.substr(0, size);
    CHECK_FALSE(store.load("a.example").has_value());
  }
}

TEST_CASE("where nothing can be written, nothing is said to be", "[sts]") {
  CHECK_FALSE(Store("/proc/mta-sts").save("a.example", entry()));
}

TEST_CASE("a policy lives for its max_age", "[sts]") {
  const auto known = entry();
  CHECK(known.live(known.fetched));
  CHECK(known.live(known.fetched + std::chrono::seconds(99)));
  CHECK_FALSE(known.live(known.fetched + std::chrono::seconds(100)));
  CHECK_FALSE(known.live(known.fetched - std::chrono::seconds(1)));  // the clock was set back
}

TEST_CASE("a server that is not there is an error for people", "[sts]") {
  FetchOptions options;
  options.port = 1;
  const auto got = fetch("a.example", {"127.0.0.1"}, options);
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().kind == Failure::Kind::kFetch);
  CHECK_FALSE(got.error().text.empty());
}
