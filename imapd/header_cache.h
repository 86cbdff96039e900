// What SORT and THREAD look at in headers, kept in memory and shared by all sessions: without it each of them reads and
// decodes what the store keeps of every header anew.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/mime/digest.h"
#include "common/store/snapshot.h"

namespace quartet::imapd {

/// Headers on their way into the cache.
class HeaderBatch {
 public:
  static constexpr std::size_t kFields = 9;

  /// Copies what the cache keeps of them.
  void add(std::uint32_t uid, const mime::StoredHeaders& headers);

 private:
  friend class MailboxHeaders;
  struct Row {
    std::uint32_t uid = 0;
    bool is_reply_or_forward = false;
    std::optional<mime::Date> sent;
    std::size_t offset = 0;  // in the text, of the first field
    std::array<std::uint32_t, kFields> sizes{};
  };
  std::string text_;
  std::vector<Row> rows_;
};

/// Those of one mailbox. Any thread.
class MailboxHeaders {
 public:
  /// Called with the place of a UID among those asked for. Only what SORT and THREAD look at is there: the base subject
  /// and whether it had something taken off, the date, mailboxes and display names, and the identifiers of messages.
  using Use = std::function<void(std::size_t place, const mime::StoredHeaders& headers)>;

  /// The places of the UIDs that are not known.
  std::vector<std::size_t> use(std::span<const std::uint32_t> uids, const Use& use) const;
  /// How many octets more are kept now.
  std::size_t add(HeaderBatch batch);
  std::size_t size() const;

 private:
  struct Row {
    const char* text = nullptr;
    std::array<std::uint32_t, HeaderBatch::kFields> sizes{};
    bool is_reply_or_forward = false;
    std::optional<mime::Date> sent;
  };
  static mime::StoredHeaders headers_of(const Row& row);

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::uint32_t, Row> rows_;  // by UID
  std::vector<std::unique_ptr<char[]>> texts_;
};

/// Bounded: the mailbox that was not asked for the longest goes first. Any thread.
class HeaderCache {
 public:
  explicit HeaderCache(std::size_t most_octets) : most_octets_(most_octets) {}

  /// Never null; empty for a mailbox that is new here. What is added to one that would take half of all room is lost.
  std::shared_ptr<MailboxHeaders> of(const store::Snapshot& view);
  void add(const std::shared_ptr<MailboxHeaders>& mailbox, HeaderBatch batch);
  /// What is kept, in octets.
  std::size_t octets() const;

 private:
  using Key = std::pair<store::MailboxRef, std::uint32_t>;  // with UIDVALIDITY: a UID means one message for ever
  struct Slot {
    Key key;
    std::shared_ptr<MailboxHeaders> headers;
    std::size_t octets = 0;
  };
  using Slots = std::list<Slot>;

  void drop(Slots::iterator slot);

  const std::size_t most_octets_;
  mutable std::mutex mutex_;  // guards what follows
  Slots slots_;               // the one asked for last is first
  std::map<Key, Slots::iterator> by_key_;
  std::size_t octets_ = 0;
};

}  // namespace quartet::imapd
