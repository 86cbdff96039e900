#include "imapd/text_indexer.h"

#include <sys/resource.h>

#include <algorithm>

#include "common/async/loop.h"
#include "common/base/id.h"
#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "imapd/text_index/merge.h"
#include "imapd/text_index/segment_builder.h"
#include "imapd/text_match.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kReadMessages = 64;
constexpr std::uint64_t kReadOctets = 1024 * 1024;
constexpr int kNice = 10;  // sessions and deliveries come first

bool contains(const std::vector<store::ObjectId>& objects, store::ObjectId object) {
  return std::ranges::binary_search(objects, object);
}

}  // namespace

TextIndexer::TextIndexer(store::Store& store, TextIndex& index, Options options)
    : store_(store), index_(index), shelf_(index.shelf()), options_(options), owner_(Id::make().number()) {}

TextIndexer::~TextIndexer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void TextIndexer::start() {
  thread_ = std::thread([this] { run(); });
}

void TextIndexer::run() {
  // Of this thread alone, on Linux.
  (void)::setpriority(PRIO_PROCESS, 0, kNice);
  async::Loop loop;
  while (!stopping()) {
    loop.block_on(pass());
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, options_.interval, [this] { return stopping(); });
  }
  // Another process need not wait for the turn.
  for (const auto& [shard, state] : shards_) (void)loop.block_on(shelf_.end_turn(shard, owner_));
}

async::Task<void> TextIndexer::pass() {
  for (const auto shard : shelf_.shards()) {
    if (stopping()) break;
    const auto turn = co_await shelf_.take_turn(shard, owner_, options_.turn);
    if (!turn) failed(shard, turn.error());
    if (!turn || !*turn) {
      shards_.erase(shard);
      continue;
    }
    turn_taken_ = std::chrono::steady_clock::now();
    co_await look_after_shard(shard);
    show_figures();
  }
  if (std::chrono::steady_clock::now() - swept_ < options_.keep_replaced / 4) co_return;
  swept_ = std::chrono::steady_clock::now();
  std::vector<std::uint32_t> ours;
  for (const auto& [shard, state] : shards_) ours.push_back(shard);
  for (const auto shard : ours) {
    const auto swept = co_await shelf_.sweep(shard, options_.keep_replaced);
    if (!swept) failed(shard, swept.error());
  }
}

async::Task<bool> TextIndexer::keep_turn(std::uint32_t shard) {
  if (stopping()) co_return false;
  if (std::chrono::steady_clock::now() - turn_taken_ < options_.turn / 3) co_return true;
  const auto turn = co_await shelf_.take_turn(shard, owner_, options_.turn);
  turn_taken_ = std::chrono::steady_clock::now();
  co_return turn.value_or(false);
}

async::Task<void> TextIndexer::look_after_shard(std::uint32_t shard) {
  const auto accounts = co_await shelf_.accounts(shard, text_version());
  if (!accounts) co_return failed(shard, accounts.error());
  auto& state = shards_[shard];
  bool anything = false;
  for (const auto& account : *accounts) {
    const bool ours = co_await keep_turn(shard);
    if (!ours) co_return;
    const auto known = state.accounts.find(account.ref.account);
    const bool is_known = known != state.accounts.end() && known->second.indexed == account.indexed;
    if (is_known ? known->second.checked == account.modseq : account.indexed == account.modseq) continue;
    auto& each = state.accounts[account.ref.account];
    // Another process was at it, or a segment was found damaged: what is covered is looked at anew.
    if (!is_known) {
      each = {};
      each.indexed = each.checked = account.indexed;
    }
    co_await look_after(account, each);
    anything = true;
  }
  if (!anything && state.counted) co_return;
  state.counted = true;
  const auto now = co_await shelf_.accounts(shard, text_version());
  if (!now) co_return failed(shard, now.error());
  state.waiting = state.covered = state.bytes = 0;
  for (const auto& [account, each] : state.accounts) state.waiting += each.waiting.size();
  for (const auto& account : *now) {
    state.covered += account.covered;
    state.bytes += account.bytes;
  }
}

async::Task<void> TextIndexer::look_after(store::TextAccount account, Account& state) {
  const bool found = co_await find_new(account, state);
  if (!found || !is_worth(state)) co_return;
  // Most changes are of flags. What is covered is read only now: where little happens, it would be read for nothing.
  const auto known = co_await covered(account.ref);
  std::erase_if(state.waiting, [&known](const auto& message) { return contains(known, message.object); });
  if (!is_worth(state)) co_return;
  const bool indexed = co_await index_waiting(account.ref, state);
  if (indexed) co_await merge(account);
}

bool TextIndexer::is_worth(const Account& state) const {
  std::uint64_t bytes = 0;
  for (const auto& message : state.waiting) bytes += message.size;
  return state.waiting.size() >= options_.worth_messages || bytes >= options_.worth_bytes;
}

async::Task<bool> TextIndexer::find_new(store::TextAccount account, Account& state) {
  auto messages = co_await shelf_.messages(account.ref, state.checked);
  if (!messages) {
    failed(account.ref.shard, messages.error());
    co_return false;
  }
  state.waiting.insert(state.waiting.end(), messages->begin(), messages->end());
  std::ranges::sort(state.waiting, {}, &store::TextMessage::object);
  const auto same = std::ranges::unique(state.waiting, {}, &store::TextMessage::object);
  state.waiting.erase(same.begin(), same.end());
  // Messages that came since are at most listed twice.
  state.checked = account.modseq;
  co_return true;
}

async::Task<std::vector<store::ObjectId>> TextIndexer::covered(store::MailboxRef account) {
  std::vector<store::ObjectId> objects;
  const auto segments = co_await shelf_.segments(account);
  if (!segments) co_return objects;
  for (const auto& segment : *segments) {
    if (segment.version != text_version()) {
      (void)co_await shelf_.discard(account, segment.id);
      continue;
    }
    const auto head = co_await index_.open(account, segment);
    if (head != nullptr) objects.insert(objects.end(), head->objects().begin(), head->objects().end());
  }
  std::ranges::sort(objects);
  co_return objects;
}

async::Task<bool> TextIndexer::index_waiting(store::MailboxRef account, Account& state) {
  const auto waiting = std::exchange(state.waiting, {});
  // Counted anew when the shard is through.
  auto& figures = shards_[account.shard];
  figures.waiting += waiting.size();
  for (std::size_t next = 0; next < waiting.size();) {
    const bool ours = co_await keep_turn(account.shard);
    const auto before = next;
    bool kept = false;
    if (ours) kept = co_await index_batch(account, waiting, next);
    if (!kept) {
      // All of it is found again.
      state.checked = state.indexed;
      co_return false;
    }
    figures.waiting -= next - before;
    figures.covered += next - before;
    show_figures();
  }
  const auto done = co_await shelf_.set_indexed(account, state.checked);
  if (!done) failed(account.shard, done.error());
  if (done) state.indexed = state.checked;
  co_return done.has_value();
}

async::Task<bool> TextIndexer::index_batch(store::MailboxRef account, const std::vector<store::TextMessage>& messages,
                                           std::size_t& next) {
  static auto& indexed =
      metrics::counter("quartet_imapd_text_indexed_total", "Messages whose texts were put into the index for searches");
  SegmentBuilder builder(text_version());
  while (next < messages.size() && builder.objects() < options_.batch_messages &&
         builder.octets() < options_.batch_octets && !stopping()) {
    std::vector<store::ObjectId> objects;
    for (std::uint64_t octets = 0; next < messages.size() && objects.size() < kReadMessages && octets < kReadOctets;
         octets += messages[next++].size)
      objects.push_back(messages[next].object);
    const auto bodies = co_await read(account, objects);
    for (std::size_t n = 0; n < objects.size(); ++n) {
      if (bodies[n] == nullptr) continue;
      MessageText text(*bodies[n]);
      const auto texts = text.all_texts();
      std::uint64_t size = 0;
      for (const auto each : texts) size += each.size();
      if (size > options_.most_text) continue;
      builder.begin(objects[n]);
      for (const auto each : texts) builder.add(each);
    }
  }
  const auto count = builder.objects();
  if (count == 0) co_return !stopping();
  store::NewTextSegment segment{
      .version = text_version(), .messages = count, .chunks = to_chunks(builder.finish()), .replaces = {}};
  const auto added = co_await shelf_.add(account, std::move(segment));
  if (!added) failed(account.shard, added.error());
  if (added) indexed.add(count);
  co_return added.has_value();
}

async::Task<std::vector<store::Bytes>> TextIndexer::read(store::MailboxRef account,
                                                         std::vector<store::ObjectId> objects) {
  auto bodies = co_await store_.read_many(account, objects);
  if (bodies) co_return *std::move(bodies);
  // One of them is damaged: the others can be read.
  std::vector<store::Bytes> each;
  for (const auto object : objects) {
    auto body = co_await store_.read(account, object);
    each.push_back(body ? *std::move(body) : nullptr);
  }
  co_return each;
}

async::Task<void> TextIndexer::merge(store::TextAccount account) {
  for (;;) {
    const bool ours = co_await keep_turn(account.ref.shard);
    if (!ours) co_return;
    const auto segments = co_await shelf_.segments(account.ref);
    if (!segments) co_return failed(account.ref.shard, segments.error());
    auto chosen = segments_to_merge(*segments, options_.merge);
    if (chosen.empty()) chosen = co_await sparse(account, *segments);
    if (chosen.empty()) co_return;
    const bool merged = co_await merge_into_one(account, std::move(chosen));
    if (!merged) co_return;
  }
}

async::Task<std::vector<store::TextSegment>> TextIndexer::sparse(store::TextAccount account,
                                                                 const std::vector<store::TextSegment>& segments) {
  std::vector<store::TextSegment> chosen;
  std::uint64_t about = 0;
  for (const auto& segment : segments) about += segment.messages;
  if (about <= 2 * account.messages + options_.worth_messages) co_return chosen;
  const auto messages = co_await shelf_.messages(account.ref, 0);
  if (!messages) co_return chosen;
  std::vector<store::ObjectId> there;
  for (const auto& message : *messages) there.push_back(message.object);
  std::uint64_t bytes = 0;
  for (const auto& segment : segments) {
    const auto head = co_await index_.open(account.ref, segment);
    if (head == nullptr) continue;
    const auto living = std::ranges::count_if(head->objects(), [&](auto object) { return contains(there, object); });
    const bool is_sparse = 2 * static_cast<std::uint64_t>(living) < segment.messages;
    if (!is_sparse || bytes + segment.bytes > options_.merge.most_bytes) continue;
    bytes += segment.bytes;
    chosen.push_back(segment);
  }
  co_return chosen;
}

async::Task<bool> TextIndexer::merge_into_one(store::TextAccount account, std::vector<store::TextSegment> segments) {
  const auto messages = co_await shelf_.messages(account.ref, 0);
  if (!messages) co_return false;
  std::vector<std::string> octets;
  std::vector<Segment> heads;
  std::vector<std::int64_t> replaces;
  for (const auto& segment : segments) {
    auto whole = co_await index_.read_whole(account.ref, segment);
    auto head = whole ? Segment::parse(*whole) : std::nullopt;
    if (!head) co_return false;
    octets.push_back(*std::move(whole));
    heads.push_back(*std::move(head));
    replaces.push_back(segment.id);
  }
  std::vector<WholeSegment> whole;
  for (std::size_t n = 0; n < heads.size(); ++n) whole.push_back({&heads[n], octets[n]});
  const auto merged = merge_segments(whole, text_version(), [&messages](TextObject object) {
    return std::ranges::binary_search(*messages, object, {}, &store::TextMessage::object);
  });
  if (!merged) co_return false;
  const auto prefix = read_prefix(*merged);
  const auto added = co_await shelf_.add(account.ref, {.version = text_version(),
                                                       .messages = prefix->objects,
                                                       .chunks = to_chunks(*merged),
                                                       .replaces = std::move(replaces)});
  if (!added) failed(account.ref.shard, added.error());
  co_return added.has_value();
}

void TextIndexer::show_figures() {
  static auto& waiting =
      metrics::gauge("quartet_imapd_text_index_waiting",
                     "Messages that came or changed and that the index for searches has not looked at yet");
  static auto& covered = metrics::gauge("quartet_imapd_text_index_messages", "Messages in the index for searches");
  static auto& bytes = metrics::gauge("quartet_imapd_text_index_bytes", "Octets of the index for searches");
  ShardState sum;
  for (const auto& [shard, state] : shards_) {
    sum.waiting += state.waiting;
    sum.covered += state.covered;
    sum.bytes += state.bytes;
  }
  waiting.set(static_cast<double>(sum.waiting));
  covered.set(static_cast<double>(sum.covered));
  bytes.set(static_cast<double>(sum.bytes));
}

void TextIndexer::failed(std::uint32_t shard, const store::StoreError& error) {
  log::warn("text_index.failed", {{"shard", shard}, {"reason", error.detail}});
}

}  // namespace quartet::imapd
