#include "imapd/pop3_maildrop.h"

#include <fmt/format.h>

#include <utility>

namespace quartet::imapd {

async::Task<store::Result<Maildrop>> Maildrop::open(store::Store& store, std::string account) {
  const auto found = co_await store.find(std::move(account), "INBOX");
  if (!found) co_return std::unexpected(found.error());
  auto view = co_await store.snapshot(found->ref);
  if (!view) co_return std::unexpected(view.error());
  co_return Maildrop(store, *std::move(view));
}

std::string Maildrop::unique_id(std::uint32_t number) const {
  return fmt::format("{}.{}", view_->uidvalidity(), entry(number).uid);
}

async::Task<store::Result<store::Bytes>> Maildrop::read(std::uint32_t number, bool whole) {
  auto bytes = co_await store_->read(view_->mailbox(), entry(number).object);
  if (bytes && whole) note_reading(number);
  co_return bytes;
}

async::Task<store::Result<store::OpenMessage>> Maildrop::open(std::uint32_t number, bool whole) {
  auto opened = co_await store_->open(view_->mailbox(), entry(number).object);
  if (opened && whole) note_reading(number);
  co_return opened;
}

async::Task<store::Result<std::optional<mime::Part>>> Maildrop::structure(std::uint32_t number) {
  const auto& message = entry(number);
  const std::vector<store::ObjectId> objects{message.object};
  const auto cached = co_await store_->fetch_cached(view_->mailbox(), objects, store::cached::kParts);
  if (!cached) co_return std::unexpected(cached.error());
  const auto& item = cached->items()[0];
  if (!item.found) co_return std::unexpected(store::StoreError{store::ErrorCode::kNoMessage, ""});
  co_return mime::decode_parts(item.parts, message.size);
}

void Maildrop::note_reading(std::uint32_t number) {
  if ((entry(number).flags & store::flag::kSeen) == 0) seen_[number - 1] = true;
}

std::uint32_t Maildrop::left() const {
  std::uint32_t sum = 0;
  for (std::uint32_t number = 1; number <= count(); ++number) sum += has(number) ? 1 : 0;
  return sum;
}

std::uint64_t Maildrop::octets() const {
  std::uint64_t sum = 0;
  for (std::uint32_t number = 1; number <= count(); ++number) sum += has(number) ? size(number) : 0;
  return sum;
}

store::UidSet Maildrop::marked(const std::vector<bool>& marks) const {
  store::UidSet uids;
  for (std::uint32_t number = 1; number <= count(); ++number) {
    if (!marks[number - 1]) continue;
    const auto uid = entry(number).uid;
    if (!uids.empty() && uids.back().last + 1 == uid)
      uids.back().last = uid;
    else
      uids.push_back({uid, uid});
  }
  return uids;
}

async::Task<store::Result<void>> Maildrop::update() {
  store::FlagChange change;
  const auto read = marked(seen_);
  change.flags = store::flag::kSeen;
  if (!read.empty()) {
    // Whether it can be written or not, what the client wants deleted is of more weight.
    const auto stored = co_await store_->store_flags(view_->mailbox(), read, change);
    (void)stored;
  }
  const auto gone = marked(deleted_);
  if (gone.empty()) co_return store::Result<void>();
  change.flags = store::flag::kDeleted;
  const auto stored = co_await store_->store_flags(view_->mailbox(), gone, change);
  if (!stored) co_return std::unexpected(stored.error());
  const auto expunged = co_await store_->expunge(view_->mailbox(), gone);
  if (!expunged) co_return std::unexpected(expunged.error());
  co_return store::Result<void>();
}

}  // namespace quartet::imapd
