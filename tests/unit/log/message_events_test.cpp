#include "common/log/message_events.h"

#include <catch2/catch.hpp>
#include <thread>

using namespace quartet;
using log::MessageEvents;
using log::MessageStep;

TEST_CASE("all events of a trace are found by any name of the message, in order of time", "[message_events]") {
  MessageEvents events(10);
  events.record({.step = MessageStep::kDelivered, .time = from_micros(2), .code = 250, .trace = "t1", .message = "q1"});
  events.record({.time = from_micros(1), .trace = "t1", .message = "q1", .header_id = "<m@a.test>"});
  events.record({.time = from_micros(3), .trace = "t2", .message = "q2", .header_id = "<n@a.test>"});
  for (const char* name : {"t1", "q1", "m@a.test", "<m@a.test>"}) {
    const auto found = events.find(name);
    REQUIRE(found.size() == 2);
    CHECK(found[0].step == MessageStep::kAccepted);
    CHECK(found[0].header_id == "m@a.test");
    CHECK(found[1].step == MessageStep::kDelivered);
    CHECK(found[1].code == 250);
  }
  CHECK(events.find("q1", log::kTraceId).empty());
  CHECK(events.find("t1", log::kQueueId | log::kHeaderId).empty());
  CHECK(events.find("").empty());
  CHECK(events.find("<>").empty());
  CHECK(events.find("t3").empty());
}

TEST_CASE("messages without a trace id are told apart", "[message_events]") {
  MessageEvents events(10);
  events.record({.message = "q1", .header_id = "<m@a.test>"});
  events.record({.message = "q2", .header_id = "<n@a.test>"});
  REQUIRE(events.find("q1").size() == 1);
  CHECK(events.find("q1")[0].header_id == "m@a.test");
}

TEST_CASE("the oldest event makes room, and long texts are cut", "[message_events]") {
  MessageEvents events(3);
  const std::string reply(1000, 'x');
  for (const char* trace : {"t1", "t2", "t3", "t4"}) events.record({.trace = trace, .status = "4.0.0", .reply = reply});
  CHECK(events.find("t1").empty());
  REQUIRE(events.find("t4").size() == 1);
  CHECK(events.find("t4")[0].reply == reply.substr(0, 255));
  CHECK(events.find("t2")[0].status == "4.0.0");
}

TEST_CASE("threads record while others search", "[message_events]") {
  MessageEvents events(128);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&events] {
      for (int n = 0; n < 2000; ++n) events.record({.trace = "t", .message = "q", .reply = "text"});
    });
  for (int n = 0; n < 50; ++n)
    for (const auto& event : events.find("q")) REQUIRE(event.reply == "text");
  for (auto& thread : threads) thread.join();
  CHECK(events.find("t").size() == 128);
}
