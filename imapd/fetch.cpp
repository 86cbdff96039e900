// FETCH: RFC 3501 section 6.4.5, CHANGEDSINCE and VANISHED (RFC 7162). Messages go in batches: one question to the
// store for many, bounded memory, and what a slow client has not taken is not read yet; nor are large messages, of
// which a client that does not read would hold as many octets in memory.
#include <algorithm>
#include <deque>
#include <memory>

#include "common/async/task_group.h"
#include "imapd/commands.h"
#include "imapd/fetch_known.h"
#include "imapd/fetch_plan.h"
#include "imapd/fetch_render.h"
#include "imapd/message_pieces.h"
#include "imapd/numbers.h"
#include "imapd/resync.h"
#include "imapd/search_result.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kBatchMessages = 128;
constexpr std::size_t kBatchCached = 512;  // messages of which only what the store keeps of them is sent
constexpr std::uint64_t kBatchBytes = 1024 * 1024;
// Of a larger message only the range that is asked for is read.
constexpr std::size_t kLarge = 64 * 1024;

// Batches that are read while one is sent, and the octets of all of these.
constexpr std::size_t kAhead = 3;
constexpr std::uint64_t kBytesAhead = 4 * kBatchBytes;

/// What went wrong with some of the messages.
struct Troubles {
  bool gone = false;         // expunged, and the bytes released
  bool not_decoded = false;  // BINARY of an unknown encoding
  std::optional<Reply> failed;
};

/// Messages that are read together.
struct Batch {
  std::vector<std::size_t> positions;
  std::uint64_t bytes = 0;
  std::vector<FetchSource> sources;  // as far as they are there
  store::CachedBatch cached;
  std::optional<Reply> failed;
  async::Event read;

  bool full(const FetchPlan& plan) const {
    return positions.size() >= (plan.bytes ? kBatchMessages : kBatchCached) || bytes >= kBatchBytes;
  }
};

/// Takes the messages apart into batches.
class Batches {
 public:
  /// All of it outlives this.
  Batches(const store::Snapshot& view, const FetchPlan& plan, const Positions& positions)
      : view_(view), plan_(plan), positions_(positions), next_(positions.empty() ? 0 : positions.front().first) {}

  /// Null at the end.
  std::unique_ptr<Batch> next() {
    if (range_ == positions_.size()) return nullptr;
    auto batch = std::make_unique<Batch>();
    while (range_ < positions_.size()) {
      const std::uint64_t size = plan_.bytes ? view_[next_].size : 0;
      if (batch->full(plan_) || (size >= kLarge && !batch->positions.empty())) break;
      batch->positions.push_back(next_);
      // A large message goes alone, so that it can be read in part, and piece by piece.
      batch->bytes += size >= kLarge ? std::max(size, kBatchBytes) : size;
      if (++next_ < positions_[range_].end) continue;
      if (++range_ < positions_.size()) next_ = positions_[range_].first;
    }
    return batch;
  }

 private:
  const store::Snapshot& view_;
  const FetchPlan& plan_;
  const Positions& positions_;
  std::size_t range_ = 0;
  std::size_t next_;
};

/// What PARTIAL leaves of the messages (RFC 9394 section 3.3).
Positions part_of(const Positions& positions, const PartialRange& range) {
  std::size_t count = 0;
  for (const auto& each : positions) count += each.end - each.first;
  auto [skipped, wanted] = slice_of(range, count);
  wanted -= skipped;
  Positions part;
  for (const auto& each : positions) {
    const auto first = each.first + std::min(skipped, each.end - each.first);
    skipped -= first - each.first;
    const auto end = first + std::min(wanted, each.end - first);
    wanted -= end - first;
    if (first < end) part.push_back({first, end});
  }
  return part;
}

/// Sets \Seen where it is missing, and notes the new flags in the sources.
async::Task<void> mark_seen(Context& context, std::vector<FetchSource>& sources) {
  store::UidSet unseen;
  for (const auto& source : sources)
    if ((source.flags & store::flag::kSeen) == 0) unseen.push_back({source.entry->uid, source.entry->uid});
  if (unseen.empty()) co_return;
  store::FlagChange change;
  change.flags = store::flag::kSeen;
  const auto stored = co_await context.store().store_flags(context.selected->ref(), std::move(unseen), change);
  // The client asked for the text: it gets it even if the flag cannot be written.
  if (!stored) {
    (void)failure(stored.error());
    co_return;
  }
  for (const auto& state : stored->messages) {
    const auto found = std::ranges::find_if(sources, [&](const FetchSource& s) { return s.entry->uid == state.uid; });
    if (found == sources.end()) continue;
    // What another session has given it since may have a name that the view does not know yet. It is left out here: the
    // refresh at the end, which brings the names, tells the flags again.
    const auto unknown = state.flags & ~found->entry->flags & store::kAllKeywords;
    found->flags = state.flags & ~unknown;
    found->modseq = state.modseq;
    found->tell_flags = true;
    found->tell_modseq = found->tell_modseq || context.enabled.condstore;
    if (unknown == 0) context.told.push_back(state);
  }
  context.changed = true;
}

/// A large message, of which so much is needed: in memory if that is little, else opened.
async::Task<std::optional<store::StoreError>> open_one(Context& context, FetchSource& source, mime::ByteRange range) {
  auto opened = co_await context.store().open(context.selected->ref(), source.entry->object);
  if (!opened) co_return opened.error();
  if (range.size > kPiece) {
    source.opened = *std::move(opened);
    co_return std::nullopt;
  }
  auto piece = co_await opened->read(range.offset, range.size);
  if (!piece) co_return piece.error();
  source.piece = *std::move(piece);
  source.offset = range.offset;
  co_return std::nullopt;
}

/// Structure and bytes of each message; those that are gone leave the sources.
async::Task<std::optional<Reply>> read_bytes(Context& context, const FetchPlan& plan,
                                             std::vector<FetchSource>& sources) {
  for (auto& source : sources)
    if (plan.parts) source.parts = mime::decode_parts(source.cached->parts, source.entry->size);
  const auto ref = context.selected->ref();
  if (sources.size() == 1 && sources[0].entry->size >= kLarge && (!plan.parts || sources[0].parts)) {
    auto& source = sources[0];
    const auto range = needed_range(plan, source.parts ? &*source.parts : nullptr, source.entry->size);
    if (range.size < source.entry->size || range.size > kPiece) {
      const auto error = co_await open_one(context, source, range);
      if (!error) co_return std::nullopt;
      if (error->code != store::ErrorCode::kNoMessage) co_return failure(*error);
      sources.clear();
      co_return std::nullopt;
    }
  }
  std::vector<store::ObjectId> objects;
  for (const auto& source : sources) objects.push_back(source.entry->object);
  auto read = co_await context.store().read_many(ref, std::move(objects));
  if (!read) co_return failure(read.error());
  for (std::size_t n = 0; n < sources.size(); ++n) sources[n].whole = std::move((*read)[n]);
  std::erase_if(sources, [](const FetchSource& source) { return source.whole == nullptr; });
  for (auto& source : sources)
    if (plan.parts && !source.parts) source.parts = mime::parse_structure(*source.whole);
  co_return std::nullopt;
}

/// Those that are gone leave the sources.
async::Task<std::optional<Reply>> read_details(Context& context, std::vector<FetchSource>& sources) {
  store::UidSet uids;
  for (const auto& source : sources) uids.push_back({source.entry->uid, source.entry->uid});
  const auto details = co_await context.store().details(context.selected->ref(), std::move(uids));
  if (!details) co_return failure(details.error());
  std::erase_if(sources, [&details](FetchSource& source) {
    const auto found = std::ranges::lower_bound(*details, source.entry->uid, {}, &store::MessageDetails::uid);
    if (found == details->end() || found->uid != source.entry->uid) return true;
    source.details = *found;
    return false;
  });
  co_return std::nullopt;
}

/// What begins with the header and may end behind it.
async::Task<store::Result<std::string>> read_header(store::OpenMessage message) {
  std::string header;
  while (!header.starts_with("\r\n") && !header.contains("\r\n\r\n")) {
    const auto piece = co_await message.read(header.size(), kPiece);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    header += *piece;
  }
  co_return header;
}

/// The header of a message where its fields are too long to be kept; false if it is gone.
async::Task<bool> read_one(Context& context, FetchSource& source, Troubles& troubles) {
  auto header = store::Result<std::string>();
  auto opened = co_await context.store().open(context.selected->ref(), source.entry->object);
  if (opened)
    header = co_await read_header(*std::move(opened));
  else
    header = std::unexpected(opened.error());
  if (header) {
    source.piece = *std::move(header);
    co_return true;
  }
  if (header.error().code == store::ErrorCode::kNoMessage)
    troubles.gone = true;
  else
    troubles.failed = failure(header.error());
  co_return false;
}

async::Task<std::optional<Reply>> read_sources(Context& context, const FetchPlan& plan, Batch& batch) {
  const auto view = context.selected->view();
  auto& sources = batch.sources;
  std::vector<store::ObjectId> objects;
  for (const auto position : batch.positions) {
    sources.push_back(source_of(*view, position, plan));
    objects.push_back(sources.back().entry->object);
  }
  if (plan.cached != 0) {
    auto fetched = co_await context.store().fetch_cached(context.selected->ref(), std::move(objects), plan.cached);
    if (!fetched) co_return failure(fetched.error());
    batch.cached = *std::move(fetched);
    for (std::size_t n = 0; n < sources.size(); ++n) sources[n].cached = &batch.cached.items()[n];
    std::erase_if(sources, [](const FetchSource& source) { return !source.cached->found; });
  }
  if (plan.details) {
    auto failed = co_await read_details(context, sources);
    if (failed) co_return failed;
  }
  if (!plan.bytes || sources.empty()) co_return std::nullopt;
  co_return co_await read_bytes(context, plan, sources);
}

/// `batch` outlives the task.
async::Task<void> read_batch(Context& context, const FetchPlan& plan, Batch& batch) {
  batch.failed = co_await read_sources(context, plan, batch);
  batch.read.set();
}

async::Task<void> send_batch(Context& context, const FetchPlan& plan, Batch& batch, Troubles& troubles) {
  troubles.failed = batch.failed;
  if (troubles.failed) co_return;
  if (batch.sources.size() < batch.positions.size()) troubles.gone = true;
  if (plan.sets_seen) co_await mark_seen(context, batch.sources);
  for (auto& source : batch.sources) {
    if (!plan.bytes && (plan.cached & store::cached::kFields) != 0 && !source.has_fields()) {
      const bool there = co_await read_one(context, source, troubles);
      if (troubles.failed) co_return;
      if (!there) continue;
    }
    const bool decoded = co_await render(context, plan, source);
    if (!decoded) troubles.not_decoded = true;
    source.whole.reset();
    source.piece = {};
    source.opened.reset();
  }
}

async::Task<void> fetch_batches(Context& context, const FetchPlan& plan, const Positions& positions,
                                Troubles& troubles) {
  const auto view = context.selected->view();
  Batches batches(*view, plan, positions);
  std::deque<std::unique_ptr<Batch>> ahead;
  std::uint64_t bytes = 0;
  async::TaskGroup reads;
  for (bool more = true; more || !ahead.empty();) {
    while (more && (ahead.empty() || (ahead.size() < kAhead && bytes < kBytesAhead))) {
      auto batch = batches.next();
      more = batch != nullptr;
      if (!more) break;
      bytes += batch->bytes;
      ahead.push_back(std::move(batch));
      reads.spawn(read_batch(context, plan, *ahead.back()));
    }
    if (ahead.empty()) break;
    const auto batch = std::move(ahead.front());
    ahead.pop_front();
    co_await batch->read.wait_uncancellable();
    if (!troubles.failed && !context.output.failed()) co_await send_batch(context, plan, *batch, troubles);
    bytes -= batch->bytes;
    more = more && !troubles.failed && !context.output.failed();
  }
  co_await reads.join();
}

}  // namespace

Answer fetch(Context& context, const Fetch& command, bool uid) {
  if (command.vanished && !context.enabled.qresync) co_return Reply::bad("Enable QRESYNC first");
  auto positions = find_messages(*context.selected, command.set, uid);
  if (!positions) co_return positions.error();
  auto plan = make_plan(command.items, !context.enabled.uidonly,
                        context.selected->read_only() || !context.selected->rights().has("s"));
  plan.modseq = plan.modseq || command.changed_since;
  if (plan.modseq) enable_condstore(context);
  // What tells of \Seen that was set along the way has UID and MODSEQ (RFC 7162 section 3.2.4).
  if (!uid && !(plan.sets_seen && context.enabled.condstore)) plan.add_uid = false;
  if (command.vanished) {
    const auto told =
        co_await append_vanished(context, *command.changed_since, named_uids(*context.selected, command.set));
    if (!told) co_return failure(told.error());
  }
  // In this order: RFC 9394 section 3.4.
  if (command.partial) positions = part_of(*positions, *command.partial);
  if (command.changed_since) positions = changed_since(*context.selected->view(), *positions, *command.changed_since);
  Troubles troubles;
  if (plan.in_columns()) {
    const auto others = [&](Positions left) -> async::Task<void> {
      co_await fetch_batches(context, plan, left, troubles);
    };
    const auto failed = co_await fetch_known(context, plan, *positions, others);
    if (failed) co_return failure(*failed);
  } else {
    co_await fetch_batches(context, plan, *positions, troubles);
  }
  if (troubles.failed) co_return *troubles.failed;
  if (troubles.not_decoded) co_return Reply::no("A part cannot be decoded", "UNKNOWN-CTE");
  // A UID without a message is no error (RFC 9051 section 6.4.9).
  if (troubles.gone && uid) co_return Reply::ok("Some of the messages are gone", "EXPUNGEISSUED");
  if (troubles.gone) co_return Reply::no("Some of the messages are gone", "EXPUNGEISSUED");
  co_return Reply::ok("Fetched");
}

}  // namespace quartet::imapd
