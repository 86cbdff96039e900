#include "common/journal/tail.h"

#include "common/journal/liveness.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::journal;
using namespace quartet::journal::test;

namespace {

Options published(const std::filesystem::path& directory) {
  auto options = options_for(directory);
  options.writer = 5;
  options.publish = true;
  return options;
}

}  // namespace

TEST_CASE("a tail gives each unit of a live writer once, over segments and reopens", "[journal]") {
  const TemporaryDirectory directory;
  std::vector<std::string> written;
  Collector seen;
  Position position;
  for (int round = 0; round < 3; ++round) {
    auto writer = open_writer(published(directory.path()));
    for (int i = 0; i < 30; ++i) {
      written.push_back(std::to_string(round) + "/" + std::to_string(i) + std::string(3000, '.'));
      REQUIRE(outcome(append(*writer, {written.back()})) == "ok");
      if (i % 7 != 0) continue;
      Tail tail(directory.path(), 5, position);
      REQUIRE(tail.poll(seen.handler()).has_value());
      position = tail.position();
      CHECK(seen.payloads == written);
    }
  }
  CHECK(list_writers(directory.path()) == std::vector<WriterId>{5});
  Tail tail(directory.path(), 5, position);  // of a dead writer now
  REQUIRE(tail.poll(seen.handler()).has_value());
  CHECK(seen.payloads == written);
  REQUIRE(tail.poll(seen.handler()).has_value());
  CHECK(seen.payloads == written);
}

TEST_CASE("what is not yet durable is not given out", "[journal]") {
  const TemporaryDirectory directory;
  std::atomic<bool> in_sync = false;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  std::atomic<bool> hold = false;
  auto options = published(directory.path());
  options.fault = [&](FileOperation operation, const std::string& name) {
    if (operation == FileOperation::kSync && hold && name.ends_with(".log")) {
      in_sync = true;
      in_sync.notify_all();
      may_go_on.wait();
    }
    return 0;
  };
  auto writer = open_writer(options);
  REQUIRE(outcome(append(*writer, {"durable"})) == "ok");
  hold = true;
  auto waiting = append_later(*writer, {"written, not synced"});
  in_sync.wait(false);
  Collector seen;
  Tail tail(directory.path(), 5, {});
  REQUIRE(tail.poll(seen.handler()).has_value());
  CHECK(seen.payloads == std::vector<std::string>{"durable"});
  hold = false;
  go_on.set_value();
  REQUIRE(waiting.get().has_value());
  REQUIRE(tail.poll(seen.handler()).has_value());
  CHECK(seen.payloads.size() == 2);
}

TEST_CASE("nobody takes the place of a dead writer while what it left is read", "[journal]") {
  const TemporaryDirectory directory;
  REQUIRE(outcome(append(*open_writer(published(directory.path())), {"left over"})) == "ok");
  Collector seen;
  bool tried = false;
  Tail tail(directory.path(), 5, {});
  const auto found = tail.poll([&](const RecordView& record) {
    const auto writer = Writer::open(published(directory.path()));
    CHECK_FALSE(writer.has_value());
    if (!writer) CHECK(writer.error().code == ErrorCode::kLocked);
    tried = true;
    seen.handler()(record);
  });
  REQUIRE(found.has_value());
  CHECK(tried);
  CHECK(tail.ended());
  const auto writer = open_writer(published(directory.path()));
  REQUIRE(outcome(append(*writer, {"new"})) == "ok");
  REQUIRE(tail.poll(seen.handler()).has_value());
  CHECK_FALSE(tail.ended());
  CHECK(seen.payloads == std::vector<std::string>{"left over", "new"});
}

TEST_CASE("retired segments go back to a live writer and away from a dead one; the newest stays", "[journal]") {
  const TemporaryDirectory directory;
  auto options = published(directory.path());
  auto writer = open_writer(options);
  for (int i = 0; i < 4; ++i) {
    REQUIRE(outcome(append(*writer, {"x"})) == "ok");
    writer->seal();
  }
  auto segments = list_segments(directory.path()).value();
  REQUIRE(segments.size() == 4);
  REQUIRE(retire(directory.path(), segments[0].id, 10).has_value());
  REQUIRE(retire(directory.path(), segments[3].id, 10).has_value());
  CHECK(list_segments(directory.path())->size() == 3);
  for (int i = 0; i < 5; ++i) {
    REQUIRE(outcome(append(*writer, {"y"})) == "ok");
    writer->seal();
  }
  CHECK(writer->stats().recycled > 0);
  writer.reset();
  segments = list_segments(directory.path()).value();
  for (const auto& segment : segments) REQUIRE(retire(directory.path(), segment.id).has_value());
  CHECK(list_segments(directory.path())->size() == 1);
  Collector seen;
  writer = open_writer(options, seen.handler());
  CHECK(append(*writer, {"z"}).value().front().segment > segments.back().id);
}

TEST_CASE("liveness finds dead and mostly dead segments", "[journal]") {
  Liveness live;
  const Location a{make_segment_id(0, 1), 64, 1000, 0}, b{make_segment_id(0, 2), 64, 5000, 0},
      other{make_segment_id(3, 1), 64, 10, 0};
  live.add(a);
  live.add(b);
  live.add(other);
  live.know(make_segment_id(0, 3));
  CHECK(live.total_live_bytes() == a.footprint() + b.footprint() + other.footprint());
  CHECK(live.sparse(make_segment_id(0, 9), 2000) == std::vector<SegmentId>{a.segment});
  live.release(a);
  CHECK(live.dead(make_segment_id(0, 3)) == std::vector<SegmentId>{a.segment});
  live.forget(a.segment);
  CHECK(live.dead(make_segment_id(0, 9)) == std::vector<SegmentId>{make_segment_id(0, 3)});
}
