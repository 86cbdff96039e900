// RowCache: the rows of accounts and mailboxes that a shard's transactions have read or written last. From one to the
// next they are read from the database only if others have written meanwhile.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "common/base/ascii.h"
#include "common/store/rows.h"

namespace quartet::store {

/// One thread at a time. Rows stay where they are until clear() or settle().
class RowCache {
 public:
  // Null if it is not here.
  AccountRow* account(std::int64_t id) const;
  AccountRow* account(std::string_view name) const;
  // Also one that is gone, by its id.
  MailboxRow* mailbox(std::int64_t id) const;
  MailboxRow* mailbox(std::int64_t account, std::string_view name) const;

  AccountRow& add(AccountRow row);
  MailboxRow& add(MailboxRow row);
  void rename(MailboxRow& mailbox, std::string_view name);
  /// It stays, by its id only, for the rest of the transaction.
  void remove(MailboxRow& mailbox);

  /// Between transactions: forgets what is gone, and all if it is too much.
  void settle();
  void clear();

 private:
  using Name = std::pair<std::int64_t, std::string>;
  struct ByName {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return a.first != b.first ? a.first < b.first : std::string_view(a.second) < std::string_view(b.second);
    }
  };

  std::unordered_map<std::int64_t, std::unique_ptr<AccountRow>> accounts_;
  std::unordered_map<std::string, AccountRow*, ascii::Hash, std::equal_to<>> accounts_by_name_;
  std::unordered_map<std::int64_t, std::unique_ptr<MailboxRow>> mailboxes_;
  std::map<Name, MailboxRow*, ByName> mailboxes_by_name_;
  bool some_gone_ = false;
};

}  // namespace quartet::store
