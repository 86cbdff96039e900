// The last things that happened to messages in this process, for those who ask about one of them afterwards. Bounded:
// the newest event takes the place of the oldest. A record costs a copy of its texts and an uncontended lock, never a
// look-up; whoever asks pays for the search.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"

namespace quartet::log {

enum class MessageStep : std::uint8_t {
  kAccepted,   // durable here; 250 follows
  kDelivered,  // the next hop has it
  kDeferred,
  kBounced,
  kExpired,
  kStored,     // in its mailbox
  kForwarded,  // sent on from a mailbox's address
  kRefused,    // an mda did not take it for a recipient
};

/// Texts are views for the call, and std::string in what is found.
template <typename Text>
struct BasicMessageEvent {
  MessageStep step = MessageStep::kAccepted;
  WallTime time{};
  std::uint16_t code = 0;  // of the reply; 0: none
  Text trace{};            // the same at all agents of a chain
  Text message{};          // id at this agent
  Text header_id{};        // Message-ID, with or without its brackets; empty: not known at this step
  Text sender{};
  Text recipient{};
  Text peer{};    // the client that brought it
  Text host{};    // the next hop that answered
  Text tls{};     // of that session
  Text status{};  // enhanced status code
  Text reply{};
};
using MessageEvent = BasicMessageEvent<std::string_view>;
using FoundMessageEvent = BasicMessageEvent<std::string>;

/// By which of its names a message is asked for.
enum MessageName : unsigned { kTraceId = 1, kQueueId = 2, kHeaderId = 4, kAnyName = 7 };

/// Any thread.
class MessageEvents {
 public:
  /// At most `capacity` events (at least 1). Each holds up to 600 octets as a rule (64 octets and its texts), and at
  /// most 2.6 KB: texts are cut at 255 octets.
  explicit MessageEvents(std::size_t capacity);

  void record(const MessageEvent& event);

  /// All that is still known of the messages with this name, in order of time: every event with their trace ids.
  std::vector<FoundMessageEvent> find(std::string_view name, unsigned kinds = kAnyName) const;

 private:
  static constexpr std::size_t kTexts = 10;
  static constexpr std::size_t kLocks = 64;
  struct Slot {
    WallTime time{};
    std::uint16_t code = 0;
    MessageStep step = MessageStep::kAccepted;
    std::array<std::uint8_t, kTexts> lengths{};
    std::string texts;  // one after the other; its memory is used again
  };
  static std::array<std::string_view, kTexts> texts_of(const Slot& slot);
  template <typename F>
  void for_each(F function) const;

  std::vector<Slot> slots_;
  std::atomic<std::uint64_t> next_ = 0;
  mutable std::array<std::mutex, kLocks> locks_;  // neighbours have different ones: writers do not meet
};

/// Those of this process: the last 100,000, about 40 MB when full.
MessageEvents& message_events();

}  // namespace quartet::log
