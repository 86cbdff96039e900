// Look-ups against servers that lie, stammer or keep silent.
#include <catch2/catch.hpp>

#include "common/async/loop.h"
#include "common/async/loop_threads.h"
#include "common/async/run_on.h"
#include "common/async/task_group.h"
#include "common/dns/resolver.h"
#include "tests/unit/dns/packet.h"
#include "tests/unit/dns/scripted_server.h"

using namespace quartet;
using namespace quartet::dns;
using namespace quartet::dns::testing;
using namespace std::chrono_literals;

namespace {

const std::string kGood("\xc0\0\2\1", 4), kForged("\xc6\x33\x64\x01", 4);
using Answers = std::vector<std::string>;

std::string code_only(const Query& query, unsigned code) {
  return Packet(query.id, 0x8180 | code, query.question.name, query.question.type).bytes();
}

Answers good(const Query& query) { return {a_record(query, kGood)}; }

ResolverOptions options_for(std::initializer_list<const ScriptedServer*> servers,
                            std::chrono::milliseconds timeout = 3s) {
  ResolverOptions options;
  for (const auto* server : servers) options.servers.push_back(server->address());
  options.try_timeout = timeout;
  options.rounds = 2;
  return options;
}

Result<std::string> look_up(ResolverOptions options, std::shared_ptr<Cache> cache = std::make_shared<Cache>()) {
  async::Loop loop;
  Resolver resolver(std::move(options), std::move(cache));
  return loop.block_on(resolver.a("b.example", async::Deadline::after(20s)));
}

}  // namespace

TEST_CASE("an answer with another id or question is passed over", "[dns]") {
  const ScriptedServer server([](const Query& query) -> Answers {
    auto other_id = query;
    other_id.id = static_cast<std::uint16_t>(query.id + 1);
    auto other_name = query;
    other_name.question.name = "c.example";
    auto other_type = query;
    other_type.question.type = Type::kAaaa;
    return {a_record(other_id, kForged), a_record(other_name, kForged), a_record(other_type, kForged), "x",
            a_record(query, kGood)};
  });
  const auto result = look_up(options_for({&server}));
  REQUIRE(result);
  CHECK(result->values == std::vector<std::string>{"192.0.2.1"});
  CHECK(server.queries() == 1);
}

TEST_CASE("records of other names in the answer are not believed", "[dns]") {
  const ScriptedServer server([](const Query& query) -> Answers {
    return {
        Packet(query.id, 0x8180, query.question.name, Type::kA).answer("c.example", Type::kA, 300, kForged).bytes()};
  });
  CHECK(look_up(options_for({&server})).error().code == Code::kNoData);
}

TEST_CASE("the next server is asked", "[dns]") {
  const auto& [name, script, timeout] = GENERATE(table<std::string, ScriptedServer::Script, int>({
      {"SERVFAIL", [](const Query& query) -> Answers { return {code_only(query, 2)}; }, 3000},
      {"REFUSED", [](const Query& query) -> Answers { return {code_only(query, 5)}; }, 3000},
      {"garbage", [](const Query& query) -> Answers { return {Packet::u16(query.id) + std::string(40, '\xff')}; },
       3000},
      {"silence", [](const Query&) -> Answers { return {}; }, 50},
      {"a referral",
       [](const Query& query) -> Answers {
         return {Packet(query.id, 0x8000, "b.example", Type::kA)
                     .authority("example", static_cast<Type>(2), 60, Packet::name("ns.example"))
                     .bytes()};
       },
       3000},
      {"TC, and nothing over TCP",
       [](const Query& query) -> Answers {
         return query.tcp ? Answers{} : Answers{a_record(query, kForged, 300, 0x8380)};
       },
       3000},
  }));
  INFO(name);
  const ScriptedServer broken(script), healthy(good);
  const auto result = look_up(options_for({&broken, &healthy}, std::chrono::milliseconds(timeout)));
  REQUIRE(result);
  CHECK(result->values == std::vector<std::string>{"192.0.2.1"});
}

TEST_CASE("a closed port is passed over at once", "[dns]") {
  const ScriptedServer healthy(good);
  auto options = options_for({&healthy});
  {
    const ScriptedServer gone(good);
    options.servers.insert(options.servers.begin(), gone.address());
  }
  const auto start = std::chrono::steady_clock::now();
  CHECK(look_up(options));
  CHECK(std::chrono::steady_clock::now() - start < 2s);
}

TEST_CASE("when every server fails the error is transient", "[dns]") {
  const ScriptedServer failing([](const Query& query) -> Answers { return {code_only(query, 2)}; });
  const auto failed = look_up(options_for({&failing}));
  CHECK(failed.error().code == Code::kServerFailed);
  CHECK_FALSE(failed.error().permanent());
  CHECK(failing.queries() == 1);
  const ScriptedServer silent([](const Query&) -> Answers { return {}; });
  CHECK(look_up(options_for({&silent}, 20ms)).error().code == Code::kTimedOut);
  CHECK(silent.queries() == 2);
}

TEST_CASE("a server that was silent is asked again", "[dns]") {
  const ScriptedServer server([](const Query& query) { return query.number == 1 ? Answers{} : good(query); });
  CHECK(look_up(options_for({&server}, 50ms)));
}

TEST_CASE("a truncated answer is fetched over TCP", "[dns]") {
  const ScriptedServer server([](const Query& query) -> Answers {
    return {query.tcp ? a_record(query, kGood) : a_record(query, kForged, 300, 0x8380)};
  });
  const auto result = look_up(options_for({&server}));
  REQUIRE(result);
  CHECK(result->values == std::vector<std::string>{"192.0.2.1"});
}

TEST_CASE("a server without EDNS0 is asked without, from then on", "[dns]") {
  const unsigned code = GENERATE(1U, 4U);
  const ScriptedServer server([code](const Query& query) -> Answers {
    return {query.edns ? code_only(query, code) : a_record(query, kGood, 0)};
  });
  async::Loop loop;
  Resolver resolver(options_for({&server}), std::make_shared<Cache>());
  CHECK(loop.block_on(resolver.a("b.example", async::Deadline::after(20s))));
  CHECK(server.queries() == 2);
  CHECK(loop.block_on(resolver.a("b.example", async::Deadline::after(20s))));
  CHECK(server.queries() == 3);
}

TEST_CASE("AD is asked for and believed on loopback", "[dns]") {
  const ScriptedServer server([](const Query& query) -> Answers {
    return {a_record(query, kGood, 300, query.authentic_data ? 0x81a0 : 0x8180)};
  });
  CHECK(look_up(options_for({&server}))->authentic);
}

TEST_CASE("the same question is asked once while its answer is under way, and not again while it holds", "[dns]") {
  const ScriptedServer server(good);
  async::Loop loop;
  Resolver resolver(options_for({&server}), std::make_shared<Cache>());
  struct Many {
    static async::Task<void> one(Resolver& resolver, int& found) {
      const auto result = co_await resolver.a("b.example", async::Deadline::after(20s));
      if (result) ++found;
    }
    static async::Task<int> all(Resolver& resolver) {
      int found = 0;
      async::TaskGroup group;
      for (int i = 0; i < 50; ++i) group.spawn(one(resolver, found));
      co_await group.join();
      co_return found;
    }
  };
  CHECK(loop.block_on(Many::all(resolver)) == 50);
  CHECK(loop.block_on(Many::all(resolver)) == 50);
  CHECK(server.queries() == 1);
}

TEST_CASE("a look-up that is cancelled does not take those with it that wait for the same answer", "[dns]") {
  // The first query stays without answer: its asker is stopped, and the one who waited beside it asks anew.
  const ScriptedServer server([](const Query& query) { return query.number == 1 ? Answers{} : good(query); });
  async::Loop loop;
  Resolver resolver(options_for({&server}), std::make_shared<Cache>());
  struct Two {
    static async::Task<void> one(Resolver& resolver, Result<std::string>& result) {
      result = co_await resolver.a("b.example", async::Deadline::after(20s));
    }
    static async::Task<void> both(Resolver& resolver, const ScriptedServer& server, Result<std::string>& first,
                                  Result<std::string>& second) {
      async::TaskGroup stopped, going;
      stopped.spawn(one(resolver, first));
      going.spawn(one(resolver, second));
      while (server.queries() == 0) co_await async::sleep_for(1ms);
      co_await stopped.close();
      co_await going.join();
    }
  };
  Result<std::string> first, second;
  loop.block_on(Two::both(resolver, server, first, second));
  CHECK(first.error().code == Code::kCancelled);
  CHECK(second);
}

TEST_CASE("a denial without SOA is not kept", "[dns]") {  // RFC 2308 section 5
  const ScriptedServer server([](const Query& query) -> Answers { return {code_only(query, 3)}; });
  const auto cache = std::make_shared<Cache>();
  CHECK(look_up(options_for({&server}), cache).error().code == Code::kNoSuchDomain);
  CHECK(look_up(options_for({&server}), cache).error().code == Code::kNoSuchDomain);
  CHECK(server.queries() == 2);
}

TEST_CASE("resolvers of several loops share a cache", "[dns]") {
  const ScriptedServer server(good);
  const auto cache = std::make_shared<Cache>();
  async::LoopThreads threads(3);
  struct Work {
    static async::Task<int> look_up_many(const ScriptedServer& server, std::shared_ptr<Cache> cache) {
      Resolver resolver(options_for({&server}), std::move(cache));
      int found = 0;
      for (int i = 0; i < 40; ++i) {
        const auto result = co_await resolver.a("host" + std::to_string(i) + ".example", async::Deadline::after(20s));
        if (result) ++found;
      }
      co_return found;
    }
    static async::Task<void> on(async::Loop& loop, const ScriptedServer& server, std::shared_ptr<Cache> cache,
                                int& found) {
      const auto count = co_await async::run_on(loop, look_up_many(server, std::move(cache)));
      found += count;
    }
    static async::Task<int> on_all(async::LoopThreads& threads, const ScriptedServer& server,
                                   std::shared_ptr<Cache> cache) {
      int found = 0;
      async::TaskGroup group;
      for (std::size_t i = 0; i < threads.size(); ++i) group.spawn(on(threads[i], server, cache, found));
      co_await group.join();
      co_return found;
    }
  };
  async::Loop loop;
  CHECK(loop.block_on(Work::on_all(threads, server, cache)) == 120);
  CHECK(cache->size() == 40);
  CHECK(server.queries() <= 120);
}
