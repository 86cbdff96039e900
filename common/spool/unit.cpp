#include "common/spool/unit.h"

#include <algorithm>

#include "common/base/check.h"

namespace quartet::spool {
namespace {

/// Larger bodies in several pieces are written as they are and read back if needed.
constexpr std::size_t kJoinLimit = 1u << 20;

MessageUnit make_unit(const MessageView& view, std::vector<std::string> pieces) {
  MessageUnit unit;
  unit.id = view.id;
  unit.envelope = std::make_shared<const std::string>(encode_message(view));
  unit.records.resize(2);
  unit.records[0].type = static_cast<std::uint8_t>(RecordType::kMessage);
  unit.records[0].pieces.emplace_back(unit.envelope);
  unit.records[0].in_segment = true;
  auto& body = unit.records[1];
  body.type = static_cast<std::uint8_t>(RecordType::kBody);
  std::size_t size = 0;
  for (const auto& piece : pieces) size += piece.size();
  if (pieces.size() == 1) {
    unit.body = std::make_shared<const std::string>(std::move(pieces.front()));
  } else if (size <= kJoinLimit) {
    std::string joined;
    joined.reserve(size);
    for (const auto& piece : pieces) joined += piece;
    unit.body = std::make_shared<const std::string>(std::move(joined));
  }
  if (unit.body) {
    body.pieces.emplace_back(unit.body);
  } else {
    for (auto& piece : pieces) body.pieces.emplace_back(std::move(piece));
  }
  return unit;
}

}  // namespace

void complete(NewMessage& message) {
  QUARTET_CHECK(!message.recipients.empty());
  const auto now = wall_now();
  if (!message.id) message.id = MessageId::make();
  if (message.envelope.received == WallTime{}) message.envelope.received = now;
  message.due = std::max(message.due, now);
}

MessageUnit make_unit(NewMessage message) {
  auto body = std::move(message.body);
  return make_unit(view_of(message), std::move(body));
}

MessageUnit make_unit(RestoredMessage message) {
  auto body = std::move(message.body);
  return make_unit(view_of(message), std::move(body));
}

Place place_of(const journal::Location& message, const journal::Location& body) {
  return {body, message.footprint() + body.footprint()};
}

SpoolError to_error(const journal::Error& error) {
  switch (error.code) {
    case journal::ErrorCode::kNoSpace:
      return {ErrorCode::kNoSpace, error.detail};
    case journal::ErrorCode::kReadOnly:
      return {ErrorCode::kReadOnly, error.detail};
    case journal::ErrorCode::kLocked:
      return {ErrorCode::kInUse, error.detail};
    case journal::ErrorCode::kTooLarge:
      return {ErrorCode::kTooLarge, error.detail};
    case journal::ErrorCode::kDamaged:
      return {ErrorCode::kDamaged, error.detail};
    case journal::ErrorCode::kNotFound:
      return {ErrorCode::kNotFound, error.detail};
    case journal::ErrorCode::kClosed:
      return {ErrorCode::kClosed, error.detail};
    case journal::ErrorCode::kIo:
      break;
  }
  return {ErrorCode::kIo, error.detail};
}

}  // namespace quartet::spool
