// TextShelf: where an index of texts is kept, as segments of octets that this layer does not look into. It is no part
// of the promise of the store: it is made of the messages, at any time anew, and what a crash leaves undone is done
// again.
//
// In a directory it has databases of its own (`text/NN.db`), so that its writing neither holds up deliveries nor comes
// into backups; in PostgreSQL, tables of its own beside those of the shard, without the lock of who writes there.
//
// Each segment is about some objects of one account, and says which. It is written once; a later one may replace it.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/async/task.h"
#include "common/async/thread_pool.h"
#include "common/store/database.h"
#include "common/store/shard.h"
#include "common/store/types.h"

namespace quartet::store {

struct TextSegment {
  std::int64_t id = 0;  // never used again
  std::uint32_t version = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

struct NewTextSegment {
  std::uint32_t version = 0;
  std::uint64_t messages = 0;
  std::vector<std::string> chunks;
  std::vector<std::int64_t> replaces;
};

struct TextAccount {
  MailboxRef ref;              // with 0 for the mailbox
  std::uint64_t modseq = 0;    // of the account now
  std::uint64_t messages = 0;  // that it has
  std::uint64_t indexed = 0;   // modseq up to which all of them have been dealt with
  std::uint64_t covered = 0;   // messages in its segments
  std::uint64_t bytes = 0;     // of these
};

struct TextMessage {
  ObjectId object = 0;
  std::uint32_t size = 0;
};

/// Any thread; blocking work is done in the store's pool. An account is named by any reference with its number.
class TextShelf {
 public:
  template <typename T>
  using Async = async::Task<Result<T>>;
  using Done = async::Task<std::expected<void, StoreError>>;

  struct Source {
    async::ThreadPool& pool;
    Shard& shard;
  };
  /// All of it outlives the shelf.
  explicit TextShelf(const std::vector<Source>& sources);

  /// Their numbers.
  std::vector<std::uint32_t> shards() const;

  // --- for who searches ---

  /// Those that can be used now. None if they are of an account that had the same number before.
  Async<std::vector<TextSegment>> segments(MailboxRef account);
  /// `count` chunks from the one of that number on; fewer where it has no more, or is gone.
  Async<std::vector<std::string>> chunks(std::uint32_t shard, std::int64_t segment, std::uint64_t first,
                                         std::uint64_t count);
  /// A segment that is damaged goes, and what it was about will be dealt with again.
  Done discard(MailboxRef account, std::int64_t segment);

  // --- for who fills it: one process at a time for each shard ---

  /// False: another `owner` has the turn, at most until what it asked for has passed.
  Async<bool> take_turn(std::uint32_t shard, std::int64_t owner, std::chrono::seconds length);
  Done end_turn(std::uint32_t shard, std::int64_t owner);
  /// Those that are in this store, and not on their way. With a segment of another `version`, nothing of an account
  /// counts as indexed.
  Async<std::vector<TextAccount>> accounts(std::uint32_t shard, std::uint32_t version);
  /// Those of all mailboxes that came or changed after a mod-sequence; ascending, each object once.
  Async<std::vector<TextMessage>> messages(MailboxRef account, std::uint64_t since_modseq);
  /// In pieces, of which the last makes it valid. Replaced ones stay readable until sweep().
  Done add(MailboxRef account, NewTextSegment segment);
  /// All messages up to there have been dealt with.
  Done set_indexed(MailboxRef account, std::uint64_t modseq);
  /// Takes away what was replaced, or never completed, at least `age` ago; some of it at a time.
  Done sweep(std::uint32_t shard, std::chrono::seconds age);

 private:
  /// A connection in use.
  class Lent;
  struct Place {
    explicit Place(const Source& from) : source(from) {}
    const Source source;
    std::mutex mutex;  // guards what follows
    std::vector<std::unique_ptr<Database>> idle;
  };

  Result<std::unique_ptr<Database>> connect(Place& place);
  template <typename T, typename F>
  Async<T> with(std::uint32_t shard, F function);

  std::map<std::uint32_t, std::unique_ptr<Place>> places_;  // by number of the shard
};

}  // namespace quartet::store
