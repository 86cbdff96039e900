// The selected mailbox as the client knows it: the view its sequence numbers refer to, and how the view moves on
// (RFC 3501 sections 2.3.1.2, 5.2 and 7.3 to 7.4; RFC 9051 section 7.5.1).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/async/task.h"
#include "common/store/namespaces.h"
#include "common/store/store.h"
#include "imapd/enabled.h"
#include "imapd/search_contexts.h"

namespace quartet::imapd {

class Selected {
 public:
  /// `store` and `enabled` outlive it.
  Selected(store::Store& store, const Enabled& enabled, store::Located mailbox, bool read_only);

  /// Takes the first view; before anything else. Claims \Recent unless read-only.
  async::Task<store::Result<void>> open();

  const store::MailboxInfo& info() const { return info_; }
  store::MailboxRef ref() const { return info_.ref; }
  bool read_only() const { return read_only_; }
  /// Whether new messages become \Recent to this session: it is for the owner to see what is new.
  bool claims_recent() const { return own_ && !read_only_; }
  /// Whether the mailbox is the client's own, or as good as.
  bool all_rights() const { return all_rights_; }
  store::Rights rights() const { return rights_; }
  void set_rights(store::Rights rights) { rights_ = rights; }
  /// Message n has position n - 1. Stays the same but for refresh().
  const store::SnapshotPtr& view() const { return view_; }
  bool is_recent(std::uint32_t uid) const;
  std::size_t recent_count() const;
  const store::UidSet& recent() const { return recent_; }
  /// What was claimed for this session beside refresh(); of messages newer than the view.
  void add_recent(store::RecentRange claimed);
  /// What "$" stands for: the UIDs a SEARCH saved (RFC 5182); ascending.
  const store::UidSet& saved() const { return saved_; }
  void save(store::UidSet uids) { saved_ = std::move(uids); }
  async::Event& changed() { return watcher_->event(); }
  SearchContexts& contexts() { return contexts_; }
  /// The lowest UID of the messages that have come since this was last asked; kMaxUid: none have.
  std::uint32_t take_first_new() { return std::exchange(first_new_, store::kMaxUid); }

  /// Up to which mod-sequence the client knows all there is: less than the view has while expunges are kept.
  std::uint64_t heard_modseq() const { return held_back_ ? heard_modseq_ : view_->highest_modseq(); }
  /// The same if the client cannot tell it from what it has been sent: while expunges are kept, and once they have been
  /// told.
  std::optional<std::uint64_t> take_unclear_modseq();

  /// The FETCH response that tells of a message's flags without having been asked.
  void append_flags_of(std::string& out, std::size_t number, const store::Entry& entry) const;

  /// FLAGS and PERMANENTFLAGS.
  void append_keywords(std::string& out) const;
  /// The untagged responses to SELECT and EXAMINE, in which the client called the mailbox `name`.
  void append_opening(std::string_view name, std::string& out) const;

  enum class Expunges { kTold, kKept };
  struct Refresh {
    Expunges expunges = Expunges::kTold;
    bool always = true;  // false: only if there was a hint of a change
    bool flags = true;   // tell of changed flags, and of those that were not told before
    /// What the client knows from the command itself; ascending UIDs.
    std::vector<store::FlagState> told = {};
    /// The mailbox after the command, if that is known: it is not read for what others may have done since.
    store::SnapshotPtr view = {};
  };
  /// Moves the view on to what the mailbox is now and appends what the client must be told of it. kNoMailbox: it was
  /// deleted. Other errors leave the view as it is; the next call tries again.
  async::Task<store::Result<void>> refresh(Refresh how, std::string& out);

 private:
  async::Task<void> claim_recent();
  /// Notes the keywords of the message at this position of the view.
  void note_keywords(std::size_t position) { seen_keywords_ |= (*view_)[position].flags; }
  /// Those of all messages of the view, and no others.
  void note_all_keywords();
  std::uint64_t listed_flags() const;
  void append_expunged(const store::Snapshot& older, const std::vector<std::size_t>& positions, std::string& out) const;
  void append_exists(std::string& out) const;
  void append_changes(const store::Snapshot& older, const Refresh& how, std::string& out);
  void append_untold_flags(std::string& out);

  store::Store& store_;
  const Enabled& enabled_;
  const store::MailboxInfo info_;
  const bool own_;
  const bool all_rights_;
  store::Rights rights_;
  const bool read_only_;
  store::SnapshotPtr view_;
  std::unique_ptr<store::Watcher> watcher_;
  store::UidSet recent_;  // ascending; one range for each claim that got something
  store::UidSet saved_;
  std::uint64_t seen_keywords_ = 0;  // flags of messages there are or were; counts where the client has not all rights
  SearchContexts contexts_;
  std::uint32_t first_new_ = store::kMaxUid;
  bool stale_ = false;              // the store could not be asked
  bool held_back_ = false;          // expunges were kept
  bool caught_up_ = false;          // they have been told since take_unclear_modseq()
  std::uint64_t heard_modseq_ = 0;  // of the last view without such expunges
  std::set<std::uint32_t> untold_;  // UIDs of messages whose flags changed while the client did not want to know
};

}  // namespace quartet::imapd
