#include <cerrno>
#include <csignal>

#include "helpers.h"

using namespace quartet;
using namespace quartet::journal;
using namespace quartet::journal::test;

namespace {

/// Whether an append succeeds before long.
bool recovers(Writer& writer, const std::string& payload) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline)
    if (append(writer, {payload}).has_value()) return true;
  return false;
}

/// Makes operations fail on demand.
class Faults {
 public:
  auto hook() {
    return [this](FileOperation operation, const std::string&) {
      return (failing_.load() >> static_cast<int>(operation) & 1) != 0 ? error_.load() : 0;
    };
  }
  void fail(std::initializer_list<FileOperation> operations, int error) {
    error_ = error;
    unsigned mask = 0;
    for (const auto operation : operations) mask |= 1u << static_cast<int>(operation);
    failing_ = mask;
  }
  void heal() { failing_ = 0; }

 private:
  std::atomic<unsigned> failing_ = 0;
  std::atomic<int> error_ = 0;
};

}  // namespace

TEST_CASE("a failed write or sync is an error for all who waited, and nothing of it comes back", "[journal]") {
  const auto operation = GENERATE(FileOperation::kWrite, FileOperation::kSync);
  const TemporaryDirectory directory;
  Faults faults;
  auto options = options_for(directory.path());
  options.fault = faults.hook();
  {
    auto writer = open_writer(options);
    REQUIRE(outcome(append(*writer, {"before"})) == "ok");
    faults.fail({operation}, EIO);
    std::vector<std::future<AppendResult>> waiting;
    for (int i = 0; i < 10; ++i) waiting.push_back(append_later(*writer, {"failed"}));
    for (auto& result : waiting) {
      const auto value = result.get();
      REQUIRE(!value.has_value());
      CHECK(value.error().code == ErrorCode::kIo);
    }
    CHECK(writer->fault().has_value());
    faults.heal();
    REQUIRE(outcome(append(*writer, {"after"})) == "ok");
    CHECK(!writer->fault().has_value());
  }
  Collector seen;
  auto writer = open_writer(options_for(directory.path()), seen.handler());
  CHECK(seen.payloads == std::vector<std::string>{"before", "after"});
  CHECK(writer->replay_report().damage.empty());
}

TEST_CASE("a failure of the very first group of a segment leaves no trace", "[journal]") {
  const auto operation =
      GENERATE(FileOperation::kWrite, FileOperation::kSync, FileOperation::kSyncDirectory, FileOperation::kRename);
  const TemporaryDirectory directory;
  Faults faults;
  auto options = options_for(directory.path());
  options.fault = faults.hook();
  {
    auto writer = open_writer(options);
    faults.fail({operation}, EIO);
    CHECK(!append(*writer, {"failed"}).has_value());
    CHECK(!append(*writer, {"failed again"}).has_value());
    faults.heal();
    REQUIRE(outcome(append(*writer, {"good"})) == "ok");
  }
  Collector seen;
  open_writer(options_for(directory.path()), seen.handler());
  CHECK(seen.payloads == std::vector<std::string>{"good"});
}

TEST_CASE("a full disk refuses ordinary appends, keeps room for essential ones, and recovers", "[journal]") {
  const TemporaryDirectory directory;
  Faults faults;
  auto options = options_for(directory.path());
  options.fault = faults.hook();
  auto writer = open_writer(options);
  REQUIRE(outcome(append(*writer, {"first"})) == "ok");
  const std::string filler(10'000, 'f');
  // The spare files are used up, then the disk is full.
  faults.fail({FileOperation::kAllocate}, ENOSPC);
  std::size_t accepted = 0;
  AppendResult result;
  while ((result = append(*writer, {filler})).has_value()) REQUIRE(++accepted < 100);
  CHECK(result.error().code == ErrorCode::kNoSpace);
  REQUIRE(writer->fault().has_value());
  CHECK(outcome(append(*writer, {"done"}, {.essential = true})) == "ok");
  CHECK(!append(*writer, {"ordinary"}).has_value());
  CHECK(writer->fault().has_value());
  for (int i = 0; i < 4; ++i) CHECK(outcome(append(*writer, {"done"}, {.essential = true})) == "ok");
  faults.heal();
  CHECK(recovers(*writer, filler));
  CHECK(recovers(*writer, filler));
  CHECK(!writer->fault().has_value());
}

TEST_CASE("the end of a fault is seen without an append, and not before it has come", "[journal]") {
  const auto operation = GENERATE(FileOperation::kWrite, FileOperation::kSync, FileOperation::kSyncDirectory);
  const int error = GENERATE(EMFILE, EROFS, ENOSPC);
  const TemporaryDirectory directory;
  Faults faults;
  auto options = options_for(directory.path());
  options.fault = faults.hook();
  auto writer = open_writer(options);
  faults.fail({operation}, error);
  REQUIRE(!append(*writer, {"failed"}).has_value());
  const auto goes = [&writer](std::chrono::milliseconds within) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    while (writer->fault() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return !writer->fault();
  };
  CHECK_FALSE(goes(std::chrono::milliseconds(1200)));  // it is looked for twice in this time
  faults.heal();
  CHECK(goes(std::chrono::seconds(20)));
  CHECK(outcome(append(*writer, {"good"})) == "ok");
  for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
    CHECK_FALSE(entry.path().filename().string().ends_with("trial.tmp"));
}

TEST_CASE("space that is released by recycling is used when the disk is full", "[journal]") {
  const TemporaryDirectory directory;
  Faults faults;
  auto options = options_for(directory.path());
  options.fault = faults.hook();
  auto writer = open_writer(options);
  const std::string filler(10'000, 'f');
  // Two to recycle and one in use; how many spare ones there are beside is for the writer's thread to say.
  for (int i = 0; i < 100 && writer->segments().size() < 3; ++i) REQUIRE(outcome(append(*writer, {filler})) == "ok");
  faults.fail({FileOperation::kAllocate}, ENOSPC);
  for (int i = 0; i < 100 && append(*writer, {filler}).has_value(); ++i) continue;
  const auto segments = writer->segments();
  REQUIRE(segments.size() >= 3);
  writer->recycle(segments.front());
  writer->recycle(segments[1]);
  CHECK(outcome(append(*writer, {filler})) == "ok");
}

TEST_CASE("a payload file that cannot be written fails its unit and leaves no file", "[journal]") {
  const TemporaryDirectory directory;
  Faults faults;
  auto options = options_for(directory.path());
  options.large_payload = 1000;
  options.fault = faults.hook();
  auto writer = open_writer(options);
  REQUIRE(outcome(append(*writer, {"first"})) == "ok");
  for (const auto operation : {FileOperation::kCreate, FileOperation::kWrite, FileOperation::kSync}) {
    faults.fail({operation}, ENOSPC);
    const auto result = append(*writer, {"envelope", std::string(5000, 'x')});
    REQUIRE(!result.has_value());
    CHECK(result.error().code == ErrorCode::kNoSpace);
    CHECK(list_payload_files(directory.path()).empty());
  }
  faults.heal();
  CHECK(outcome(append(*writer, {"envelope", std::string(5000, 'x')})) == "ok");
}
