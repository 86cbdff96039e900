// An import: what a source has and the store has not yet, in batches that the store takes whole.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/store/store.h"
#include "ctl/transfer/source.h"
#include "ctl/transfer/state.h"

namespace quartet::transfer {

/// Told now and then how many messages of how many are done, and in which mailbox.
using Show = std::function<void(std::uint64_t done, std::uint64_t total, const std::string& mailbox)>;

struct ImportOptions {
  std::string account;
  std::string into;  // the source's INBOX becomes this mailbox, the others come below it; "": as they are
  std::vector<std::string> mailboxes;  // only these of the source; none: all
  std::vector<std::string> excluded;   // these not
};

struct ImportReport {
  std::uint64_t mailboxes = 0;
  std::uint64_t messages = 0;  // that were imported
  std::uint64_t bytes = 0;
  std::uint64_t known = 0;             // that an earlier run had imported
  std::uint64_t flags_changed = 0;     // of these
  std::uint64_t keywords_dropped = 0;  // messages that lost keywords: the account has as many as it may
  std::vector<std::string> troubles;   // what was not imported and why, for people
};

class Importer {
 public:
  /// All outlive the importer.
  Importer(store::Store& store, Source& source, State& state, ImportOptions options, Show show)
      : store_(store), source_(source), state_(state), options_(std::move(options)), show_(std::move(show)) {}

  /// The error is one after which nothing more could be done. Trouble with one mailbox does not hinder the others.
  async::Task<Outcome<ImportReport>> run();

 private:
  /// A mailbox under way.
  struct Work {
    Folder folder;
    std::vector<Item> items;
  };
  struct Reading;

  async::Task<Outcome<void>> settle_pending();
  async::Task<Outcome<std::vector<Work>>> look();
  bool wanted(const Folder& folder) const;
  async::Task<Outcome<store::MailboxInfo>> mailbox_for(const Folder& folder);
  async::Task<Outcome<void>> import_one(const Work& work);
  async::Task<Outcome<void>> carry_flags(store::MailboxRef mailbox, FolderState& known, std::vector<const Item*> items);
  async::Task<Outcome<void>> carry_messages(const store::MailboxInfo& mailbox, FolderState& known, const Folder& folder,
                                            std::vector<const Item*> items);
  async::Task<Outcome<void>> append(const store::MailboxInfo& mailbox, const FolderState& known, Reading& reading);
  async::Task<store::Result<store::Appended>> give(store::MailboxRef mailbox,
                                                   std::vector<store::AppendMessage> messages);
  void advance(std::uint64_t count, const std::string& mailbox);

  store::Store& store_;
  Source& source_;
  State& state_;
  const ImportOptions options_;
  const Show show_;
  ImportReport report_;
  std::uint64_t done_ = 0, total_ = 0;
  std::uint32_t uidnext_ = 1;  // of the mailbox under way, or less
};

/// The UID of the batch's first message if the store has the batch.
std::optional<std::uint32_t> find_batch(const store::Snapshot& mailbox, const Batch& batch);

}  // namespace quartet::transfer
