// Records of the spool: any bytes are decoded or refused; what was decoded is encoded to the same again, by the codec
// and through the index; any sequence of records replays to an index and a count of live bytes that agree.
//
// Input: records of a type (one byte), a length (two bytes) and their payload.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/spool/replay.h"

using namespace quartet;
using namespace quartet::spool;

namespace {

void round_trip_message(std::string_view bytes) {
  const auto message = decode_message(bytes);
  if (!message) return;
  const auto encoded = encode_message(*message);
  const auto again = decode_message(encoded);
  QUARTET_CHECK(again && encode_message(*again) == encoded);
  Index index;
  if (!index.insert(*again, {{1, 64, 5, 0}, 200})) {
    QUARTET_CHECK(again->recipients.empty());
    return;
  }
  const auto slot = index.find(again->id);
  QUARTET_CHECK(index.encode(slot) == encoded);
  QUARTET_CHECK(index.counts().total_recipients() == again->recipients.size());
  for (const auto& recipient : again->recipients) {
    const auto found = index.find(RecipientId{again->id, recipient.ordinal});
    QUARTET_CHECK(found != kNoSlot && index.address(found) == recipient.address);
    index.remove(found);
  }
  QUARTET_CHECK(index.counts().messages == 0 && index.counts().body_bytes == 0 && index.first_due() == kNoSlot);
}

void round_trip_updates(std::string_view bytes) {
  const auto updates = decode_updates(bytes);
  if (!updates) return;
  const auto encoded = encode_updates(*updates);
  const auto again = decode_updates(encoded);
  QUARTET_CHECK(again && encode_updates(*again) == encoded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view in(reinterpret_cast<const char*>(data), size);
  Index index;
  journal::Liveness live;
  Replay replay(index, live);
  Replay::Result result;
  std::uint32_t offset = 64;
  bool first = true;
  while (const auto head = take_le<std::uint8_t>(in)) {
    const auto length = take_le<std::uint16_t>(in).value_or(0);
    const auto payload = in.substr(0, length);
    in.remove_prefix(payload.size());
    journal::RecordView record;
    record.type = *head & 0x0f;
    record.location = {1, offset, static_cast<std::uint32_t>(payload.size()), 0};
    record.payload = payload;
    record.first = first;
    record.last = first = record.type != static_cast<std::uint8_t>(RecordType::kMessage);
    offset += record.location.footprint();
    replay.feed(record, (*head & 0x80) != 0 ? Replay::Source::kOther : Replay::Source::kOwn, result);
    const auto type = static_cast<RecordType>(record.type);
    if (type == RecordType::kMessage || type == RecordType::kEnvelope) round_trip_message(payload);
    if (type == RecordType::kUpdates) round_trip_updates(payload);
  }
  std::uint64_t expected = 0, recipients = 0;
  for (const auto slot : index.walk_messages({}, size + 1)) expected += index.place(slot).unit_bytes;
  for (const auto slot : index.walk(std::nullopt, size + 1)) {
    ++recipients;
    (void)index.entry(slot);
  }
  QUARTET_CHECK(live.total_live_bytes() == expected);
  QUARTET_CHECK(index.counts().total_recipients() == recipients);
  return 0;
}
