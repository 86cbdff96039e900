// The maildrop of a POP3 session (RFC 1939 section 4): the messages of INBOX as they were at its beginning, and what
// the client wants done with them at its end. Clients of IMAP go on with the mailbox meanwhile.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/mime/structure.h"
#include "common/store/store.h"

namespace quartet::imapd {

class Maildrop {
 public:
  /// `store` outlives it.
  static async::Task<store::Result<Maildrop>> open(store::Store& store, std::string account);

  /// Of the numbers that messages have, 1 to count(), those that are not deleted.
  bool has(std::uint32_t number) const { return number >= 1 && number <= count() && !deleted_[number - 1]; }
  std::uint32_t count() const { return static_cast<std::uint32_t>(view_->size()); }
  /// Of a message that there is, as the next three.
  std::uint32_t size(std::uint32_t number) const { return entry(number).size; }
  /// The same in every session, as long as the message is in the mailbox (RFC 1939 section 7, UIDL).
  std::string unique_id(std::uint32_t number) const;
  /// The bytes; RETR counts as reading.
  async::Task<store::Result<store::Bytes>> read(std::uint32_t number, bool whole);
  /// The same for a message that is not to be in memory.
  async::Task<store::Result<store::OpenMessage>> open(std::uint32_t number, bool whole);
  /// Where its parts are; nullopt if that is not known.
  async::Task<store::Result<std::optional<mime::Part>>> structure(std::uint32_t number);
  void remove(std::uint32_t number) { deleted_[number - 1] = true; }

  /// Messages that are not deleted, and their octets.
  std::uint32_t left() const;
  std::uint64_t octets() const;

  /// RSET: nothing is deleted.
  void reset() { deleted_.assign(view_->size(), false); }
  /// The UPDATE state: \Seen for what was read, and what was deleted is expunged. After an error some may still be
  /// there.
  async::Task<store::Result<void>> update();

 private:
  Maildrop(store::Store& store, store::SnapshotPtr view)
      : store_(&store), view_(std::move(view)), deleted_(view_->size()), seen_(view_->size()) {}
  const store::Entry& entry(std::uint32_t number) const { return (*view_)[number - 1]; }
  store::UidSet marked(const std::vector<bool>& marks) const;
  void note_reading(std::uint32_t number);

  store::Store* store_;
  store::SnapshotPtr view_;
  std::vector<bool> deleted_;
  std::vector<bool> seen_;  // by this session
};

}  // namespace quartet::imapd
