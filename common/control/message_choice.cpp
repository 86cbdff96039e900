#include "common/control/message_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "common/base/ascii.h"
#include "common/control/convert.h"

namespace quartet::control {
namespace {

constexpr std::int64_t kMicros = 1'000'000;

std::int64_t micros(const google::protobuf::Duration& duration) {
  return duration.seconds() * kMicros + duration.nanos() / 1000;
}

/// The bit of a flag in the mailbox; 0: no message there has it. nullopt: it is none. "Flagged" is one only where there
/// is such a keyword: else a shell has taken the backslash away, and "those without it" would be all messages.
std::optional<std::uint64_t> bit_of(const store::Snapshot& mailbox, const std::string& name) {
  constexpr std::pair<std::string_view, std::uint64_t> kSystem[] = {{"\\Seen", store::flag::kSeen},
                                                                    {"\\Answered", store::flag::kAnswered},
                                                                    {"\\Flagged", store::flag::kFlagged},
                                                                    {"\\Deleted", store::flag::kDeleted},
                                                                    {"\\Draft", store::flag::kDraft}};
  for (const auto& [flag, bit] : kSystem)
    if (ascii::iequals(flag, name)) return bit;
  if (name.empty() || name.starts_with('\\')) return std::nullopt;
  const auto& keywords = mailbox.keywords();
  const auto found = std::ranges::find_if(keywords, [&](const auto& keyword) { return ascii::iequals(keyword, name); });
  if (found == keywords.end()) {
    for (const auto& [flag, bit] : kSystem)
      if (ascii::iequals(flag.substr(1), name)) return std::nullopt;
    return 0;
  }
  return std::uint64_t{1} << (store::kFirstKeywordBit + (found - keywords.begin()));
}

struct Flags {
  std::uint64_t bits = 0;
  bool all_known = true;  // false: one of them is a keyword that no message has
};

std::expected<Flags, std::string> flags_of(const store::Snapshot& mailbox,
                                           const google::protobuf::RepeatedPtrField<std::string>& names) {
  Flags flags;
  for (const auto& name : names) {
    const auto bit = bit_of(mailbox, name);
    if (!bit && !name.starts_with('\\') && !name.empty())
      return std::unexpected(
          fmt::format("flag: \"{}\" is no flag; give '\\{}' with its backslash", utf8(name, 64), utf8(name, 64)));
    if (!bit) return std::unexpected(fmt::format("flag: \"{}\" is no flag", utf8(name, 64)));
    flags.bits |= *bit;
    flags.all_known &= *bit != 0;
  }
  return flags;
}

void add(Chosen& chosen, const store::Entry& entry) {
  if (!chosen.uids.empty() && chosen.uids.back().last + 1 == entry.uid)
    chosen.uids.back().last = entry.uid;
  else
    chosen.uids.push_back({entry.uid, entry.uid});
  ++chosen.messages;
  chosen.bytes += entry.size;
}

}  // namespace

bool is_empty(const v1::MessageSelector& selector) {
  return !selector.all() && !selector.has_older_than() && !selector.has_newer_than() && selector.flag().empty() &&
         selector.no_flag().empty() && selector.larger_than() == 0 && selector.uid().empty();
}

std::expected<Chosen, std::string> choose(const store::Snapshot& mailbox, const v1::MessageSelector& selector,
                                          WallTime now) {
  const auto with = flags_of(mailbox, selector.flag());
  if (!with) return std::unexpected(with.error());
  const auto without = flags_of(mailbox, selector.no_flag());
  if (!without) return std::unexpected("no_" + without.error());
  const auto before = to_micros(now) - micros(selector.older_than());
  const auto after = to_micros(now) - micros(selector.newer_than());
  std::vector<std::uint32_t> uids(selector.uid().begin(), selector.uid().end());
  std::ranges::sort(uids);
  Chosen chosen;
  if (!with->all_known) return chosen;
  for (const auto& block : mailbox.blocks()) {
    for (const auto& entry : *block) {
      const bool wanted = (entry.flags & with->bits) == with->bits && (entry.flags & without->bits) == 0 &&
                          entry.size >= selector.larger_than() + (selector.larger_than() != 0 ? 1 : 0) &&
                          (!selector.has_older_than() || entry.internaldate <= before) &&
                          (!selector.has_newer_than() || entry.internaldate > after) &&
                          (uids.empty() || std::ranges::binary_search(uids, entry.uid));
      if (wanted) add(chosen, entry);
    }
  }
  return chosen;
}

grpc::Status status_of(const store::StoreError& error) {
  using grpc::StatusCode;
  using store::ErrorCode;
  auto text = std::string(store::to_string(error.code));
  if (!error.detail.empty()) text += ": " + utf8(error.detail, 512);
  switch (error.code) {
    case ErrorCode::kNoMailbox:
    case ErrorCode::kNoSelect:
    case ErrorCode::kNoMessage:
      return {StatusCode::NOT_FOUND, text};
    case ErrorCode::kExists:
      return {StatusCode::ALREADY_EXISTS, text};
    case ErrorCode::kInvalidName:
      return {StatusCode::INVALID_ARGUMENT, text};
    case ErrorCode::kHasChildren:
    case ErrorCode::kCannot:
    case ErrorCode::kOverQuota:
    case ErrorCode::kTooManyKeywords:
    case ErrorCode::kTooLarge:
      return {StatusCode::FAILED_PRECONDITION, text};
    case ErrorCode::kUnsupported:
      return {StatusCode::UNIMPLEMENTED, text};
    case ErrorCode::kCorrupt:
      return {StatusCode::DATA_LOSS, text};
    case ErrorCode::kIo:
      return {StatusCode::RESOURCE_EXHAUSTED, text};
    case ErrorCode::kBusy:
    case ErrorCode::kClosed:
    case ErrorCode::kMoving:
    case ErrorCode::kMoved:
      break;
  }
  return {StatusCode::UNAVAILABLE, text};
}

}  // namespace quartet::control
