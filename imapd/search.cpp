// SEARCH: RFC 3501 section 6.4.4, with results as RFC 4731 (ESEARCH) and RFC 5182 ("$") want them.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "common/async/thread_pool.h"
#include "imapd/commands.h"
#include "imapd/proto/writer.h"
#include "imapd/search_match.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kHeaderBatch = 256;
constexpr std::uint64_t kTextBatchBytes = 1024 * 1024;
// Looking through this much takes long enough to hold up the other sessions of the loop.
constexpr std::size_t kLong = 64 * 1024;

using Found = std::vector<std::size_t>;  // positions, ascending

/// One SEARCH on its way through the view.
class Searcher {
 public:
  Searcher(Context& context, const Matcher& matcher)
      : context_(context), matcher_(matcher), view_(context.selected->view()) {}

  /// The positions that match, or why the store could not be asked.
  async::Task<std::expected<Found, Reply>> run() {
    for (std::size_t position = 0; position < view_->size(); ++position) {
      Candidate candidate;
      candidate.position = position;
      candidate.entry = &(*view_)[position];
      decide(candidate, undecided_);
      if (undecided_.size() < kHeaderBatch) continue;
      co_await ask_store();
      if (failed_) co_return std::unexpected(*failed_);
    }
    co_await ask_store();
    if (failed_) co_return std::unexpected(*failed_);
    std::sort(found_.begin(), found_.end());
    co_return std::move(found_);
  }

 private:
  void decide(const Candidate& candidate, std::vector<Candidate>& undecided) {
    const auto result = matcher_.match(candidate);
    if (result == Truth::kYes) found_.push_back(candidate.position);
    if (result == Truth::kUnknown) undecided.push_back(candidate);
  }

  async::Task<void> ask_store() {
    auto candidates = std::exchange(undecided_, {});
    if (candidates.empty()) co_return;
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
      unread = std::move(candidates);
    }
    co_await read_texts(unread);
  }

  async::Task<void> read_texts(const std::vector<Candidate>& unread) {
    for (std::size_t next = 0; next < unread.size() && !failed_;) {
      std::vector<Candidate> batch;
      std::uint64_t bytes = 0;
      for (; next < unread.size() && (batch.empty() || bytes + unread[next].entry->size <= kTextBatchBytes); ++next) {
        bytes += unread[next].entry->size;
        batch.push_back(unread[next]);
      }
      const auto read = co_await context_.store().read_many(view_->mailbox(), objects(batch));
      if (!read) co_return fail(read.error());
      for (std::size_t n = 0; n < batch.size(); ++n) {
        if ((*read)[n] == nullptr) continue;
        const bool matches = co_await look_through(batch[n], (*read)[n]);
        if (matches) found_.push_back(batch[n].position);
      }
    }
  }

  async::Task<bool> look_through(Candidate candidate, store::Bytes message) {
    const auto look = [this, &candidate, &message] {
      MessageText text(*message);
      candidate.text = &text;
      return matcher_.match(candidate) == Truth::kYes;
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
  std::vector<Candidate> undecided_;
  Found found_;
  std::optional<Reply> failed_;
};

std::vector<std::uint32_t> numbers_of(const store::Snapshot& view, const Found& found, bool uid) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(found.size());
  for (const auto position : found)
    numbers.push_back(uid ? view[position].uid : static_cast<std::uint32_t>(position + 1));
  return numbers;
}

void append_search(std::string& out, const std::vector<std::uint32_t>& numbers) {
  out += "* SEARCH";
  for (const auto number : numbers) fmt::format_to(std::back_inserter(out), " {}", number);
  out += "\r\n";
}

/// RFC 4731 section 3.1: MIN, MAX and ALL are left out when nothing was found.
void append_esearch(std::string& out, const Search& command, const std::string& tag, bool uid,
                    const std::vector<std::uint32_t>& numbers) {
  const auto into = std::back_inserter(out);
  out += "* ESEARCH (TAG ";
  append_quoted(out, tag);
  out += uid ? ") UID" : ")";
  if (!numbers.empty()) {
    if (command.return_min) fmt::format_to(into, " MIN {}", numbers.front());
    if (command.return_max) fmt::format_to(into, " MAX {}", numbers.back());
    if (command.return_all) fmt::format_to(into, " ALL {}", to_sequence_text(numbers));
  }
  if (command.return_count) fmt::format_to(into, " COUNT {}", numbers.size());
  out += "\r\n";
}

/// RFC 5182 section 2.4: with MIN or MAX and nothing that stands for all of them, only these are saved.
store::UidSet to_save(const store::Snapshot& view, const Search& command, const Found& found) {
  store::UidSet uids;
  if (found.empty()) return uids;
  const auto add = [&](std::size_t position) { uids.push_back({view[position].uid, view[position].uid}); };
  if (command.return_all || command.return_count || (!command.return_min && !command.return_max)) {
    for (const auto position : found) add(position);
    return uids;
  }
  if (command.return_min) add(found.front());
  if (command.return_max && (!command.return_min || found.size() > 1)) add(found.back());
  return uids;
}

}  // namespace

Answer search(Context& context, const Search& command, const std::string& tag, bool uid) {
  auto& selected = *context.selected;
  const auto matcher = Matcher::make(selected, command.key);
  if (!matcher) co_return matcher.error();
  Searcher searcher(context, *matcher);
  const auto found = co_await searcher.run();
  if (!found) {
    // RFC 5182 section 2.1: what a failed SEARCH would have saved is nothing.
    if (command.return_save) selected.save({});
    co_return found.error();
  }
  const auto& view = *selected.view();
  if (command.return_save) selected.save(to_save(view, command, *found));
  const auto numbers = numbers_of(view, *found, uid);
  const bool speaks = command.return_min || command.return_max || command.return_all || command.return_count;
  if (!command.extended)
    append_search(context.output.text(), numbers);
  else if (speaks || !command.return_save)
    append_esearch(context.output.text(), command, tag, uid, numbers);
  co_return Reply::ok("Searched");
}

}  // namespace quartet::imapd
