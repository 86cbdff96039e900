// Mover: brings one account from one store to another while both are in use.
//
// 1. The account's row gets a mark (kLeaving), and one in the other store says where it comes from (kIncoming); both
//    name this run. Mailboxes, messages and their bytes are copied in pieces, by mod-sequence: what is changed
//    meanwhile gets a higher one and is met again, so the rounds get shorter. All of this may end anywhere and be gone
//    on with by another run, of any process. That puts its own name into both rows, in this order: then the earlier one
//    can neither put up a fence nor write another piece, however late it wakes up.
// 2. The row in the store where the account is gets a fence (kFenced): from that commit on no process changes the
//    account. A fence ends by itself, so that who dies behind it locks nobody out. The rest is copied and compared.
// 3. The fence becomes a mark that the account is moved (kMoved). This commit, in one row of one database, is the move:
//    before it the account is in the one store, after it in the other. It fails if the fence has ended meanwhile.
// 4. The row in the other store loses its kIncoming. Who finds 3 without 4 does it: see Router.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "common/store/engine.h"
#include "common/store/incoming.h"
#include "common/store/outgoing.h"

namespace quartet::store {

class Mover {
 public:
  struct Place {
    Engine& engine;
    std::string name;
  };
  /// Called before each step by its name; false ends everything there, as the death of the process would. For tests.
  using Checkpoint = std::function<bool(std::string_view step)>;

  Mover(Place from, Place to, AccountMove move, Checkpoint checkpoint = {});

  /// See Store::move_account.
  Store::Async<AccountMoved> run();

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  /// What a round of copying came to.
  struct Round {
    bool complete = true;  // false: the time was up
    std::uint64_t changes = 0;
  };

  Store::Done begin();
  Store::Async<std::int64_t> begin_leaving();
  Store::Async<Round> copy(bool fenced);
  Store::Async<IncomingMailboxes> match(const std::vector<MailboxRow>& rows);
  Store::Done copy_mailbox(const MailboxRow& row, IncomingMailbox& to, bool fenced, Round& round);
  Store::Async<std::size_t> copy_messages(std::int64_t source, IncomingMailbox& to);
  Store::Async<std::size_t> copy_expunges(std::int64_t source, IncomingMailbox& to);
  Store::Done copy_objects(const std::vector<OutgoingMessage>& messages, std::size_t& covered);
  Store::Done mark(std::vector<IncomingMailbox> done);
  Store::Done switch_over();
  Store::Done switch_fenced();
  Store::Async<bool> fence();
  Store::Done unfence();
  Store::Async<bool> seal();
  Store::Async<AccountMoved> report(bool done);

  Store::Done check(std::string_view step) const;
  bool time_is_up() const { return std::chrono::steady_clock::now() >= deadline_; }

  const Place from_, to_;
  const AccountMove move_;
  const Checkpoint checkpoint_;
  const Deadline deadline_;
  Deadline fenced_at_;
  const std::string id_;                  // of this run
  std::int64_t source_ = 0, target_ = 0;  // the account's numbers
};

}  // namespace quartet::store
