// Any image of a segment is read to its end; what was written whole comes out, a torn tail is never called damage.
//
// First byte 0: the rest is an image as it is. Otherwise the rest says which units to write and what happens to the
// image then: pairs of (number of records, payload length), a zero, and then a cut and bytes to overwrite.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/journal/record.h"

using namespace quartet::journal;

namespace {

constexpr SegmentId kSegment = 7;
constexpr std::uint32_t kBase = kSegmentHeaderSize;

struct Seen {
  std::vector<std::string> payloads;
  std::size_t damages = 0;
  std::uint32_t end = 0;
};

Seen scan(std::string_view image, std::optional<std::uint32_t> end) {
  Seen seen;
  UnitScanner scanner(image, kSegment, kBase, end);
  for (std::uint32_t position = kBase;; position = scanner.end()) {
    const auto step = scanner.next();
    QUARTET_CHECK(scanner.end() >= position);
    if (step == UnitScanner::Step::kEnd) break;
    QUARTET_CHECK(scanner.end() > position && scanner.end() <= kBase + align_record(image.size()));
    if (step == UnitScanner::Step::kDamage) {
      ++seen.damages;
      continue;
    }
    QUARTET_CHECK(!scanner.unit().empty() && scanner.unit().front().first && scanner.unit().back().last);
    for (const auto& record : scanner.unit()) {
      QUARTET_CHECK(record.payload.empty() ||
                    (record.payload.data() >= image.data() &&
                     record.payload.data() + record.payload.size() <= image.data() + image.size()));
      seen.payloads.emplace_back(record.payload);
    }
  }
  seen.end = scanner.end();
  return seen;
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint8_t byte() { return at_ < size_ ? data_[at_++] : std::uint8_t{0}; }
  std::size_t place(std::size_t limit) {
    const auto low = byte();
    return limit == 0 ? 0 : static_cast<std::size_t>(byte() << 8 | low) % limit;
  }
  bool empty() const { return at_ >= size_; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

struct Written {
  std::string image;
  std::vector<std::string> payloads;
  std::vector<std::size_t> unit_ends;       // in the image
  std::vector<std::size_t> payload_counts;  // up to the end of each unit
};

Written write(Input& in) {
  Written out;
  std::uint64_t lsn = 1;
  for (unsigned records = in.byte() % 8; records != 0; records = in.byte() % 8) {
    const auto length = in.byte() * 3u;
    const auto synced = static_cast<std::uint32_t>(kBase + out.image.size());
    for (unsigned i = 0; i < records; ++i) {
      const std::string payload(length + i, static_cast<char>('a' + lsn % 26));
      RecordHeader header;
      header.length = static_cast<std::uint32_t>(payload.size());
      header.payload_crc = quartet::crc32c(payload);
      header.segment = kSegment;
      header.lsn = lsn++;
      header.offset = static_cast<std::uint32_t>(kBase + out.image.size());
      header.synced = synced;
      header.type = 1;
      header.first = i == 0;
      header.last = i + 1 == records;
      const auto encoded = encode(header);
      out.image.append(encoded.data(), encoded.size()).append(payload);
      out.image.resize(align_record(out.image.size()));
      out.payloads.push_back(payload);
    }
    out.unit_ends.push_back(out.image.size());
    out.payload_counts.push_back(out.payloads.size());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  if (data[0] == 0) {
    const std::string_view image(reinterpret_cast<const char*>(data + 1), size - 1);
    (void)decode_segment_header(image);
    (void)decode_payload_reference(image);
    scan(image, std::nullopt);
    scan(image, static_cast<std::uint32_t>(kBase + image.size() / 2));
    return 0;
  }
  Input in(data + 1, size - 1);
  auto written = write(in);
  const auto whole = scan(written.image, std::nullopt);
  QUARTET_CHECK(whole.payloads == written.payloads && whole.damages == 0);
  QUARTET_CHECK(whole.end == kBase + written.image.size());

  // A cut, in the last unit or before it: of what was not acknowledged nothing is missed.
  const auto cut = in.place(written.image.size() + 1);
  const auto torn = scan(std::string_view(written.image).substr(0, cut), std::nullopt);
  std::size_t units = 0, least = 0;
  for (; units < written.unit_ends.size() && written.unit_ends[units] <= cut; ++units)
    least = written.payload_counts[units];
  QUARTET_CHECK(torn.damages == 0 && torn.payloads.size() >= least);
  for (std::size_t i = 0; i < torn.payloads.size(); ++i) QUARTET_CHECK(torn.payloads[i] == written.payloads[i]);

  // Overwritten bytes: what still comes out was written so.
  auto hurt = written.image;
  while (!in.empty() && !hurt.empty()) hurt[in.place(hurt.size())] = static_cast<char>(in.byte());
  for (const auto end :
       {std::optional<std::uint32_t>(), std::optional(static_cast<std::uint32_t>(kBase + hurt.size()))}) {
    std::size_t next = 0;
    for (const auto& payload : scan(hurt, end).payloads) {
      while (next < written.payloads.size() && written.payloads[next] != payload) ++next;
      QUARTET_CHECK(next < written.payloads.size());
      ++next;
    }
  }
  return 0;
}
