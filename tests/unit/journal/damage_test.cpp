#include <fstream>

#include "common/base/crc32c.h"
#include "common/journal/payload_files.h"
#include "common/journal/record.h"
#include "common/journal/tail.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::journal;
using namespace quartet::journal::test;

namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// A segment's image made by hand: each unit in a commit of its own.
std::string image_of(SegmentId segment, const std::vector<std::vector<std::string>>& units) {
  const auto header = encode(SegmentHeader{segment, 0, 0, 64u << 10, 1});
  std::string image(header.data(), header.size());
  std::uint64_t lsn = 1;
  for (const auto& unit : units) {
    const auto synced = static_cast<std::uint32_t>(image.size());
    for (std::size_t i = 0; i < unit.size(); ++i) {
      const auto record = encode(RecordHeader{static_cast<std::uint32_t>(unit[i].size()), crc32c(unit[i]), segment,
                                              lsn++, static_cast<std::uint32_t>(image.size()), synced, 7, i == 0,
                                              i + 1 == unit.size(), false});
      image.append(record.data(), record.size());
      image.append(unit[i]);
      image.resize(align_record(image.size()));
    }
  }
  return image;
}

struct Scanned {
  std::vector<std::string> payloads;
  std::vector<Damage> damage;
  std::uint32_t end = 0;
};

Scanned scan(std::string_view image, SegmentId segment, std::optional<std::uint32_t> end = {}) {
  Scanned scanned;
  UnitScanner scanner(image.substr(std::min(kSegmentHeaderSize, image.size())), segment, kSegmentHeaderSize, end);
  for (;;) {
    const auto step = scanner.next();
    if (step == UnitScanner::Step::kUnit)
      for (const auto& record : scanner.unit()) scanned.payloads.emplace_back(record.payload);
    if (step == UnitScanner::Step::kDamage) scanned.damage.push_back(scanner.damage());
    if (step == UnitScanner::Step::kEnd) break;
  }
  scanned.end = scanner.end();
  return scanned;
}

}  // namespace

TEST_CASE("headers are read back as they were written, and no other bytes are", "[journal]") {
  const SegmentHeader segment{make_segment_id(3, 77), make_segment_id(3, 70), 12345, 1u << 20, 99};
  auto bytes = encode(segment);
  auto back = decode_segment_header({bytes.data(), bytes.size()});
  REQUIRE(back.has_value());
  CHECK(back->segment == segment.segment);
  CHECK(back->previous == segment.previous);
  CHECK(back->previous_end == segment.previous_end);
  CHECK(back->size == segment.size);
  CHECK(back->first_lsn == segment.first_lsn);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    CHECK(!decode_segment_header({bad.data(), bad.size()}).has_value());
  }
  CHECK(!decode_segment_header({bytes.data(), bytes.size() - 1}).has_value());

  const RecordHeader record{5, 0xdeadbeef, make_segment_id(1, 2), 42, 640, 64, 9, true, false, true};
  auto raw = encode(record);
  const auto read = decode_record_header({raw.data(), raw.size()});
  REQUIRE(read.has_value());
  CHECK(read->length == 5);
  CHECK(read->lsn == 42);
  CHECK(read->synced == 64);
  CHECK(read->type == 9);
  CHECK((read->first && !read->last && read->in_file));
  for (std::size_t i = 0; i < raw.size(); ++i) {
    auto bad = raw;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    CHECK(!decode_record_header({bad.data(), bad.size()}).has_value());
  }
}

TEST_CASE("a tail torn at any byte loses only the unit it is in", "[journal]") {
  const auto segment = make_segment_id(0, 1);
  const auto image = image_of(segment, {{"a", "bb"}, {"ccc"}, {"dddd", "eeeee", std::string(100, 'f')}});
  const auto whole = scan(image, segment);
  REQUIRE(whole.payloads.size() == 6);
  const std::vector<std::size_t> ends = {kSegmentHeaderSize, kSegmentHeaderSize + 96, kSegmentHeaderSize + 144,
                                         image.size()};
  const std::vector<std::size_t> records = {0, 2, 3, 6};
  for (std::size_t cut = kSegmentHeaderSize; cut < image.size(); ++cut) {
    // What the file held before follows: zeros, or another segment's records.
    for (const bool recycled : {false, true}) {
      auto torn = image.substr(0, cut);
      if (recycled) torn += image_of(make_segment_id(0, 9), {{std::string(300, 'o')}, {"old"}}).substr(cut);
      torn.resize(4096);
      const auto seen = scan(torn, segment);
      std::size_t unit = 0;
      // The padding behind a payload is not covered: a unit is whole when its last payload is.
      while (unit + 1 < ends.size() && seen.end >= ends[unit + 1]) ++unit;
      CHECK(seen.damage.empty());
      CHECK(seen.payloads.size() == records[unit]);
      CHECK(seen.end == ends[unit]);
      CHECK(ends[unit] <= align_record(cut));
      if (unit + 1 < ends.size()) CHECK(cut < ends[unit + 1]);
    }
  }
}

TEST_CASE("damage at any byte of the middle is reported and what follows is read", "[journal]") {
  const auto segment = make_segment_id(0, 1);
  const auto image = image_of(segment, {{"first"}, {"second", "of two"}, {"third"}, {"fourth"}});
  const auto damaged_until = kSegmentHeaderSize + 48 + 96;
  for (std::size_t at = kSegmentHeaderSize + 48; at < damaged_until; ++at) {
    auto bad = image;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    const auto seen = scan(bad, segment);
    if (seen.payloads.size() == 5) {  // only padding was hit
      CHECK(seen.damage.empty());
      continue;
    }
    REQUIRE(seen.damage.size() == 1);
    CHECK(seen.damage[0].offset == kSegmentHeaderSize + 48);
    CHECK(seen.damage[0].length == 96);
    CHECK(seen.payloads == std::vector<std::string>{"first", "third", "fourth"});
    CHECK(seen.end == image.size());
  }
}

TEST_CASE("a segment that must be longer is damaged, not torn", "[journal]") {
  const auto segment = make_segment_id(0, 1);
  const auto image = image_of(segment, {{"first"}, {"second"}});
  const auto end = static_cast<std::uint32_t>(image.size());
  const auto seen = scan(image.substr(0, image.size() - 20), segment, end);
  CHECK(seen.payloads == std::vector<std::string>{"first"});
  REQUIRE(seen.damage.size() == 1);
  CHECK(seen.damage[0].offset + seen.damage[0].length == end);
  CHECK(scan(image, segment, kSegmentHeaderSize + 48).payloads == std::vector<std::string>{"first"});
}

TEST_CASE("the writer cuts a torn tail at every byte and goes on", "[journal]") {
  const TemporaryDirectory origin;
  {
    auto writer = open_writer(options_for(origin.path()));
    for (const char* text : {"one", "two", "three"}) REQUIRE(outcome(append(*writer, {text, "with a body"})) == "ok");
  }
  const auto path = newest_segment(origin.path());
  const auto bytes = read_file(path);
  const auto records_end = kSegmentHeaderSize + 3 * (48 + 56);
  for (std::size_t cut = kSegmentHeaderSize; cut <= records_end; cut += 7) {
    const TemporaryDirectory directory;
    write_file(directory.path() / path.filename(), bytes.substr(0, cut));
    Collector seen;
    {
      auto writer = open_writer(options_for(directory.path()), seen.handler());
      CHECK(writer->replay_report().damage.empty());
      CHECK(seen.payloads.size() % 2 == 0);
      CHECK(seen.payloads.size() >= 2 * ((cut - kSegmentHeaderSize) / 104));
      REQUIRE(outcome(append(*writer, {"four"})) == "ok");
    }
    const auto before = seen.payloads.size();
    seen.payloads.clear();
    open_writer(options_for(directory.path()), seen.handler());
    REQUIRE(seen.payloads.size() == before + 1);
    CHECK(seen.payloads.back() == "four");
  }
}

TEST_CASE("of a last unit with damage in it, the rest stays for whom it was acknowledged elsewhere", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.keeps_tail = true;
  auto written = append(*open_writer(options), {"one", "two", "three"}).value();
  const auto path = newest_segment(directory.path());
  auto bytes = read_file(path);
  bytes[written[0].offset + kRecordHeaderSize] ^= 1;
  write_file(path, bytes);
  for (const char* text : {"four", "five"}) {
    auto writer = open_writer(options);
    const Reader reader(directory.path());
    CHECK(reader.read(written[0]).error().code == ErrorCode::kDamaged);
    CHECK(reader.read(written[1]) == "two");
    CHECK(reader.read(written[2]) == "three");
    const auto more = append(*writer, {text}).value();
    CHECK(reader.read(more[0]) == text);
  }
  CHECK(std::filesystem::file_size(path) < 1000);  // nothing that was only set aside
}

TEST_CASE("damage in an older segment is reported, kept in quarantine and never overwritten", "[journal]") {
  const TemporaryDirectory directory;
  SegmentId damaged = 0;
  std::filesystem::path path;
  {
    auto writer = open_writer(options_for(directory.path()));
    for (int i = 0; i < 3; ++i) REQUIRE(append(*writer, {"record " + std::to_string(i)}));
    damaged = writer->segments().back();
    path = newest_segment(directory.path());
    writer->seal();
    REQUIRE(outcome(append(*writer, {"in the next segment"})) == "ok");
  }
  auto bytes = read_file(path);
  bytes[kSegmentHeaderSize + kRecordHeaderSize + 48 + 3] ^= 1;  // in the second record
  write_file(path, bytes);
  Collector seen;
  auto writer = open_writer(options_for(directory.path()), seen.handler());
  CHECK(seen.payloads == std::vector<std::string>{"record 0", "record 2", "in the next segment"});
  REQUIRE(writer->replay_report().damage.size() == 1);
  CHECK(writer->replay_report().damage[0].segment == damaged);
  writer->recycle(damaged);
  for (int i = 0; i < 5; ++i) {
    writer->seal();
    REQUIRE(outcome(append(*writer, {"more"})) == "ok");
  }
  CHECK(read_file(directory.path() / "quarantine" / path.filename()) == bytes);
}

TEST_CASE("a damaged segment header does not hide the records", "[journal]") {
  const TemporaryDirectory directory;
  {
    auto writer = open_writer(options_for(directory.path()));
    REQUIRE(outcome(append(*writer, {"precious"})) == "ok");
  }
  const auto path = newest_segment(directory.path());
  auto bytes = read_file(path);
  bytes[20] ^= 1;
  write_file(path, bytes);
  Collector seen;
  auto writer = open_writer(options_for(directory.path()), seen.handler());
  CHECK(seen.payloads == std::vector<std::string>{"precious"});
  CHECK(writer->replay_report().damage.size() == 1);
}

TEST_CASE("a wrong byte in a payload is found when it is read", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.large_payload = 1000;
  auto writer = open_writer(options);
  const auto locations = append(*writer, {"small one", std::string(2000, 'x')}).value();
  auto bytes = read_file(newest_segment(directory.path()));
  bytes[locations[0].offset + kRecordHeaderSize] ^= 1;
  write_file(newest_segment(directory.path()), bytes);
  for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "payload"))
    write_file(entry.path(), std::string(1999, 'x') + "y");
  const Reader reader(directory.path());
  for (const auto& location : locations) {
    const auto read = reader.read(location);
    REQUIRE(!read.has_value());
    CHECK(read.error().code == ErrorCode::kDamaged);
    if (location.file == 0) continue;
    const auto opened = PayloadFiles(directory.path()).open(location);
    REQUIRE(!opened.has_value());
    CHECK(opened.error().code == ErrorCode::kDamaged);
  }
}

TEST_CASE("a payload in a file is read in ranges, also when it has been removed", "[journal]") {
  const TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.large_payload = 1000;
  auto writer = open_writer(options);
  const auto payload = std::string(300'000, 'x') + "middle" + std::string(300'000, 'y');
  const auto location = append(*writer, {payload}).value()[0];
  PayloadFiles files(directory.path());
  const auto opened = files.open(location);
  REQUIRE(opened.has_value());
  CHECK(files.open(location).has_value());
  remove_payload_file(directory.path(), location.file);
  CHECK((*opened)->read(0, payload.size()).value() == payload);
  CHECK((*opened)->read(300'000, 6).value() == "middle");
  CHECK((*opened)->read(300'000, 1'000'000).value() == payload.substr(300'000));
  CHECK((*opened)->read(payload.size() + 1, 3).value().empty());
  const auto gone = files.open(location);
  REQUIRE(!gone.has_value());
  CHECK(gone.error().code == ErrorCode::kNotFound);
}
