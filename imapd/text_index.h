// The index of texts as SEARCH asks it: which messages of a view cannot contain what is looked for, so that only the
// others are looked through. It may say nothing of a message, and never rules one out that contains the text.
//
// What it knows are objects, not messages, so it holds for copies too; what it has not come to yet, or was left out of
// it, is looked through as if there were no index.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/task.h"
#include "common/async/thread_pool.h"
#include "common/store/snapshot.h"
#include "common/store/text_shelf.h"
#include "imapd/text_cache.h"
#include "imapd/text_filter.h"
#include "imapd/text_index/segment.h"

namespace quartet::imapd {

/// Any thread, any loop.
class TextIndex {
 public:
  struct Options {
    std::size_t most_octets = 96 * 1024 * 1024;  // in memory
    std::size_t worth = 32;                      // messages to look through, from which on it is asked
  };
  TextIndex(store::TextShelf& shelf, Options options);

  /// Whether so many messages to look through are worth a question.
  bool is_worth(std::size_t messages) const { return messages >= options_.worth; }
  /// `texts` as Needle has them. Null: nothing is known. Work that takes long is done by `workers`, if there are any.
  async::Task<std::unique_ptr<const TextFilter>> look_up(store::SnapshotPtr view, std::vector<std::string> texts,
                                                         async::ThreadPool* workers);

  store::TextShelf& shelf() { return shelf_; }
  /// Null: it cannot be read, or is of another version. A damaged one is discarded.
  async::Task<std::shared_ptr<const Segment>> open(store::MailboxRef account, store::TextSegment segment);
  /// All of it; nullopt likewise.
  async::Task<std::optional<std::string>> read_whole(store::MailboxRef account, store::TextSegment segment);

 private:
  using ChunkPtr = std::shared_ptr<const std::string>;
  struct Opened {
    store::TextSegment row;
    std::shared_ptr<const Segment> head;
  };
  using Objects = std::vector<store::ObjectId>;
  struct Coverage {
    std::vector<std::int64_t> segments;
    Objects objects;  // ascending
  };
  using Chunks = std::map<std::uint64_t, ChunkPtr>;

  async::Task<std::vector<Opened>> open_all(store::MailboxRef account);
  std::shared_ptr<const Coverage> coverage(store::MailboxRef account, const std::vector<Opened>& opened);
  /// The objects that could contain the text, ascending; nullopt: all of them.
  async::Task<std::optional<Objects>> possible(store::MailboxRef account, const std::vector<Opened>& opened,
                                               std::string text, async::ThreadPool* workers);
  /// The chunks that a plan needs; false: they cannot be read.
  async::Task<bool> fetch(store::MailboxRef account, const Opened& opened, const TextPlan& plan, Chunks& chunks);
  /// Chunks from `first` to before `end`, into `chunks`; false likewise. `keep`: in memory too.
  async::Task<bool> fetch_range(store::MailboxRef account, std::int64_t segment, std::uint64_t first, std::uint64_t end,
                                Chunks& chunks, bool keep);
  async::Task<void> discard(store::MailboxRef account, std::int64_t segment);

  store::TextShelf& shelf_;
  const Options options_;
  TextCache cache_;
};

}  // namespace quartet::imapd
