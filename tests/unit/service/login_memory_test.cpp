#include "common/service/login_memory.h"

#include <catch2/catch.hpp>

#include "common/metrics/metrics.h"
#include "quartet/config/v1/login_limits.pb.h"

using namespace quartet;
using namespace quartet::service;
using namespace std::chrono_literals;

namespace {

constexpr SteadyTime kStart{1000s};

/// A memory as logins use it.
class Memory {
 public:
  explicit Memory(std::chrono::seconds lifetime, std::size_t most = kMostRemembered) : memory_(lifetime, most) {}
  bool knows(const std::string& account, const std::string& secret, const std::string& password,
             SteadyTime now = kStart) {
    return memory_.knows(account, memory_.proof(account, secret, password), now);
  }
  void verified(const std::string& account, const std::string& secret, const std::string& password,
                SteadyTime now = kStart) {
    memory_.remember(account, memory_.proof(account, secret, password), now);
  }
  std::size_t size() const { return memory_.size(); }

 private:
  LoginMemory memory_;
};

std::uint64_t counted(const char* result) {
  return metrics::counter("quartet_remembered_logins_total", "", {{"result", result}}).value();
}

}  // namespace

TEST_CASE("a login is known again by account, secret and password, and by nothing less", "[login_memory]") {
  Memory memory(300s);
  CHECK_FALSE(memory.knows("ann@a.test", "hash", "word"));
  memory.verified("ann@a.test", "hash", "word");
  CHECK(memory.knows("ann@a.test", "hash", "word"));
  CHECK_FALSE(memory.knows("ann@a.test", "hash", "wore"));
  CHECK_FALSE(memory.knows("ann@a.test", "hash", ""));
  CHECK_FALSE(memory.knows("ann@a.test", "another", "word"));
  CHECK_FALSE(memory.knows("bob@a.test", "hash", "word"));
  // The same octets, divided in another way.
  CHECK_FALSE(memory.knows("ann@a.test", "hashw", "ord"));
  // None of them has put out what is right.
  CHECK(memory.knows("ann@a.test", "hash", "word"));
}

TEST_CASE("the proof of one account is none of another", "[login_memory]") {
  LoginMemory memory(300s);
  memory.remember("ann@a.test", memory.proof("ann@a.test", "hash", "word"), kStart);
  memory.remember("bob@a.test", memory.proof("bob@a.test", "hash", "word"), kStart);
  CHECK_FALSE(memory.knows("bob@a.test", memory.proof("ann@a.test", "hash", "word"), kStart));
  CHECK_FALSE(memory.knows("bob@a.test", "", kStart));
}

TEST_CASE("a memory ends a time after the verification, used or not", "[login_memory]") {
  Memory memory(300s);
  memory.verified("ann@a.test", "hash", "word");
  CHECK(memory.knows("ann@a.test", "hash", "word", kStart + 299s));
  CHECK_FALSE(memory.knows("ann@a.test", "hash", "word", kStart + 300s));
  CHECK(memory.size() == 0);
  memory.verified("ann@a.test", "hash", "word", kStart + 300s);
  CHECK(memory.knows("ann@a.test", "hash", "word", kStart + 599s));
}

TEST_CASE("a verification by a new secret takes the place of the old one", "[login_memory]") {
  Memory memory(300s);
  memory.verified("ann@a.test", "hash", "word");
  memory.verified("ann@a.test", "new hash", "new word", kStart + 200s);
  CHECK(memory.size() == 1);
  CHECK_FALSE(memory.knows("ann@a.test", "hash", "word", kStart + 200s));
  CHECK(memory.knows("ann@a.test", "new hash", "new word", kStart + 499s));
}

TEST_CASE("of too many accounts the one verified longest ago is forgotten", "[login_memory]") {
  Memory memory(300s, 2);
  memory.verified("ann@a.test", "hash", "word");
  memory.verified("bob@a.test", "hash", "word");
  memory.verified("ann@a.test", "hash", "word");
  memory.verified("eve@a.test", "hash", "word");
  CHECK(memory.size() == 2);
  CHECK(memory.knows("ann@a.test", "hash", "word"));
  CHECK_FALSE(memory.knows("bob@a.test", "hash", "word"));
  CHECK(memory.knows("eve@a.test", "hash", "word"));
}

TEST_CASE("each process recognizes by a key of its own", "[login_memory]") {
  LoginMemory one(300s);
  LoginMemory other(300s);
  CHECK(one.proof("ann@a.test", "hash", "word") != other.proof("ann@a.test", "hash", "word"));
  CHECK(one.proof("ann@a.test", "hash", "word").find("word") == std::string::npos);
}

TEST_CASE("a memory that is switched off keeps nothing and counts nothing", "[login_memory]") {
  const auto before = counted("miss");
  Memory memory(0s);
  memory.verified("ann@a.test", "hash", "word");
  CHECK(memory.size() == 0);
  CHECK_FALSE(memory.knows("ann@a.test", "hash", "word"));
  CHECK(counted("miss") == before);
}

TEST_CASE("hits and misses are counted", "[login_memory]") {
  const auto hits = counted("hit");
  const auto misses = counted("miss");
  Memory memory(300s);
  memory.knows("ann@a.test", "hash", "word");
  memory.verified("ann@a.test", "hash", "word");
  memory.knows("ann@a.test", "hash", "word");
  memory.knows("ann@a.test", "hash", "wrong");
  CHECK(counted("hit") == hits + 1);
  CHECK(counted("miss") == misses + 2);
}

TEST_CASE("logins are remembered for five minutes unless the settings say otherwise", "[login_memory]") {
  config::v1::LoginLimits settings;
  CHECK(remembered_for(settings) == 300s);
  settings.set_remember_seconds(0);
  CHECK(remembered_for(settings) == 0s);
  settings.set_remember_seconds(20);
  CHECK(remembered_for(settings) == 20s);
}
