// What an import has done, in a file: so that a later run, after whatever end of this one, neither does it again nor
// leaves anything out.
//
// The store takes a batch of messages whole or not at all. What it will be given is on disk here before; when a run
// finds a batch of which it is not said that it was done, it looks for it in the store. Lines are only ever added:
//
//   quartet-transfer 1 import SOURCE ACCOUNT
//   folder NUMBER VALIDITY UIDVALIDITY PLACE MAILBOX    a folder of the source and the mailbox it goes into
//   batch NUMBER UIDNEXT COUNT                          of that folder; the mailbox's next UID before it
//   + KEY SIZE MICROSECONDS FLAGS                       COUNT of these: size and internal date as the store has them
//   done UID                                            the batch is in the store, with UIDs from this one on
//   none                                                the batch is not in the store
//   flags NUMBER KEY FLAGS                              the source's flags were carried over
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ctl/transfer/line_file.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

/// A message that was imported.
struct Known {
  std::uint32_t uid = 0;
  std::string flags;  // as to_text() gives them: those of the source when it was last looked at
};

struct FolderState {
  std::size_t number = 0;
  std::string place;     // Folder::place
  std::string validity;  // Folder::validity
  std::string mailbox;
  std::uint32_t uidvalidity = 0;
  std::unordered_map<std::string, Known> known;  // by key
};

/// A message of a batch.
struct BatchItem {
  std::string key;
  std::uint64_t size = 0;
  std::int64_t internaldate = 0;
  std::string flags;
};
struct Batch {
  std::size_t folder = 0;
  std::uint32_t uidnext = 1;
  std::vector<BatchItem> items;
};

class State {
 public:
  /// Opens or makes the file; it must be of an import of the same source into the same account, and no other process
  /// may be at work with it. With an empty path nothing is written or read.
  static Outcome<State> open(const std::string& path, const std::string& source, const std::string& account);

  /// The folder's; begun anew if there is none, or if its mailbox is another than it was (kept by `uidvalidity`).
  Outcome<FolderState*> folder(const Folder& folder, const std::string& mailbox, std::uint32_t uidvalidity);
  /// Whether the folder is known, with another validity.
  bool has_other_validity(const Folder& folder) const;

  /// A batch that may or may not be in the store; settle it before all else.
  const std::optional<Batch>& pending() const { return pending_; }
  const FolderState& folder_at(std::size_t number) const { return folders_[number]; }

  /// On disk when it returns.
  Outcome<void> begin(Batch batch);
  /// The pending batch is in the store from this UID on; nullopt: it is not there.
  Outcome<void> settle(std::optional<std::uint32_t> first_uid);
  Outcome<void> set_flags(FolderState& folder, const std::string& key, std::string flags);

 private:
  bool take(std::string_view line);
  bool take_folder(const std::vector<std::string_view>& words);
  bool take_item(std::string_view line);

  LineFile file_;
  std::deque<FolderState> folders_;
  std::optional<Batch> pending_;
  std::size_t missing_ = 0;  // items that the lines so far have not given, of pending_
};

}  // namespace quartet::transfer
