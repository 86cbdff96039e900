#include "imapd/selected.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "imapd/flags.h"
#include "imapd/list_line.h"
#include "imapd/proto/sequence_set.h"
#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

constexpr std::uint64_t kAllSystemFlags = store::flag::kSystem;

std::uint64_t all_flags(const store::Snapshot& view) {
  const auto keywords = (std::uint64_t{1} << view.keywords().size()) - 1;
  return kAllSystemFlags | keywords << store::kFirstKeywordBit;
}

/// Keywords come at the end of the list; one that no message had any more may have given its place to another.
bool is_beginning(const std::vector<std::string>& older, const std::vector<std::string>& names) {
  return older.size() <= names.size() && std::equal(older.begin(), older.end(), names.begin());
}

/// Position of the first message that is not \Seen; size() if all are.
std::size_t first_unseen(const store::Snapshot& view) {
  for (std::size_t n = 0; n < view.blocks().size(); ++n) {
    const auto& block = *view.blocks()[n];
    const auto found =
        std::ranges::find_if(block, [](const store::Entry& e) { return (e.flags & store::flag::kSeen) == 0; });
    if (found != block.end()) return view.block_start(n) + static_cast<std::size_t>(found - block.begin());
  }
  return view.size();
}

bool was_told(const std::vector<store::FlagState>& told, const store::Entry& entry) {
  const auto found = std::ranges::lower_bound(told, entry.uid, {}, &store::FlagState::uid);
  return found != told.end() && found->uid == entry.uid && found->modseq == entry.modseq;
}

}  // namespace

Selected::Selected(store::Store& store, const Enabled& enabled, store::Located mailbox, bool read_only)
    : store_(store),
      enabled_(enabled),
      info_(std::move(mailbox.info)),
      own_(mailbox.place.kind == store::Place::Kind::kOwn),
      all_rights_(mailbox.place.all_rights),
      rights_(mailbox.rights),
      read_only_(read_only || !rights_.has_any("iswte")) {}

async::Task<store::Result<void>> Selected::open() {
  watcher_ = store_.watch(info_.ref);
  auto view = co_await store_.snapshot(info_.ref);
  if (!view) co_return std::unexpected(std::move(view.error()));
  view_ = *std::move(view);
  if (!all_rights_) note_all_keywords();
  // Of messages that the view does not show yet, the client hears when it does.
  if (claims_recent() && view_->head().recent > 0) co_await claim_recent();
  if (read_only_ && own_) {
    // RFC 3501 section 6.3.2: EXAMINE shows \Recent and takes it from nobody. They are the newest messages.
    const auto status = co_await store_.status(info_.ref);
    const std::size_t recent = status ? std::min<std::size_t>(status->recent, view_->size()) : 0;
    if (recent > 0) recent_.push_back({(*view_)[view_->size() - recent].uid, (*view_)[view_->size() - 1].uid});
  }
  co_return store::Result<void>();
}

async::Task<void> Selected::claim_recent() {
  const auto claimed = co_await store_.claim_recent(info_.ref);
  // \Recent is a hint for people: without it the session goes on.
  if (claimed) add_recent(*claimed);
}

void Selected::add_recent(store::RecentRange claimed) {
  if (claimed.first <= claimed.last) recent_.push_back({claimed.first, claimed.last});
}

bool Selected::is_recent(std::uint32_t uid) const {
  if (enabled_.rev2) return false;
  return std::ranges::any_of(recent_, [uid](const store::UidRange& r) { return r.first <= uid && uid <= r.last; });
}

std::size_t Selected::recent_count() const {
  std::size_t count = 0;
  for (const auto& range : recent_) {
    const auto end = range.last == store::kMaxUid ? view_->size() : view_->lower_bound(range.last + 1);
    count += end - view_->lower_bound(range.first);
  }
  return count;
}

void Selected::note_all_keywords() {
  seen_keywords_ = 0;
  for (const auto& block : view_->blocks())
    for (const auto& entry : *block) seen_keywords_ |= entry.flags;
}

/// An account has one list of keywords for all its mailboxes: others learn of those they come across, and not what the
/// owner calls the messages that they may not see.
std::uint64_t Selected::listed_flags() const {
  const auto all = all_flags(*view_);
  return all_rights_ ? all : all & (kAllSystemFlags | seen_keywords_);
}

void Selected::append_keywords(std::string& out) const {
  out += "* FLAGS (";
  append_flags(out, listed_flags(), view_->keywords(), false);
  out += ")\r\n* OK [PERMANENTFLAGS (";
  if (!read_only_) {
    append_flags(out, listed_flags() & store::changeable_flags(rights_), view_->keywords(), false);
    if (rights_.has("w")) out += " \\*";
  }
  out += read_only_ ? ")] No flag can be changed\r\n" : ")] Flags that stay\r\n";
}

void Selected::append_exists(std::string& out) const {
  const auto into = std::back_inserter(out);
  fmt::format_to(into, "* {} EXISTS\r\n", view_->size());
  if (!enabled_.rev2) fmt::format_to(into, "* {} RECENT\r\n", recent_count());
}

void Selected::append_opening(std::string_view name, std::string& out) const {
  append_keywords(out);
  append_exists(out);
  const auto into = std::back_inserter(out);
  const auto unseen = enabled_.rev2 || enabled_.uidonly ? view_->size() : first_unseen(*view_);
  if (unseen < view_->size()) fmt::format_to(into, "* OK [UNSEEN {}] The first unseen message\r\n", unseen + 1);
  fmt::format_to(into, "* OK [UIDVALIDITY {}] UIDs are valid\r\n", view_->uidvalidity());
  fmt::format_to(into, "* OK [UIDNEXT {}] The next UID\r\n", view_->uidnext());
  fmt::format_to(into, "* OK [HIGHESTMODSEQ {}] Mod-sequences are kept\r\n", view_->highest_modseq());
  fmt::format_to(into, "* OK [MAILBOXID ({})] Its identifier\r\n", info_.id);
  if (!enabled_.rev2) return;
  // RFC 9051 section 6.3.2: the name as the server writes it, and that of the client if it is another.
  out += "* LIST (";
  out += info_.special_use;
  out += ") \"/\" ";
  append_mailbox_name(out, info_.name, enabled_.utf8);
  if (name != info_.name) out.append(" ").append(old_name_item(name, enabled_.utf8));
  out += "\r\n";
}

async::Task<store::Result<void>> Selected::refresh(Refresh how, std::string& out) {
  const bool owed = held_back_ && how.expunges == Expunges::kTold;
  if (!how.always && !stale_ && !owed && !watcher_->event().is_set()) co_return store::Result<void>();
  const auto older = view_;
  auto newer = std::move(how.view);
  // What is known already may be older than what a hint told of: then that has still to be looked at.
  if (newer == nullptr || newer->highest_modseq() < older->highest_modseq()) {
    watcher_->reset();
    stale_ = true;
    auto asked = co_await store_.snapshot(info_.ref);
    if (!asked) co_return std::unexpected(std::move(asked.error()));
    stale_ = false;
    newer = *std::move(asked);
  }
  if (!held_back_) heard_modseq_ = older->highest_modseq();
  const bool held_back = std::exchange(held_back_, false);
  if (how.expunges == Expunges::kKept) {
    auto kept = store::keep_expunged(*older, newer);
    held_back_ = kept->size() != newer->size();
    newer = std::move(kept);
  }
  caught_up_ = caught_up_ || (held_back && !held_back_);
  if (newer == older) {
    if (how.flags) append_untold_flags(out);
    co_return store::Result<void>();
  }
  view_ = std::move(newer);
  if (claims_recent() && view_->uidnext() > older->uidnext() && view_->head().recent > 0) co_await claim_recent();
  append_changes(*older, how, out);
  co_return store::Result<void>();
}

std::optional<std::uint64_t> Selected::take_unclear_modseq() {
  const bool unclear = std::exchange(caught_up_, false) || held_back_;
  return unclear ? std::optional(heard_modseq()) : std::nullopt;
}

void Selected::append_flags_of(std::string& out, std::size_t number, const store::Entry& entry) const {
  const auto into = std::back_inserter(out);
  append_fetch(out, number, entry.uid, enabled_.uidonly);
  if (!enabled_.uidonly) fmt::format_to(into, "UID {} ", entry.uid);
  out += "FLAGS (";
  append_flags(out, entry.flags, view_->keywords(), is_recent(entry.uid));
  out += ')';
  if (enabled_.condstore) fmt::format_to(into, " MODSEQ ({})", entry.modseq);
  out += ")\r\n";
}

void Selected::append_expunged(const store::Snapshot& older, const std::vector<std::size_t>& positions,
                               std::string& out) const {
  if (positions.empty()) return;
  if (!enabled_.qresync && !enabled_.uidonly) {
    for (auto n = positions.rbegin(); n != positions.rend(); ++n)
      fmt::format_to(std::back_inserter(out), "* {} EXPUNGE\r\n", *n + 1);
    return;
  }
  SequenceSet uids;
  for (const auto position : positions) uids.add(older[position].uid);
  out.append("* VANISHED ").append(uids.to_string()).append("\r\n");
}

void Selected::append_changes(const store::Snapshot& older, const Refresh& how, std::string& out) {
  const auto delta = store::compare(older, *view_);
  contexts_.on_expunged(older, delta.expunged, out);
  contexts_.on_moved(*view_, delta);
  append_expunged(older, delta.expunged, out);
  if (delta.first_new < view_->size()) {
    append_exists(out);
    first_new_ = std::min(first_new_, (*view_)[delta.first_new].uid);
  }
  const auto listed = listed_flags();
  const bool renamed = !is_beginning(older.keywords(), view_->keywords());
  if (renamed) note_all_keywords();
  for (const auto position : delta.changed) note_keywords(position);
  for (auto position = delta.first_new; position < view_->size(); ++position) note_keywords(position);
  const bool more = all_rights_ ? view_->keywords().size() != older.keywords().size() : listed_flags() != listed;
  if (more || renamed) append_keywords(out);
  for (const auto position : delta.changed) {
    const auto& entry = (*view_)[position];
    untold_.erase(entry.uid);
    if (was_told(how.told, entry)) continue;
    if (how.flags)
      append_flags_of(out, position + 1, entry);
    else
      untold_.insert(entry.uid);
  }
  if (how.flags) append_untold_flags(out);
}

void Selected::append_untold_flags(std::string& out) {
  for (const auto uid : std::exchange(untold_, {}))
    if (const auto position = view_->find(uid)) append_flags_of(out, *position + 1, (*view_)[*position]);
}

}  // namespace quartet::imapd
