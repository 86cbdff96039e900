// Where messages are imported from. All errors are texts for people.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "common/async/task.h"
#include "common/base/time.h"
#include "common/store/types.h"
#include "ctl/transfer/flags.h"

namespace quartet::transfer {

template <typename T>
using Outcome = std::expected<T, std::string>;

/// A mailbox of the source.
struct Folder {
  std::string name;         // UTF-8, '/' between levels; the inbox is "INBOX"
  std::string place;        // how the source finds it: a path, a name as sent
  std::string validity;     // without blanks: when it changes, the keys of its messages mean nothing any more
  std::string special_use;  // "\\Sent"; "" for none or unknown
  bool subscribed = false;
};

/// A message of a folder.
struct Item {
  std::string key;         // names it among all that were and will be in the folder
  Flags flags;             // now
  std::uint64_t size = 0;  // octets, about
  std::string file;        // for the source alone
  std::uint64_t offset = 0;
};

struct Message {
  store::Bytes bytes;  // lines end in CRLF
  WallTime internaldate{};
};

/// One call at a time.
class Source {
 public:
  virtual ~Source() = default;
  /// Each with what can be selected; in an order that makes parents first.
  virtual async::Task<Outcome<std::vector<Folder>>> folders() = 0;
  /// All messages, in the order in which they came. May fill in the folder's validity.
  virtual async::Task<Outcome<std::vector<Item>>> items(Folder& folder) = 0;
  /// In the same order; nullopt for what has gone meanwhile. `folder` and `items` outlive the call.
  virtual async::Task<Outcome<std::vector<std::optional<Message>>>> read(const Folder& folder,
                                                                         std::vector<const Item*> items) = 0;
  /// At the end.
  virtual async::Task<void> close() { co_return; }
  /// What was passed over and why, for people.
  const std::vector<std::string>& remarks() const { return remarks_; }

 protected:
  void remark(std::string text) { remarks_.push_back(std::move(text)); }

 private:
  std::vector<std::string> remarks_;
};

}  // namespace quartet::transfer
