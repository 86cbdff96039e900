#include "common/log/message_events.h"

#include <algorithm>
#include <set>
#include <utility>

namespace quartet::log {
namespace {

constexpr std::size_t kCapacity = 100'000;
constexpr std::size_t kLongestText = 255;
enum Place : std::size_t { kTrace, kMessage, kHeader, kSender, kRecipient, kPeer, kHost, kTls, kStatus, kReply };

/// RFC 5322 section 3.6.4: people leave the brackets out.
std::string_view without_brackets(std::string_view id) {
  if (id.size() >= 2 && id.front() == '<' && id.back() == '>') return id.substr(1, id.size() - 2);
  return id;
}

}  // namespace

MessageEvents::MessageEvents(std::size_t capacity) : slots_(std::max<std::size_t>(capacity, 1)) {}

void MessageEvents::record(const MessageEvent& event) {
  const std::array<std::string_view, kTexts> texts = {event.trace,  event.message,   without_brackets(event.header_id),
                                                      event.sender, event.recipient, event.peer,
                                                      event.host,   event.tls,       event.status,
                                                      event.reply};
  const auto index = static_cast<std::size_t>(next_.fetch_add(1, std::memory_order_relaxed) % slots_.size());
  const std::lock_guard lock(locks_[index % kLocks]);
  auto& slot = slots_[index];
  slot.time = event.time;
  slot.code = event.code;
  slot.step = event.step;
  slot.texts.clear();
  for (std::size_t i = 0; i < kTexts; ++i) {
    const auto text = texts[i].substr(0, kLongestText);
    slot.lengths[i] = static_cast<std::uint8_t>(text.size());
    slot.texts += text;
  }
}

std::array<std::string_view, MessageEvents::kTexts> MessageEvents::texts_of(const Slot& slot) {
  std::array<std::string_view, kTexts> out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < kTexts; ++i) {
    out[i] = std::string_view(slot.texts).substr(at, slot.lengths[i]);
    at += slot.lengths[i];
  }
  return out;
}

template <typename F>
void MessageEvents::for_each(F function) const {
  const auto used = std::min<std::uint64_t>(next_.load(std::memory_order_relaxed), slots_.size());
  for (std::size_t i = 0; i < used; ++i) {
    const std::lock_guard lock(locks_[i % kLocks]);
    // A slot that was counted but is not written yet.
    if (!slots_[i].texts.empty()) function(slots_[i], texts_of(slots_[i]));
  }
}

std::vector<FoundMessageEvent> MessageEvents::find(std::string_view name, unsigned kinds) const {
  std::vector<FoundMessageEvent> found;
  const auto header = without_brackets(name).substr(0, kLongestText);
  if (header.empty()) return found;
  const auto named = [&](const auto& texts) {
    return ((kinds & kTraceId) != 0 && texts[kTrace] == name) || ((kinds & kQueueId) != 0 && texts[kMessage] == name) ||
           ((kinds & kHeaderId) != 0 && texts[kHeader] == header);
  };
  std::set<std::string, std::less<>> traces;
  for_each([&](const Slot&, const auto& texts) {
    if (named(texts)) traces.emplace(texts[kTrace]);
  });
  if (traces.empty()) return found;
  // Messages without a trace id have nothing in common.
  const bool untraced = traces.erase("") != 0;
  for_each([&](const Slot& slot, const auto& texts) {
    if (!traces.contains(texts[kTrace]) && !(untraced && texts[kTrace].empty() && named(texts))) return;
    const auto text = [&](Place place) { return std::string(texts[place]); };
    found.push_back({slot.step, slot.time, slot.code, text(kTrace), text(kMessage), text(kHeader), text(kSender),
                     text(kRecipient), text(kPeer), text(kHost), text(kTls), text(kStatus), text(kReply)});
  });
  std::ranges::sort(found, {}, [](const auto& event) { return std::pair(event.time, event.step); });
  return found;
}

MessageEvents& message_events() {
  static MessageEvents events(kCapacity);
  return events;
}

}  // namespace quartet::log
