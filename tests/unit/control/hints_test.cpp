// Hints of a shared store between agents: followed from the first on, over a restart, and ended in order.
#include "common/control/hints.h"

#include <atomic>

#include "helpers.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;

namespace {

/// An agent whose store is these functions.
struct Source {
  TemporaryDirectory directory;
  std::mutex mutex;
  std::vector<std::weak_ptr<TakeHints>> followers;
  std::unique_ptr<Server> server;

  std::string target() const { return "unix:" + (directory.path() / "control").string(); }

  void start() {
    Subject subject;
    subject.agent = "mda";
    subject.hostname = [] { return std::string("a"); };
    subject.follow_hints = [this](TakeHints take) {
      auto follower = std::make_shared<TakeHints>(std::move(take));
      const std::lock_guard lock(mutex);
      followers.push_back(follower);
      return std::shared_ptr<void>(follower);
    };
    Options options;
    options.socket = target().substr(5);
    server = *Server::start(options, std::move(subject));
  }
  std::size_t alive() {
    const std::lock_guard lock(mutex);
    std::erase_if(followers, [](const auto& one) { return one.expired(); });
    return followers.size();
  }
  void tell(StoreHint hint) {
    std::vector<std::shared_ptr<TakeHints>> all;
    {
      const std::lock_guard lock(mutex);
      for (const auto& one : followers)
        if (auto follower = one.lock()) all.push_back(std::move(follower));
    }
    for (const auto& follower : all) (*follower)(std::span(&hint, 1));
  }
};

}  // namespace

TEST_CASE("hints of a peer arrive, also after its restart", "[control]") {
  Source source;
  source.start();
  std::mutex mutex;
  std::vector<StoreHint> came;
  Options options;
  options.peers = {{"mda@a", source.target(), false}, {"mta@a", "unix:/nonexistent", false}};
  HintFollower follower(options, [&](std::span<const StoreHint> hints) {
    const std::lock_guard lock(mutex);
    came.insert(came.end(), hints.begin(), hints.end());
  });
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return came.size();
  };
  REQUIRE(before_long([&] { return source.alive() == 1; }));
  source.tell({3, 4, 5});
  source.tell({3, 4, 0});
  REQUIRE(before_long([&] { return count() == 2; }));
  CHECK(came[0].shard == 3);
  CHECK(came[0].account == 4);
  CHECK(came[0].mailbox == 5);
  CHECK(came[1].mailbox == 0);
  source.server.reset();
  REQUIRE(before_long([&] { return source.alive() == 0; }));
  source.start();
  REQUIRE(before_long([&] { return source.alive() == 1; }));
  source.tell({1, 2, 3});
  REQUIRE(before_long([&] { return count() == 3; }));
  follower.stop();
  REQUIRE(before_long([&] { return source.alive() == 0; }));
  source.server.reset();
}
