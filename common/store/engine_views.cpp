// What sessions look at: snapshots, changes, cached data, bytes.
#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/encoding.h"
#include "common/store/engine.h"

namespace quartet::store {
namespace {

/// Statements for each mask of fields: a column not asked for is not read from its overflow pages.
struct CacheQueries {
  std::array<std::string, 64> one, range;
};
const CacheQueries& cache_queries() {
  static const CacheQueries queries = [] {
    constexpr const char* kColumns[] = {"envelope", "body", "bodystructure", "headers", "parts", "preview"};
    CacheQueries made;
    for (unsigned mask = 0; mask < made.one.size(); ++mask) {
      std::string text = "SELECT ";
      for (unsigned n = 0; n < std::size(kColumns); ++n)
        text += std::string((mask >> n & 1) != 0 ? kColumns[n] : "NULL") + ",";
      text += "id FROM cache WHERE id";
      made.one[mask] = text + "=?";
      made.range[mask] = text + " BETWEEN ? AND ? ORDER BY id";
    }
    return made;
  }();
  return queries;
}

std::size_t mask_of(unsigned fields) {
  if ((fields & cached::kFields) != 0) fields |= cached::kHeaders;
  return fields & 63;
}

constexpr int kIdColumn = 6;
constexpr int kHeadersColumn = 3;

/// Puts headers of the newest version in the place of older ones. Owns itself until it is finished.
class HeadersJob final : public Job {
 public:
  void add(ObjectId object, std::string headers) { headers_.emplace_back(object, std::move(headers)); }
  bool empty() const { return headers_.empty(); }
  void run(Transaction& transaction) override {
    for (const auto& [object, headers] : headers_)
      transaction.database()
          .prepare("UPDATE cache SET headers=?,version=? WHERE id=?")
          .bind_blob(headers)
          .bind(mime::kDigestVersion)
          .bind(object)
          .run();
  }
  void finish(const StoreError*) override { delete this; }
  bool durable() const override { return false; }

 private:
  std::vector<std::pair<ObjectId, std::string>> headers_;
};

/// Without a row: of an object that is gone.
CachedItem item_of(ObjectId object, const Statement* row) {
  CachedItem item;
  item.object = object;
  item.found = row != nullptr;
  if (row == nullptr) return item;
  item.envelope = row->bytes(0);
  item.body = row->bytes(1);
  item.bodystructure = row->bytes(2);
  item.headers = row->bytes(kHeadersColumn);
  item.parts = row->bytes(4);
  item.preview = row->bytes(5);
  return item;
}

/// Calls `use` with the place of each object and its row, null if there is none.
template <typename F>
void each_row(Database& database, const std::vector<ObjectId>& objects, unsigned fields, F use) {
  if (are_close(objects)) {
    auto query = database.prepare(cache_queries().range[mask_of(fields)].c_str());
    query.bind(objects.front()).bind(objects.back());
    std::size_t place = 0;
    while (query.step()) {
      for (; place < objects.size() && objects[place] < query.integer(kIdColumn); ++place) use(place, nullptr);
      if (place < objects.size() && objects[place] == query.integer(kIdColumn)) use(place++, &query);
    }
    for (; place < objects.size(); ++place) use(place, nullptr);
  } else {
    auto query = database.prepare(cache_queries().one[mask_of(fields)].c_str());
    for (std::size_t place = 0; place < objects.size(); ++place) {
      query.again().bind(objects[place]);
      use(place, query.step() ? &query : nullptr);
    }
  }
}

/// Fills one growing block; its views are made at the end, when it no longer moves.
class BatchBuilder {
 public:
  void add(const CachedItem& item) {
    Draft draft;
    draft.object = item.object;
    draft.found = item.found;
    const std::string_view fields[] = {item.envelope, item.body,  item.bodystructure,
                                       item.headers,  item.parts, item.preview};
    for (std::size_t n = 0; n < std::size(fields); ++n) {
      draft.lengths[n] = fields[n].size();
      text_.append(fields[n]);
    }
    drafts_.push_back(draft);
  }

  CachedBatch take() {
    auto memory = std::make_unique_for_overwrite<char[]>(text_.size());
    std::memcpy(memory.get(), text_.data(), text_.size());
    std::string_view rest(memory.get(), text_.size());
    const auto next = [&rest](std::size_t length) {
      const std::string_view piece = rest.substr(0, length);
      rest.remove_prefix(length);
      return piece;
    };
    std::vector<CachedItem> items;
    items.reserve(drafts_.size());
    for (const Draft& draft : drafts_) {
      CachedItem item;
      item.object = draft.object;
      item.found = draft.found;
      std::string_view* const fields[] = {&item.envelope, &item.body,  &item.bodystructure,
                                          &item.headers,  &item.parts, &item.preview};
      for (std::size_t n = 0; n < std::size(fields); ++n) *fields[n] = next(draft.lengths[n]);
      items.push_back(item);
    }
    return {std::move(memory), std::move(items)};
  }

 private:
  struct Draft {
    ObjectId object = 0;
    bool found = false;
    std::array<std::size_t, 6> lengths{};
  };
  std::string text_;
  std::vector<Draft> drafts_;
};

/// Every UID below `uidnext` that is not in the mailbox.
UidSet absent_uids(Database& database, std::int64_t mailbox, std::uint32_t uidnext) {
  auto query = database.prepare("SELECT uid FROM message WHERE mailbox=? ORDER BY uid");
  query.bind(mailbox);
  UidSet absent;
  std::uint32_t next = 1;
  const auto gap = [&](std::uint32_t until) {
    if (next < until) absent.push_back({next, until - 1});
  };
  while (query.step()) {
    gap(query.number32(0));
    next = query.number32(0) + 1;
  }
  gap(uidnext);
  return absent;
}

UidSet vanished_since(Database& database, std::int64_t mailbox, std::uint64_t modseq) {
  auto query = database.prepare("SELECT uid_first,uid_last FROM expunge WHERE mailbox=? AND modseq>?");
  query.bind(mailbox).bind(modseq);
  UidSet ranges;
  while (query.step()) ranges.push_back({query.number32(0), query.number32(1)});
  std::sort(ranges.begin(), ranges.end(), [](const UidRange& a, const UidRange& b) { return a.first < b.first; });
  UidSet joined;
  for (const UidRange& range : ranges) {
    if (!joined.empty() && joined.back().last + 1 == range.first)
      joined.back().last = range.last;
    else
      joined.push_back(range);
  }
  return joined;
}

}  // namespace

Store::Async<SnapshotPtr> Engine::snapshot(MailboxRef mailbox) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await snapshot_reads_.get(*pool_, *home, mailbox);
}

Store::Async<Changes> Engine::changes(MailboxRef mailbox, std::uint64_t since_modseq) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<Changes>(*pool_, *home, [&](Database& database) -> Result<Changes> {
    const auto row = read_mailbox(database, mailbox.mailbox);
    if (!row || row->account != mailbox.account) return no_mailbox();
    Changes result;
    result.highest_modseq = row->status.highest_modseq;
    result.complete = since_modseq >= row->expunge_floor;
    auto query =
        database.prepare("SELECT uid,flags,modseq FROM message INDEXED BY message_modseq WHERE mailbox=? AND modseq>?");
    query.bind(mailbox.mailbox).bind(since_modseq);
    while (query.step()) result.changed.push_back({query.number32(0), query.number(1), query.number(2)});
    std::sort(result.changed.begin(), result.changed.end(),
              [](const FlagState& a, const FlagState& b) { return a.uid < b.uid; });
    result.vanished = result.complete ? vanished_since(database, mailbox.mailbox, since_modseq)
                                      : absent_uids(database, mailbox.mailbox, row->status.uidnext);
    return result;
  });
}

Store::Async<RecentRange> Engine::claim_recent(MailboxRef mailbox) {
  const auto now = co_await status(mailbox);
  if (!now) co_return std::unexpected(now.error());
  if (now->recent == 0) co_return RecentRange{};
  const auto claim = [&](Transaction& transaction) -> Result<RecentRange> {
    MailboxRow* const row = transaction.mailbox(mailbox.mailbox);
    if (row == nullptr || row->account != mailbox.account) return no_mailbox();
    if (transaction.account(mailbox.account) == nullptr) return refused(transaction);
    return row->claim_recent();
  };
  // \Recent is a hint for people: who claims it after a power cut may be told of messages that were told before.
  co_return co_await write_to<RecentRange>(shard(mailbox.shard), claim, false);
}

Store::Async<std::vector<MessageDetails>> Engine::details(MailboxRef mailbox, UidSet uids) {
  using Details = std::vector<MessageDetails>;
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<Details>(*pool_, *home, [&](Database& database) -> Result<Details> {
    Details found;
    auto query = database.prepare(
        "SELECT m.uid,m.save_date,o.email_id FROM message m JOIN object o ON o.id=m.object "
        "WHERE m.mailbox=? AND m.uid BETWEEN ? AND ? ORDER BY m.uid");
    for (const UidRange& range : uids) {
      query.again().bind(mailbox.mailbox).bind(range.first).bind(range.last);
      while (query.step()) {
        std::string_view id = query.bytes(2);
        const auto high = take_le<std::uint64_t>(id);
        const auto low = take_le<std::uint64_t>(id);
        if (!low) return std::unexpected(StoreError{ErrorCode::kCorrupt, "an email id is too short"});
        found.push_back({query.number32(0), Id(*high, *low).to_string(), query.integer(1)});
      }
    }
    return found;
  });
}

Store::Async<CachedBatch> Engine::fetch_cached(MailboxRef mailbox, std::vector<ObjectId> objects, unsigned fields) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<CachedBatch>(*pool_, *home, [&](Database& database) -> Result<CachedBatch> {
    BatchBuilder builder;
    each_cached(*home, database, objects, fields, [&](std::size_t, const CachedItem& item) { builder.add(item); });
    return builder.take();
  });
}

Store::Done Engine::show_cached(MailboxRef mailbox, std::vector<ObjectId> objects, unsigned fields, UseCached use) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  const auto shown = co_await read_from<bool>(*pool_, *home, [&](Database& database) -> Result<bool> {
    each_cached(*home, database, objects, fields, use);
    return true;
  });
  if (!shown) co_return std::unexpected(shown.error());
  co_return std::expected<void, StoreError>();
}

void Engine::each_cached(Shard& home, Database& database, const std::vector<ObjectId>& objects, unsigned fields,
                         const UseCached& use) {
  auto renewed = std::make_unique<HeadersJob>();
  each_row(database, objects, fields, [&](std::size_t place, const Statement* row) {
    auto item = item_of(objects[place], row);
    std::string headers;
    if (item.found && (fields & cached::kFields) != 0 && !mime::kept_fields_of(item.headers))
      headers = renew_headers(database, item.object);
    if (!headers.empty()) item.headers = headers;
    use(place, item);
    if (!headers.empty()) renewed->add(item.object, std::move(headers));
  });
  if (!renewed->empty()) home.submit(*renewed.release());
}

/// "" if the bytes cannot be read: who needs them then meets the error.
std::string Engine::renew_headers(Database& database, ObjectId object) {
  const auto bytes = read_object(database, object);
  return bytes ? mime::digest_headers(**bytes) : std::string();
}

}  // namespace quartet::store
