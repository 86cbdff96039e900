#include "imapd/searcher.h"

#include <algorithm>
#include <deque>
#include <memory>

#include "common/async/wait.h"
#include "imapd/column_reader.h"
#include "imapd/text_index.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kUndecided = 8192;
// Keys that messages are held against before other sessions of the loop have their turn.
constexpr std::size_t kLooksAtOnce = 16 * 1024;
constexpr std::size_t kHeaderBatch = 256;
constexpr std::uint64_t kTextBatchBytes = 8 * 1024 * 1024;

/// One search on its way through the view.
class Searcher {
 public:
  Searcher(Context& context, const Matcher& matcher, store::SnapshotPtr view, LookFor what)
      : context_(context), matcher_(matcher), view_(std::move(view)), what_(what) {}

  /// What matches, or why the store could not be asked.
  async::Task<std::expected<Found, Reply>> run() {
    const auto count = what_.among == nullptr ? view_->size() : what_.among->size();
    for (std::size_t n = 0; n < count; ++n) {
      Candidate candidate;
      candidate.position = what_.among == nullptr ? n : (*what_.among)[n];
      candidate.entry = &(*view_)[candidate.position];
      candidate.filter = filter_.get();
      decide(candidate, undecided_);
      if (has_looked_long()) co_await async::yield();
      if (undecided_.size() < kUndecided) continue;
      co_await ask_index();
      if (undecided_.size() < kUndecided) continue;
      co_await ask_store();
      if (failed_) co_return std::unexpected(*failed_);
    }
    co_await ask_index();
    co_await ask_store();
    if (failed_) co_return std::unexpected(*failed_);
    std::ranges::sort(found_, {}, &Match::position);
    Found found;
    for (const auto& [position, score] : found_) {
      found.positions.push_back(position);
      if (what_.scores) found.scores.push_back(score);
    }
    co_return found;
  }

 private:
  struct Match {
    std::size_t position = 0;
    int score = 0;
  };

  /// What candidates refer to until they are decided.
  struct Seen {
    std::deque<std::vector<std::string_view>> texts;
    std::vector<ColumnBlockPtr> blocks;
    std::deque<mime::StoredHeaders> headers;
    std::vector<store::CachedBatch> batches;
  };

  void decide(const Candidate& candidate, std::vector<Candidate>& undecided) {
    looks_ += matcher_.size();
    const auto result = matcher_.match(candidate);
    if (result == Truth::kNo) return;
    const auto score = result == Truth::kYes ? score_of(candidate) : std::nullopt;
    if (score)
      found_.push_back({candidate.position, *score});
    else
      undecided.push_back(candidate);
  }

  bool has_looked_long() {
    if (looks_ < kLooksAtOnce) return false;
    looks_ = 0;
    return true;
  }

  std::optional<int> score_of(const Candidate& candidate) const {
    return what_.scores ? matcher_.relevancy(candidate) : std::optional(0);
  }

  /// Once, and only if there is much to look through: what it rules out is decided then.
  async::Task<void> ask_index() {
    auto* const index = context_.services.texts;
    if (index == nullptr || asked_index_ || matcher_.texts().empty() || !index->is_worth(undecided_.size())) co_return;
    asked_index_ = true;
    filter_ = co_await index->look_up(view_, matcher_.texts(), context_.services.workers);
    auto candidates = std::exchange(undecided_, {});
    for (auto& candidate : candidates) {
      candidate.filter = filter_.get();
      decide(candidate, undecided_);
      if (has_looked_long()) co_await async::yield();
    }
  }

  async::Task<void> ask_store() {
    auto candidates = std::exchange(undecided_, {});
    if (candidates.empty()) co_return;
    if (what_.tells_progress) context_.progress = {candidates.front().position, view_->size()};
    seen_ = {};
    std::vector<store::MessageDetails> details;
    if (matcher_.uses_details()) {
      co_await fetch_details(candidates, details);
      if (failed_) co_return;
    }
    if (!matcher_.columns().empty()) {
      candidates = co_await look_at_columns(std::move(candidates));
      if (failed_) co_return;
    } else if (!matcher_.uses_headers()) {
      // What has been found out may be enough now.
      const auto all = std::exchange(candidates, {});
      for (const auto& candidate : all) {
        decide(candidate, candidates);
        if (has_looked_long()) co_await async::yield();
      }
    }
    if (matcher_.uses_headers()) {
      candidates = co_await look_at_headers(std::move(candidates));
      if (failed_) co_return;
    }
    co_await read_texts(candidates);
  }

  /// Those that columns do not decide about.
  async::Task<std::vector<Candidate>> look_at_columns(std::vector<Candidate> candidates) {
    std::vector<std::size_t> positions;
    for (const auto& candidate : candidates) positions.push_back(candidate.position);
    std::vector<Candidate> left;
    ColumnReader reader(context_, view_, matcher_.columns());
    reader.ask_for(ranges_of(positions));
    std::vector<std::string_view> texts(matcher_.columns().size());
    for (auto candidate = candidates.begin(); candidate != candidates.end();) {
      const auto group = co_await reader.next();
      if (!group) {
        fail(group.error());
        break;
      }
      for (std::size_t place = 0; place < (*group)->positions.size(); ++place, ++candidate) {
        for (std::size_t column = 0; column < texts.size(); ++column) texts[column] = (*group)->text(column, place);
        candidate->columns = texts.data();
        const auto before = left.size();
        decide(*candidate, left);
        // It is looked at again with its text.
        if (left.size() > before) left.back().columns = seen_.texts.emplace_back(texts).data();
        if (has_looked_long()) co_await async::yield();
      }
      seen_.blocks.insert(seen_.blocks.end(), (*group)->held.begin(), (*group)->held.end());
    }
    co_await reader.close();
    co_return left;
  }

  /// The same with what the store keeps of headers, messages that are gone not among them.
  async::Task<std::vector<Candidate>> look_at_headers(std::vector<Candidate> candidates) {
    std::vector<Candidate> left;
    for (std::size_t from = 0; from < candidates.size(); from += kHeaderBatch) {
      const std::vector<Candidate> batch(
          candidates.begin() + static_cast<std::ptrdiff_t>(from),
          candidates.begin() + static_cast<std::ptrdiff_t>(std::min(from + kHeaderBatch, candidates.size())));
      auto cached = co_await context_.store().fetch_cached(view_->mailbox(), objects(batch), store::cached::kHeaders);
      if (!cached) {
        fail(cached.error());
        break;
      }
      for (std::size_t n = 0; n < batch.size(); ++n) {
        if (!cached->items()[n].found) continue;
        auto candidate = batch[n];
        const auto headers = mime::decode_headers(cached->items()[n].headers);
        if (headers) candidate.headers = &seen_.headers.emplace_back(*headers);
        decide(candidate, left);
        if (has_looked_long()) co_await async::yield();
      }
      seen_.batches.push_back(*std::move(cached));
    }
    co_return left;
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
      if (what_.tells_progress) context_.progress.done = batch.front().position;
      std::vector<std::optional<int>> scores(batch.size());
      const auto look = [this, &batch, &scores](std::size_t place, std::string_view message) {
        scores[place] = look_through(batch[place], message);
      };
      const auto looked = co_await context_.store().look_at(view_->mailbox(), objects(batch), look);
      if (!looked) co_return fail(looked.error());
      for (std::size_t n = 0; n < batch.size(); ++n)
        if (scores[n]) found_.push_back({batch[n].position, *scores[n]});
    }
  }

  /// The score of a message that matches. Any thread.
  std::optional<int> look_through(Candidate candidate, std::string_view message) const {
    MessageText text(message);
    candidate.text = &text;
    return matcher_.match(candidate) == Truth::kYes ? score_of(candidate) : std::nullopt;
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
  const LookFor what_;
  std::size_t looks_ = 0;  // since others had their turn
  bool asked_index_ = false;
  std::unique_ptr<const TextFilter> filter_;  // null: nothing is known
  std::vector<Candidate> undecided_;
  Seen seen_;
  std::vector<Match> found_;
  std::optional<Reply> failed_;
};

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

}  // namespace quartet::imapd
