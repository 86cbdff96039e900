#include "imapd/searcher.h"

#include <algorithm>
#include <numeric>

#include "common/async/thread_pool.h"
#include "common/async/wait.h"
#include "imapd/header_cache.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kHeaderBatch = 256;
constexpr std::uint64_t kTextBatchBytes = 1024 * 1024;
// Looking through this much takes long enough to hold up the other sessions of the loop.
constexpr std::size_t kLong = 64 * 1024;

/// One search on its way through the view.
class Searcher {
 public:
  Searcher(Context& context, const Matcher& matcher, store::SnapshotPtr view, LookFor what)
      : context_(context), matcher_(matcher), view_(std::move(view)), scores_(what.scores), among_(what.among) {}

  /// What matches, or why the store could not be asked.
  async::Task<std::expected<Found, Reply>> run() {
    const auto count = among_ == nullptr ? view_->size() : among_->size();
    for (std::size_t n = 0; n < count; ++n) {
      Candidate candidate;
      candidate.position = among_ == nullptr ? n : (*among_)[n];
      candidate.entry = &(*view_)[candidate.position];
      decide(candidate, undecided_);
      if (undecided_.size() < kHeaderBatch) continue;
      co_await ask_store();
      if (failed_) co_return std::unexpected(*failed_);
    }
    co_await ask_store();
    if (failed_) co_return std::unexpected(*failed_);
    std::ranges::sort(found_, {}, &Match::position);
    Found found;
    for (const auto& [position, score] : found_) {
      found.positions.push_back(position);
      if (scores_) found.scores.push_back(score);
    }
    co_return found;
  }

 private:
  struct Match {
    std::size_t position = 0;
    int score = 0;
  };

  void decide(const Candidate& candidate, std::vector<Candidate>& undecided) {
    const auto result = matcher_.match(candidate);
    if (result == Truth::kNo) return;
    const auto score = result == Truth::kYes ? score_of(candidate) : std::nullopt;
    if (score)
      found_.push_back({candidate.position, *score});
    else
      undecided.push_back(candidate);
  }

  std::optional<int> score_of(const Candidate& candidate) const {
    return scores_ ? matcher_.relevancy(candidate) : std::optional(0);
  }

  async::Task<void> ask_store() {
    auto candidates = std::exchange(undecided_, {});
    if (candidates.empty()) co_return;
    context_.progress = {candidates.front().position, view_->size()};
    std::vector<store::MessageDetails> details;
    if (matcher_.uses_details()) {
      co_await fetch_details(candidates, details);
      if (failed_) co_return;
    }
    store::CachedBatch cached;
    std::vector<std::optional<mime::StoredHeaders>> headers(candidates.size());
    std::vector<Candidate> unread;
    if (matcher_.uses_headers()) {
      auto fetched =
          co_await context_.store().fetch_cached(view_->mailbox(), objects(candidates), store::cached::kHeaders);
      if (!fetched) co_return fail(fetched.error());
      cached = *std::move(fetched);
      for (std::size_t n = 0; n < candidates.size(); ++n) {
        if (!cached.items()[n].found) continue;
        headers[n] = mime::decode_headers(cached.items()[n].headers);
        if (headers[n]) candidates[n].headers = &*headers[n];
        decide(candidates[n], unread);
      }
    } else {
      for (const auto& candidate : candidates) decide(candidate, unread);
    }
    co_await read_texts(unread);
  }

  /// Those of messages that are gone match nothing.
  async::Task<void> fetch_details(std::vector<Candidate>& candidates, std::vector<store::MessageDetails>& details) {
    store::UidSet uids;
    for (const auto& candidate : candidates) uids.push_back({candidate.entry->uid, candidate.entry->uid});
    auto fetched = co_await context_.store().details(view_->mailbox(), std::move(uids));
    if (!fetched) co_return fail(fetched.error());
    details = *std::move(fetched);
    std::erase_if(candidates, [&details](Candidate& candidate) {
      const auto found = std::ranges::lower_bound(details, candidate.entry->uid, {}, &store::MessageDetails::uid);
      if (found == details.end() || found->uid != candidate.entry->uid) return true;
      candidate.details = &*found;
      return false;
    });
  }

  async::Task<void> read_texts(const std::vector<Candidate>& unread) {
    for (std::size_t next = 0; next < unread.size() && !failed_;) {
      std::vector<Candidate> batch;
      std::uint64_t bytes = 0;
      for (; next < unread.size() && (batch.empty() || bytes + unread[next].entry->size <= kTextBatchBytes); ++next) {
        bytes += unread[next].entry->size;
        batch.push_back(unread[next]);
      }
      context_.progress.done = batch.front().position;
      const auto read = co_await context_.store().read_many(view_->mailbox(), objects(batch));
      if (!read) co_return fail(read.error());
      for (std::size_t n = 0; n < batch.size(); ++n) {
        if ((*read)[n] == nullptr) continue;
        const auto score = co_await look_through(batch[n], (*read)[n]);
        if (score) found_.push_back({batch[n].position, *score});
      }
    }
  }

  /// The score of a message that matches.
  async::Task<std::optional<int>> look_through(Candidate candidate, store::Bytes message) {
    const auto look = [this, &candidate, &message] {
      MessageText text(*message);
      candidate.text = &text;
      return matcher_.match(candidate) == Truth::kYes ? score_of(candidate) : std::nullopt;
    };
    if (context_.services.workers == nullptr || message->size() < kLong) co_return look();
    co_return co_await async::offload(*context_.services.workers, look);
  }

  static std::vector<store::ObjectId> objects(const std::vector<Candidate>& candidates) {
    std::vector<store::ObjectId> ids;
    for (const auto& candidate : candidates) ids.push_back(candidate.entry->object);
    return ids;
  }

  void fail(const store::StoreError& error) { failed_ = failure(error); }

  Context& context_;
  const Matcher& matcher_;
  const store::SnapshotPtr view_;
  const bool scores_;
  const std::vector<std::size_t>* const among_;
  std::vector<Candidate> undecided_;
  std::vector<Match> found_;
  std::optional<Reply> failed_;
};

/// Reads the headers of messages of which the store kept none that can be read.
async::Task<std::optional<Reply>> read_headers(Context& context, store::MailboxRef mailbox, store::ObjectId object,
                                               mime::StoredHeaders& headers, std::optional<MessageText>& text,
                                               store::Bytes& bytes) {
  auto read = co_await context.store().read(mailbox, object);
  if (!read && read.error().code == store::ErrorCode::kNoMessage) co_return std::nullopt;
  if (!read) co_return failure(read.error());
  bytes = *std::move(read);
  headers = text.emplace(*bytes).headers();
  co_return std::nullopt;
}

std::vector<std::size_t> rows_of(std::size_t from, std::size_t end) {
  std::vector<std::size_t> rows(end - from);
  std::iota(rows.begin(), rows.end(), from);
  return rows;
}

/// The rows that are not in memory.
std::vector<std::size_t> use_kept(const MailboxHeaders& kept, const store::Snapshot& view,
                                  const std::vector<std::size_t>& positions, std::size_t from, std::size_t end,
                                  const UseHeaders& use) {
  std::vector<std::uint32_t> uids;
  for (auto row = from; row < end; ++row) uids.push_back(view[positions[row]].uid);
  auto missing =
      kept.use(uids, [&](std::size_t place, const mime::StoredHeaders& headers) { use(from + place, headers); });
  for (auto& row : missing) row += from;
  return missing;
}

/// From the store.
async::Task<std::optional<Reply>> read_rows(Context& context, const store::Snapshot& view,
                                            const std::vector<std::size_t>& positions,
                                            const std::vector<std::size_t>& rows, const UseHeaders& use,
                                            HeaderBatch& read) {
  std::vector<store::ObjectId> objects;
  for (const auto row : rows) objects.push_back(view[positions[row]].object);
  const auto fetched = co_await context.store().fetch_cached(view.mailbox(), objects, store::cached::kHeaders);
  if (!fetched) co_return failure(fetched.error());
  for (std::size_t n = 0; n < rows.size(); ++n) {
    const auto& item = fetched->items()[n];
    const auto decoded = mime::decode_headers(item.headers);
    mime::StoredHeaders headers = decoded.value_or(mime::StoredHeaders{});
    std::optional<MessageText> text;
    store::Bytes bytes;
    if (item.found && !decoded) {
      auto failed = co_await read_headers(context, view.mailbox(), item.object, headers, text, bytes);
      if (failed) co_return failed;
    }
    use(rows[n], headers);
    if (item.found) read.add(view[positions[rows[n]]].uid, headers);
  }
  co_return std::nullopt;
}

}  // namespace

std::vector<std::uint32_t> uids_at(const store::Snapshot& view, const std::vector<std::size_t>& positions) {
  std::vector<std::uint32_t> uids;
  uids.reserve(positions.size());
  for (const auto position : positions) uids.push_back(view[position].uid);
  return uids;
}

async::Task<std::expected<Found, Reply>> find_matching(Context& context, const Searched& mailbox, const SearchKey& key,
                                                       LookFor what) {
  const Matcher matcher(mailbox, key);
  Searcher searcher(context, matcher, mailbox.view, what);
  co_return co_await searcher.run();
}

async::Task<std::optional<Reply>> each_header(Context& context, store::SnapshotPtr view,
                                              const std::vector<std::size_t>& positions, UseHeaders use) {
  constexpr std::size_t kAtOnce = 16 * kHeaderBatch;
  auto* const cache = context.services.headers;
  const auto kept = cache == nullptr ? nullptr : cache->of(*view);
  for (std::size_t from = 0; from < positions.size(); from += kHeaderBatch) {
    const auto end = std::min(from + kHeaderBatch, positions.size());
    const auto rows = kept == nullptr ? rows_of(from, end) : use_kept(*kept, *view, positions, from, end, use);
    // What is in memory holds up the loop for as long as it takes.
    if (rows.empty() && from % kAtOnce == 0) co_await async::yield();
    if (rows.empty()) continue;
    HeaderBatch read;
    auto failed = co_await read_rows(context, *view, positions, rows, use, read);
    if (failed) co_return failed;
    if (kept != nullptr) cache->add(kept, std::move(read));
  }
  co_return std::nullopt;
}

}  // namespace quartet::imapd
