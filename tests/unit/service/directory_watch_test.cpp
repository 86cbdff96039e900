// Changes of the directory by others are noticed.
#include "common/service/directory_watch.h"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <fstream>
#include <mutex>

#include "common/directory/edit.h"
#include "common/directory/rewrite.h"
#include "quartet/config/v1/directory.pb.h"
#include "tests/support/temporary_directory.h"

using namespace quartet;

namespace {

/// Counts, and lets a test wait for it.
class Bell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    ++rung_;
    wake_.notify_all();
  }
  bool has_rung(int times) {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, std::chrono::seconds(30), [&] { return rung_ >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  int rung_ = 0;
};

std::expected<void, std::string> disable(config::v1::Account& account) {
  account.set_disabled(true);
  return {};
}
std::expected<void, std::string> enable(config::v1::Account& account) {
  account.set_disabled(false);
  return {};
}

}  // namespace

TEST_CASE("a change of the directory is noticed, the first one too", "[service]") {
  const test::TemporaryDirectory place;
  const auto people = (place.path() / "people").string();
  std::ofstream(people) << "domain { name: \"a.test\" }\naccount { login: \"ann@a.test\" }\n";
  Bell bell;
  const auto watch = service::DirectoryWatch::start(people, [&bell] { bell.ring(); });
  REQUIRE(watch.has_value());
  CHECK(directory::announced(people) == 0);
  REQUIRE(directory::change_account(people, "ann@a.test", disable));
  CHECK(bell.has_rung(1));
  CHECK(directory::announced(people) == 1);
  // What changes nothing is not announced.
  REQUIRE(directory::change_account(people, "ann@a.test", disable));
  CHECK(directory::announced(people) == 1);
  REQUIRE(directory::change_account(people, "ann@a.test", enable));
  CHECK(bell.has_rung(2));
  CHECK(directory::announced(people) == 2);
}

TEST_CASE("what is not there cannot be watched", "[service]") {
  const test::TemporaryDirectory place;
  const auto watch = service::DirectoryWatch::start((place.path() / "no" / "people").string(), [] {});
  REQUIRE_FALSE(watch.has_value());
  CHECK(watch.error().contains("people"));
}
