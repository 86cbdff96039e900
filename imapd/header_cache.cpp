#include "imapd/header_cache.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace quartet::imapd {
namespace {

using Field = std::string_view mime::StoredHeaders::*;
constexpr std::array<Field, HeaderBatch::kFields> kKept{
    &mime::StoredHeaders::base_subject, &mime::StoredHeaders::from_mailbox, &mime::StoredHeaders::to_mailbox,
    &mime::StoredHeaders::cc_mailbox,   &mime::StoredHeaders::from_display, &mime::StoredHeaders::to_display,
    &mime::StoredHeaders::message_id,   &mime::StoredHeaders::in_reply_to,  &mime::StoredHeaders::references,
};

// A row, its place in the table and what the table needs for it, about.
constexpr std::size_t kRowOctets = 128;
constexpr std::size_t kLikelyOctets = 2 * kRowOctets;
// Of messages that are gone, rows stay until they are many.
constexpr std::size_t kSpareRows = 4096;

}  // namespace

void HeaderBatch::add(std::uint32_t uid, const mime::StoredHeaders& headers) {
  Row row{.uid = uid, .is_reply_or_forward = headers.is_reply_or_forward, .sent = headers.sent, .offset = text_.size()};
  for (std::size_t n = 0; n < kFields; ++n) {
    const auto value = headers.*kKept[n];
    text_ += value;
    row.sizes[n] = static_cast<std::uint32_t>(value.size());
  }
  rows_.push_back(row);
}

mime::StoredHeaders MailboxHeaders::headers_of(const Row& row) {
  mime::StoredHeaders headers;
  const char* text = row.text;
  for (std::size_t n = 0; n < HeaderBatch::kFields; ++n) {
    headers.*kKept[n] = std::string_view(text, row.sizes[n]);
    text += row.sizes[n];
  }
  headers.is_reply_or_forward = row.is_reply_or_forward;
  headers.sent = row.sent;
  return headers;
}

std::vector<std::size_t> MailboxHeaders::use(std::span<const std::uint32_t> uids, const Use& use) const {
  std::vector<std::size_t> missing;
  const std::shared_lock lock(mutex_);
  for (std::size_t place = 0; place < uids.size(); ++place) {
    const auto found = rows_.find(uids[place]);
    if (found == rows_.end())
      missing.push_back(place);
    else
      use(place, headers_of(found->second));
  }
  return missing;
}

std::size_t MailboxHeaders::add(HeaderBatch batch) {
  auto text = std::make_unique<char[]>(batch.text_.size() + 1);
  std::memcpy(text.get(), batch.text_.data(), batch.text_.size());
  const std::unique_lock lock(mutex_);
  std::size_t added = 0;
  for (const auto& row : batch.rows_)
    added += rows_.try_emplace(row.uid, text.get() + row.offset, row.sizes, row.is_reply_or_forward, row.sent).second
                 ? 1
                 : 0;
  if (added == 0) return 0;
  texts_.push_back(std::move(text));
  return batch.text_.size() + added * kRowOctets;
}

std::size_t MailboxHeaders::size() const {
  const std::shared_lock lock(mutex_);
  return rows_.size();
}

std::shared_ptr<MailboxHeaders> HeaderCache::of(const store::Snapshot& view) {
  const Key key{view.mailbox(), view.uidvalidity()};
  const std::lock_guard lock(mutex_);
  const auto known = by_key_.find(key);
  if (known != by_key_.end()) {
    if (known->second->headers->size() <= 2 * view.size() + kSpareRows) {
      slots_.splice(slots_.begin(), slots_, known->second);
      return slots_.front().headers;
    }
    drop(known->second);
  }
  auto headers = std::make_shared<MailboxHeaders>();
  if (view.size() * kLikelyOctets > most_octets_ / 2) return headers;
  slots_.push_front({key, headers, 0});
  by_key_.emplace(key, slots_.begin());
  return headers;
}

void HeaderCache::drop(Slots::iterator slot) {
  octets_ -= slot->octets;
  by_key_.erase(slot->key);
  slots_.erase(slot);
}

void HeaderCache::add(const std::shared_ptr<MailboxHeaders>& mailbox, HeaderBatch batch) {
  const std::lock_guard lock(mutex_);
  const auto slot = std::ranges::find(slots_, mailbox, &Slot::headers);
  if (slot == slots_.end()) return;  // it has gone meanwhile
  const auto more = mailbox->add(std::move(batch));
  slot->octets += more;
  octets_ += more;
  while (octets_ > most_octets_) drop(std::prev(slots_.end()));
}

std::size_t HeaderCache::octets() const {
  const std::lock_guard lock(mutex_);
  return octets_;
}

}  // namespace quartet::imapd
