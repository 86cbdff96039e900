#include "imapd/text_index.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/async/wait.h"
#include "common/log/log.h"
#include "imapd/text_match.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMostTexts = 64;    // of one search
constexpr std::size_t kMostChunks = 128;  // of one segment for one text: with more to read it rules out little

/// Whether numbers, most of them ascending, are in an ascending list.
class Finder {
 public:
  explicit Finder(const std::vector<store::ObjectId>& all) : all_(all) {}
  bool has(store::ObjectId object) {
    if (at_ + 1 < all_.size() && all_[at_ + 1] == object) {
      ++at_;
      return true;
    }
    const auto place = all_.begin() + static_cast<std::ptrdiff_t>(at_);
    const bool behind = place == all_.end() || *place >= object;
    const auto found =
        behind ? std::lower_bound(all_.begin(), place, object) : std::lower_bound(place, all_.end(), object);
    at_ = static_cast<std::size_t>(found - all_.begin());
    return found != all_.end() && *found == object;
  }

 private:
  const std::vector<store::ObjectId>& all_;
  std::size_t at_ = 0;
};

std::vector<bool> ruled_out(const store::Snapshot& view, const std::vector<store::ObjectId>& covered,
                            const std::vector<store::ObjectId>& possible) {
  std::vector<bool> out;
  out.reserve(view.size());
  Finder is_covered(covered);
  Finder is_possible(possible);
  for (const auto& block : view.blocks())
    for (const auto& entry : *block) out.push_back(is_covered.has(entry.object) && !is_possible.has(entry.object));
  return out;
}

std::string read_range(const std::map<std::uint64_t, std::shared_ptr<const std::string>>& chunks, std::uint64_t begin,
                       std::uint64_t length) {
  std::string out;
  while (length > 0) {
    const auto chunk = chunks.find(begin / kChunk);
    const auto offset = begin % kChunk;
    if (chunk == chunks.end() || offset >= chunk->second->size()) return out;
    const auto piece = std::min<std::uint64_t>(length, chunk->second->size() - offset);
    out.append(*chunk->second, offset, piece);
    begin += piece;
    length -= piece;
  }
  return out;
}

/// By the workers, if there are any.
template <typename F>
async::Task<void> run_in(async::ThreadPool* workers, F& function) {
  if (workers == nullptr)
    function();
  else
    co_await async::offload(*workers, [&function] { function(); });
}

}  // namespace

TextIndex::TextIndex(store::TextShelf& shelf, Options options)
    : shelf_(shelf), options_(options), cache_(options.most_octets) {}

async::Task<std::unique_ptr<const TextFilter>> TextIndex::look_up(store::SnapshotPtr view,
                                                                  std::vector<std::string> texts,
                                                                  async::ThreadPool* workers) {
  const auto account = view->mailbox();
  const auto opened = co_await open_all(account);
  if (opened.empty()) co_return nullptr;
  const auto covered = coverage(account, opened);
  auto filter = std::make_unique<TextFilter>();
  bool knows = false;
  if (texts.size() > kMostTexts) texts.resize(kMostTexts);
  for (auto& text : texts) {
    const auto objects = co_await possible(account, opened, std::move(text), workers);
    knows |= objects.has_value();
    filter->add(objects ? ruled_out(*view, covered->objects, *objects) : std::vector<bool>());
  }
  co_return knows ? std::move(filter) : nullptr;
}

async::Task<std::vector<TextIndex::Opened>> TextIndex::open_all(store::MailboxRef account) {
  std::vector<Opened> opened;
  const auto listed = co_await shelf_.segments(account);
  if (!listed) {
    log::warn("text_index.unreadable", {{"shard", account.shard}, {"reason", listed.error().detail}});
    co_return opened;
  }
  for (const auto& row : *listed) {
    if (row.version != text_version()) continue;
    auto head = co_await open(account, row);
    if (head != nullptr) opened.push_back({row, std::move(head)});
  }
  co_return opened;
}

std::shared_ptr<const TextIndex::Coverage> TextIndex::coverage(store::MailboxRef account,
                                                               const std::vector<Opened>& opened) {
  const TextCache::Key key{TextCache::Kind::kCoverage, account.shard, account.account, 0};
  std::vector<std::int64_t> segments;
  for (const auto& each : opened) segments.push_back(each.row.id);
  if (auto known = cache_.find<Coverage>(key); known != nullptr && known->segments == segments) return known;
  auto made = std::make_shared<Coverage>();
  made->segments = std::move(segments);
  auto& objects = made->objects;
  for (const auto& each : opened)
    objects.insert(objects.end(), each.head->objects().begin(), each.head->objects().end());
  std::ranges::sort(objects);
  const auto same = std::ranges::unique(objects);
  objects.erase(same.begin(), same.end());
  cache_.add(key, made, sizeof(Coverage) + objects.capacity() * sizeof(store::ObjectId));
  return made;
}

async::Task<std::optional<TextIndex::Objects>> TextIndex::possible(store::MailboxRef account,
                                                                   const std::vector<Opened>& opened, std::string text,
                                                                   async::ThreadPool* workers) {
  const auto pieces = needle_pieces(text);
  if (pieces.empty()) co_return std::nullopt;
  std::vector<TextPlan> plans(opened.size());
  auto plan_all = [&] {
    for (std::size_t n = 0; n < opened.size(); ++n) plans[n] = opened[n].head->plan(pieces);
  };
  co_await run_in(workers, plan_all);
  if (std::ranges::all_of(plans, [](const TextPlan& plan) { return plan.steps.empty(); })) co_return std::nullopt;
  Objects objects;
  for (std::size_t n = 0; n < opened.size(); ++n) {
    const auto& segment = *opened[n].head;
    Chunks chunks;
    const bool fetched = co_await fetch(account, opened[n], plans[n], chunks);
    if (!fetched) plans[n].steps.clear();
    std::optional<Places> places;
    auto carry_out = [&] {
      places = segment.carry_out(plans[n], [&](const ListRange& range) {
        return read_range(chunks, segment.prefix().head_bytes() + range.offset, range.length);
      });
    };
    co_await run_in(workers, carry_out);
    if (places)
      for (const auto place : *places) objects.push_back(segment.objects()[place]);
    else
      objects.insert(objects.end(), segment.objects().begin(), segment.objects().end());
    if (!places) co_await discard(account, opened[n].row.id);
  }
  std::ranges::sort(objects);
  co_return objects;
}

async::Task<bool> TextIndex::fetch(store::MailboxRef account, const Opened& opened, const TextPlan& plan,
                                   Chunks& chunks) {
  std::set<std::uint64_t> wanted;
  for (const auto& step : plan.steps)
    for (const auto* const ranges : {&step.any, &step.all})
      for (const auto& range : *ranges) {
        const auto [first, end] = opened.head->chunks_of(range);
        for (auto number = first; number < end; ++number) wanted.insert(number);
      }
  if (wanted.size() > kMostChunks) co_return false;
  for (auto it = wanted.begin(); it != wanted.end();) {
    const auto first = *it;
    auto end = first;
    for (; it != wanted.end() && *it == end; ++it) ++end;
    const bool fetched = co_await fetch_range(account, opened.row.id, first, end, chunks, true);
    if (!fetched) co_return false;
  }
  co_return true;
}

async::Task<bool> TextIndex::fetch_range(store::MailboxRef account, std::int64_t segment, std::uint64_t first,
                                         std::uint64_t end, Chunks& chunks, bool keep) {
  const auto key = [&](std::uint64_t number) {
    return TextCache::Key{TextCache::Kind::kChunk, account.shard, segment, number};
  };
  for (; first < end; ++first) {
    auto known = cache_.find<std::string>(key(first));
    if (known == nullptr) break;
    chunks[first] = std::move(known);
  }
  if (first == end) co_return true;
  const auto read = co_await shelf_.chunks(account.shard, segment, first, end - first);
  // Fewer: it was replaced, and swept away, after it was listed.
  if (!read || read->size() < end - first) co_return false;
  for (const auto& octets : *read) {
    const auto opened = open_chunk(octets);
    if (!opened) {
      co_await discard(account, segment);
      co_return false;
    }
    auto chunk = std::make_shared<const std::string>(*opened);
    if (keep) cache_.add(key(first), chunk, chunk->capacity() + sizeof(*chunk));
    chunks[first++] = std::move(chunk);
  }
  co_return true;
}

async::Task<std::shared_ptr<const Segment>> TextIndex::open(store::MailboxRef account, store::TextSegment segment) {
  const TextCache::Key key{TextCache::Kind::kHead, account.shard, segment.id, 0};
  if (auto known = cache_.find<Segment>(key)) co_return known;
  if (segment.version != text_version()) co_return nullptr;
  Chunks chunks;
  bool fetched = co_await fetch_range(account, segment.id, 0, 1, chunks, false);
  if (!fetched) co_return nullptr;
  const auto prefix = read_prefix(*chunks[0]);
  const auto size = prefix ? prefix->head_bytes() : 0;
  if (size > kChunk) {
    fetched = co_await fetch_range(account, segment.id, 1, (size - 1) / kChunk + 1, chunks, false);
    if (!fetched) co_return nullptr;
  }
  auto parsed = Segment::parse(read_range(chunks, 0, size));
  if (!parsed || parsed->prefix().version != segment.version) {
    co_await discard(account, segment.id);
    co_return nullptr;
  }
  auto head = std::make_shared<const Segment>(*std::move(parsed));
  cache_.add(key, head, head->octets());
  co_return head;
}

async::Task<std::optional<std::string>> TextIndex::read_whole(store::MailboxRef account, store::TextSegment segment) {
  std::string whole;
  constexpr std::uint64_t kAtOnce = 16;
  for (std::uint64_t first = 0;; first += kAtOnce) {
    // Not by way of the cache: who searches does not need all of it.
    const auto read = co_await shelf_.chunks(account.shard, segment.id, first, kAtOnce);
    if (!read) co_return std::nullopt;
    for (const auto& octets : *read) {
      const auto opened = open_chunk(octets);
      if (!opened) {
        co_await discard(account, segment.id);
        co_return std::nullopt;
      }
      whole += *opened;
    }
    if (read->size() < kAtOnce) co_return whole;
  }
}

async::Task<void> TextIndex::discard(store::MailboxRef account, std::int64_t segment) {
  log::warn("text_index.damaged", {{"shard", account.shard}, {"account", account.account}, {"segment", segment}});
  (void)co_await shelf_.discard(account, segment);
}

}  // namespace quartet::imapd
