// What the spool knows of its messages in memory: small, and found by id, due time, recipient domain and sender.
// Not thread-safe. About 180 bytes for a message with one recipient, 60 and the address for each further one.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/journal/types.h"
#include "common/spool/codec.h"
#include "common/spool/query.h"
#include "common/spool/slots.h"

namespace quartet::spool {

/// Where a message's unit and body are in the journal.
struct Place {
  journal::Location body;
  std::uint32_t unit_bytes = 0;  // of the whole unit in the segment: what is dead when the message is
  friend bool operator==(const Place&, const Place&) = default;
};

class Index {
 public:
  struct MessageSlot {
    MessageId id;
    std::unique_ptr<char[]> cold;  // what is only needed when the message is looked at: packed (index_cold.cpp)
    std::int64_t received = 0;
    journal::SegmentId segment = 0;
    std::uint32_t body_offset = 0;
    std::uint32_t body_length = 0;
    std::uint32_t unit_bytes = 0;
    Slot sender = kNoSlot;
    Slot sender_next = kNoSlot, sender_previous = kNoSlot;  // messages of the same sender
    Slot first = kNoSlot;                                   // recipient
    std::uint32_t total = 0;                                // recipients as accepted
  };
  struct RecipientSlot {
    std::int64_t due = 0;
    Slot message = kNoSlot;
    std::uint32_t ordinal : 26 = 0;  // kMostRecipients
    State state : 2 = State::kQueued;
    bool delay_notified : 1 = false;
    bool bounce : 1 = false;        // fails when it is claimed next, with its reply
    bool hold_pending : 1 = false;  // becomes held when it is no longer active
    bool ordered : 1 = false;       // while active: came to be bounced or rerouted, and is due at once when it is back
    Slot next = kNoSlot;            // of the same message, by ordinal
    Slot domain = kNoSlot;
    Slot domain_next = kNoSlot, domain_previous = kNoSlot;  // recipients in the same domain
    Slot heap_place = kNoSlot;                              // kNoSlot: not waiting for its time
    Slot reply = kNoSlot;
    std::uint32_t cold_offset = 0;
    std::uint16_t code : 10 = 0;  // a reply has three digits
    std::uint8_t notify : 4 = 0;
    bool drop_pending : 1 = false;  // is gone when it is no longer active, or with the next start: see set_drop()
    bool was_held : 1 = false;      // while active: what it goes back to if no outcome comes
    std::uint16_t attempts = 0;
  };
  static_assert(sizeof(MessageSlot) == 72 && sizeof(RecipientSlot) == 48);  // there may be millions of them

  // --- Changing ---

  /// False if the id is known already; nothing is changed then.
  bool insert(const MessageView& message, const Place& place);
  /// Sets state, due time, attempts and reply. Active keeps the due time for the case that it comes back.
  void set_state(Slot recipient, State state, WallTime due);
  void set_reply(Slot recipient, const Reply& reply);
  /// Empty: none.
  void set_next_hop(Slot recipient, std::string_view next_hop);
  void set_drop(Slot recipient, bool drop);
  /// How many recipients are to be dropped.
  std::size_t drops() const { return drops_; }
  /// Takes a recipient out; the message with its last one, and then where it was is returned.
  std::optional<Place> remove(Slot recipient);
  void relocate(Slot message, const Place& place);
  /// Gives a message the envelope of the view, and those recipients of it that are behind all that it had. The view is
  /// not into the index.
  void revise(Slot message, const MessageView& view);

  // --- Finding ---

  Slot find(MessageId id) const;
  Slot find(const RecipientId& id) const;
  /// The recipient that is due first.
  Slot first_due() const { return heap_.empty() ? kNoSlot : heap_.front(); }

  MessageSlot& message(Slot slot) { return messages_[slot]; }
  const MessageSlot& message(Slot slot) const { return messages_[slot]; }
  RecipientSlot& recipient(Slot slot) { return recipients_[slot]; }
  const RecipientSlot& recipient(Slot slot) const { return recipients_[slot]; }
  RecipientId id_of(Slot recipient) const {
    return {messages_[recipients_[recipient].message].id, recipients_[recipient].ordinal};
  }

  // --- Reading ---

  Envelope envelope(Slot message) const;
  std::string address(Slot recipient) const;
  std::string orcpt(Slot recipient) const;
  Reply reply(Slot recipient) const;
  std::string next_hop(Slot recipient) const;
  std::string_view sender(Slot message) const { return senders_.text(messages_[message].sender); }
  std::string_view domain(Slot recipient) const { return domains_.text(recipients_[recipient].domain); }
  Place place(Slot message) const;
  Entry entry(Slot recipient) const;
  std::shared_ptr<const Message> metadata(Slot message) const;
  /// What a recipient is without its attempt: the state it has in the log while it is active here.
  static State resting_state(const RecipientSlot& recipient);
  /// The same with all that the log has of it; an update that changes nothing.
  Update present(Slot recipient) const;
  /// The whole message with its recipients' resting states (those from an ordinal on), as a record of its own.
  std::string encode(Slot message, std::uint32_t from = 0) const;

  const Counts& counts() const { return counts_; }
  /// How many recipients match a filter of domains alone (states may be named if they cover all that there are),
  /// without looking at each; nullopt for other filters.
  std::optional<std::uint64_t> quick_count(const Filter& filter) const;
  std::vector<DomainCount> domain_counts(std::size_t limit) const;

  // --- Walking (index_walk.cpp) ---

  /// The filter's ids are sorted.
  bool matches(const Filter& filter, Slot recipient) const;
  /// Recipients that may match, when the filter names something that leads to them without looking at everything;
  /// nullopt: walk in order. In order of id.
  std::optional<std::vector<Slot>> candidates(const Filter& filter) const;
  /// Recipients behind `after` in order of id, up to `count` of them.
  std::vector<Slot> walk(const std::optional<RecipientId>& after, std::size_t count) const;
  /// Messages behind `after` in order of id, up to `count` of them.
  std::vector<Slot> walk_messages(MessageId after, std::size_t count) const;

 private:
  friend struct ColdWriter;
  struct Cold;  // the packed part, taken apart

  /// At the same time by id, so that recipients of one message come one after another: they share a transaction.
  bool earlier(Slot a, Slot b) const {
    if (recipients_[a].due != recipients_[b].due) return recipients_[a].due < recipients_[b].due;
    return id_of(a) < id_of(b);
  }
  void heap_add(Slot recipient);
  void heap_remove(Slot recipient);
  void heap_up(std::size_t at);
  void heap_down(std::size_t at);
  void heap_put(std::size_t at, Slot recipient) {
    heap_[at] = recipient;
    recipients_[recipient].heap_place = static_cast<Slot>(at);
  }

  void add_recipient(Slot message, Slot slot, const RecipientView& view, std::uint32_t cold_offset);
  void link_domain(Slot recipient, std::string_view domain);
  void unlink_domain(Slot recipient);
  void link_sender(Slot message, std::string_view reverse_path);
  void unlink_sender(Slot message);
  void each_domain(std::string_view domain, const std::function<void(Slot)>& visitor) const;
  void add_domain_recipients(std::string_view domain, std::vector<Slot>& found) const;

  /// Packs the cold part and tells where each recipient's begins.
  std::unique_ptr<char[]> pack_cold(const MessageView& message, std::vector<std::uint32_t>& offsets);
  void release_cold(Slot message);
  Cold cold(Slot message) const;
  std::pair<std::string, std::string> cold_recipient(Slot recipient) const;

  OrderedSlots::Place lower_bound(MessageId id) const;

  Slab<MessageSlot> messages_;
  Slab<RecipientSlot> recipients_;
  OrderedSlots order_;                                         // messages by id
  std::vector<Slot> heap_;                                     // waiting recipients by due time
  TextPool senders_;                                           // reverse paths; list of messages
  TextPool domains_;                                           // as mime::ascii_domain() has them; list of recipients
  std::map<std::string, Slot, std::less<>> reversed_domains_;  // "org.x" for "x.org", so that subtrees are ranges
  TextPool texts_;                                             // replies, clients, login names
  std::unordered_map<Slot, Slot> next_hops_;                   // of recipients that an operator rerouted; of texts_
  std::unordered_map<Slot, std::uint64_t> files_;              // messages whose body is in a file
  Counts counts_;
  std::size_t drops_ = 0;
};

}  // namespace quartet::spool
