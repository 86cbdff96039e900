#include "common/service/program.h"

#include <catch2/catch.hpp>

#include "quartet/config/v1/common.pb.h"

using namespace quartet;
using namespace quartet::service;

namespace {

/// Good, but never to be started.
class Idle final : public Agent {
 public:
  const config::v1::Agent& settings() const override { return settings_; }
  Status bind(async::LoopThreads&) override { return std::unexpected("not in this test"); }
  Status start() override { return {}; }
  const google::protobuf::Message& configuration() const override { return settings_; }
  Preview preview(const config::Input&) const override { return {}; }
  Reloaded reload(const config::Input&) override { return {}; }
  void drain(std::chrono::seconds) override { ++drained; }
  static inline int drained = 0;

 private:
  config::v1::Agent settings_;
};

struct Fixture {
  Fixture() {
    program.name = "test";
    program.load = [this](const std::string& path) -> decltype(program.load(path)) {
      loaded = path;
      if (path == "bad") return std::unexpected(std::vector<config::Error>{{"bad", 3, 4, "x: is wrong"}});
      return std::make_unique<Idle>();
    };
    program.actions = {{"--look", "look", [this](const std::string& path) {
                          loaded = "look " + path;
                          return 7;
                        }}};
  }
  int run_with(std::vector<std::string> words) {
    words.insert(words.begin(), "test");
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    loaded.clear();
    return run(program, static_cast<int>(arguments.size()), arguments.data());
  }
  Program program;
  std::string loaded;
};

}  // namespace

TEST_CASE("options and exit codes", "[program]") {
  Fixture fixture;
  CHECK(fixture.run_with({"--help"}) == 0);
  CHECK(fixture.run_with({"--version"}) == 0);
  CHECK(fixture.run_with({}) == 2);
  CHECK(fixture.run_with({"--config"}) == 2);
  CHECK(fixture.run_with({"--config", "good", "--frobnicate"}) == 2);
  CHECK(fixture.loaded.empty());
  CHECK(fixture.run_with({"--config", "good", "--check"}) == 0);
  CHECK(fixture.loaded == "good");
  CHECK(fixture.run_with({"--config=bad", "--check"}) == 2);
  CHECK(fixture.run_with({"--config=bad"}) == 2);
  CHECK(fixture.run_with({"--look", "--config", "good"}) == 7);
  CHECK(fixture.loaded == "look good");
}

TEST_CASE("what cannot start says so and is taken down in order", "[program]") {
  Fixture fixture;
  CHECK(fixture.run_with({"--config", "good"}) == 1);
  CHECK(Idle::drained == 1);
}
