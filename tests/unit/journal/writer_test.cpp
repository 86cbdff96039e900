#include <fcntl.h>

#include <thread>

#include "common/async/loop.h"
#include "common/base/scope.h"
#include "common/journal/record.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::journal;
using namespace quartet::journal::test;

TEST_CASE("what was appended is read back, at once and after a reopen", "[journal]") {
  const TemporaryDirectory directory;
  std::vector<Location> locations;
  {
    auto writer = open_writer(options_for(directory.path()));
    auto first = append(*writer, {"envelope", "body of the first"});
    REQUIRE(first.has_value());
    REQUIRE(first->size() == 2);
    auto second = append(*writer, {""});
    REQUIRE(second.has_value());
    locations = {(*first)[0], (*first)[1], (*second)[0]};
    const Reader reader(directory.path());
    CHECK(reader.read(locations[1]) == "body of the first");
    CHECK(reader.read(locations[2]) == "");
  }
  Collector seen;
  auto writer = open_writer(options_for(directory.path()), seen.handler());
  CHECK(seen.payloads == std::vector<std::string>{"envelope", "body of the first", ""});
  CHECK(seen.locations == locations);
  CHECK(writer->replay_report().damage.empty());
  CHECK(writer->replay_report().torn_bytes == 0);
  const Reader reader(directory.path());
  CHECK(reader.read(locations[0]) == "envelope");
}

TEST_CASE("coroutines wait for the commit", "[journal]") {
  const TemporaryDirectory directory;
  auto writer = open_writer(options_for(directory.path()));
  async::Loop loop;
  const auto result = loop.block_on(writer->write(unit_of({"hello"})));
  REQUIRE(result.has_value());
  CHECK(Reader(directory.path()).read(result->front()) == "hello");
}

TEST_CASE("many threads share commits and segments roll", "[journal]") {
  const TemporaryDirectory directory;
  constexpr int kThreads = 4, kEach = 200;
  {
    auto writer = open_writer(options_for(directory.path()));
    std::vector<std::jthread> threads;
    std::atomic<int> good = 0;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&writer, &good, t] {
        std::vector<std::future<AppendResult>> waiting;
        for (int i = 0; i < kEach; ++i)
          waiting.push_back(append_later(*writer, {std::to_string(t) + ":" + std::to_string(i),
                                                   std::string(static_cast<std::size_t>(i * 7), 'x')}));
        for (auto& result : waiting) good += result.get().has_value();
      });
    threads.clear();
    CHECK(good == kThreads * kEach);
    CHECK(writer->segments().size() > 5);
    CHECK(writer->stats().commits < static_cast<std::uint64_t>(good));
  }
  Collector seen;
  open_writer(options_for(directory.path()), seen.handler());
  CHECK(seen.payloads.size() == 2 * kThreads * kEach);
  std::vector<int> next(kThreads, 0);
  for (std::size_t i = 0; i < seen.payloads.size(); i += 2) {
    const auto& name = seen.payloads[i];
    const auto thread = static_cast<std::size_t>(name[0] - '0');
    CHECK(name.substr(2) == std::to_string(next[thread]++));
  }
}

TEST_CASE("a unit larger than a segment is refused, the next one is not", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.large_payload = 32u << 10;
  auto writer = open_writer(options);
  const auto result = append(*writer, {std::string(30'000, 'a'), std::string(30'000, 'b'), std::string(30'000, 'c')});
  REQUIRE(!result.has_value());
  CHECK(result.error().code == ErrorCode::kTooLarge);
  CHECK(outcome(append(*writer, {"small"})) == "ok");
}

TEST_CASE("large payloads are files of their own and come back after a reopen", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.large_payload = 1000;
  const std::string large(5000, 'L');
  Location location;
  {
    auto writer = open_writer(options);
    const auto result = append(*writer, {"envelope", large});
    REQUIRE(result.has_value());
    location = (*result)[1];
    CHECK(location.file != 0);
    CHECK(location.length == large.size());
    CHECK((*result)[0].file == 0);
    CHECK(list_payload_files(directory.path()) == std::vector<std::uint64_t>{location.file});
    CHECK(outcome(append(*writer, {})) == "ok");  // a barrier
  }
  Collector seen;
  open_writer(options, seen.handler());
  REQUIRE(seen.locations.size() == 2);
  CHECK(seen.locations[1] == location);
  const Reader reader(directory.path());
  CHECK(reader.read(location) == large);
  remove_payload_file(directory.path(), location.file);
  const auto gone = reader.read(location);
  REQUIRE(!gone.has_value());
  CHECK(gone.error().code == ErrorCode::kNotFound);
}

TEST_CASE("a lazy append goes with the next commit or after its delay", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.lazy_delay = std::chrono::hours(1);
  auto writer = open_writer(options);
  auto lazy = append_later(*writer, {"later"}, {.lazy = true});
  CHECK(lazy.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  CHECK(outcome(append(*writer, {"now"})) == "ok");
  REQUIRE(lazy.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  CHECK(writer->stats().commits == 1);
  auto last = append_later(*writer, {"at close"}, {.lazy = true});
  writer->close();
  CHECK(last.get().has_value());
  CHECK(append(*writer, {"too late"}).error().code == ErrorCode::kClosed);
}

TEST_CASE("a lazy append does not wait for company for ever", "[journal]") {
  const TemporaryDirectory directory;
  auto writer = open_writer(options_for(directory.path()));
  auto lazy = append_later(*writer, {"alone"}, {.lazy = true});
  REQUIRE(lazy.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  CHECK(lazy.get().has_value());
}

TEST_CASE("lazy appends that wait go when it is urgent, with one commit", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.lazy_delay = std::chrono::hours(1);
  auto writer = open_writer(options);
  writer->urge();  // nothing waits
  auto first = append_later(*writer, {"one"}, {.lazy = true});
  auto second = append_later(*writer, {"two"}, {.lazy = true});
  CHECK(first.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  writer->urge();
  REQUIRE(first.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  CHECK(outcome(second.get()) == "ok");
  CHECK(writer->stats().commits == 1);
}

TEST_CASE("what a killed process left behind is on disk before anybody goes by it", "[journal]") {
  const TemporaryDirectory directory;
  REQUIRE(outcome(append(*open_writer(options_for(directory.path())), {"left"})) == "ok");
  auto options = options_for(directory.path());
  std::atomic<int> syncs = 0;
  options.fault = [&syncs](FileOperation operation, const std::string& name) {
    syncs += operation == FileOperation::kSync && name.ends_with(".log");
    return 0;
  };
  Collector seen;
  const auto writer = open_writer(options, seen.handler());
  CHECK(seen.payloads == std::vector<std::string>{"left"});
  CHECK(syncs == 1);
}

TEST_CASE("places are told before what they hold is durable, and are those of the result", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  std::atomic<int> syncs = 0;
  options.fault = [&syncs](FileOperation operation, const std::string&) {
    syncs += operation == FileOperation::kSync;
    return 0;
  };
  auto writer = open_writer(options);
  for (const std::string payload : {"first of its segment", "another"}) {
    std::vector<Location> places;
    int synced_before = -1;
    const int before = syncs;
    std::promise<AppendResult> done;
    writer->append(
        unit_of({payload, "second"}), [&](AppendResult result) { done.set_value(std::move(result)); }, {},
        [&](const std::vector<Location>& locations) {
          places = locations;
          synced_before = syncs - before;
        });
    const auto result = done.get_future().get();
    REQUIRE(result.has_value());
    CHECK(places == *result);
    CHECK(synced_before == 0);
    CHECK(syncs == before + 1);
  }
}

TEST_CASE("small groups are written over blocks that were written before, large ones are not padded", "[journal]") {
  const TemporaryDirectory directory;
  auto writer = open_writer(options_for(directory.path(), 1u << 20));
  REQUIRE(append(*writer, {"small"}).has_value());
  const auto path = newest_segment(directory.path());
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  const ScopeExit close([file] { ::close(file); });
  const auto written = [file] { return ::lseek(file, 0, SEEK_HOLE); };
  const auto first = written();
  const auto size = static_cast<off_t>(std::filesystem::file_size(path));
  if (first == size) return;  // a file system that does not tell
  CHECK(first >= 64 * 1024);
  REQUIRE(append(*writer, {std::string(1000, 'x')}).has_value());
  CHECK(written() == first);
  const auto large = append(*writer, {std::string(200'000, 'y')});
  REQUIRE(large.has_value());
  CHECK(written() < large->front().offset + 200'000 + 8192);
  writer.reset();
  Collector found;
  open_writer(options_for(directory.path(), 1u << 20), found.handler());
  CHECK(found.payloads == std::vector<std::string>{"small", std::string(1000, 'x'), std::string(200'000, 'y')});
}

TEST_CASE("one process is one writer; others take other numbers", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  auto owner = open_writer(options);
  const auto second = Writer::open(options);
  REQUIRE(!second.has_value());
  CHECK(second.error().code == ErrorCode::kLocked);
  options.writer.reset();
  auto first_free = open_writer(options);
  auto next_free = open_writer(options);
  CHECK(first_free->id() == 1);
  CHECK(next_free->id() == 2);
  CHECK(writer_alive(directory.path(), 1));
  first_free.reset();
  CHECK(!writer_alive(directory.path(), 1));
  CHECK(open_writer(options)->id() == 1);
}

TEST_CASE("recycled files are never read as new", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  std::vector<Location> old;
  {
    auto writer = open_writer(options);
    for (int i = 0; i < 400; ++i) {
      const auto result = append(*writer, {"old " + std::to_string(i) + std::string(1000, 'o')});
      REQUIRE(result.has_value());
      old.push_back(result->front());
    }
    const auto segments = writer->segments();
    REQUIRE(segments.size() > 4);
    for (const auto segment : segments) writer->recycle(segment);  // the newest stays
    CHECK(writer->segments() == std::vector<SegmentId>{segments.back()});
    for (int i = 0; i < 200; ++i) REQUIRE(append(*writer, {"new " + std::to_string(i) + std::string(900, 'n')}));
    CHECK(writer->stats().recycled > 0);
    const Reader reader(directory.path());
    CHECK(!reader.read(old.front()).has_value());
  }
  Collector seen;
  open_writer(options, seen.handler());
  std::size_t fresh = 0;
  for (const auto& payload : seen.payloads) fresh += payload.starts_with("new ");
  CHECK(fresh == 200);
  for (std::size_t i = 0; i < seen.payloads.size(); ++i)
    if (seen.payloads[i].starts_with("old ")) CHECK(seen.locations[i].segment == old.back().segment);
}

TEST_CASE("a descriptor kept open does not hide that the file was recycled", "[journal]") {
  const TemporaryDirectory directory;
  auto writer = open_writer(options_for(directory.path()));
  const auto old = append(*writer, {"old"}).value().front();
  const Reader reader(directory.path());
  CHECK(reader.read(old) == "old");
  writer->seal();
  CHECK(outcome(append(*writer, {"next"})) == "ok");
  writer->recycle(old.segment);
  for (int i = 0; i < 4; ++i) {
    writer->seal();
    REQUIRE(outcome(append(*writer, {"more"})) == "ok");
  }
  CHECK(!reader.read(old).has_value());
}

TEST_CASE("replay starts at the position asked for", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  {
    auto writer = open_writer(options);
    REQUIRE(outcome(append(*writer, {"one"})) == "ok");
    REQUIRE(outcome(append(*writer, {})) == "ok");
    options.replay_from = writer->applied();
    REQUIRE(outcome(append(*writer, {"two"})) == "ok");
    writer->seal();
    REQUIRE(outcome(append(*writer, {"three"})) == "ok");
  }
  Collector seen;
  open_writer(options, seen.handler());
  CHECK(seen.payloads == std::vector<std::string>{"two", "three"});
}

TEST_CASE("segment ids are never reused, however often it is opened", "[journal]") {
  const TemporaryDirectory directory;
  SegmentId last = 0;
  for (int round = 0; round < 5; ++round) {
    auto writer = open_writer(options_for(directory.path()));
    const auto location = append(*writer, {"x"}).value().front();
    CHECK(location.segment > last);
    last = location.segment;
    for (const auto segment : writer->segments()) writer->recycle(segment);
  }
}
