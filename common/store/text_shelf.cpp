#include "common/store/text_shelf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/base/id.h"
#include "common/store/rows.h"

namespace quartet::store {
namespace {

constexpr std::size_t kMostIdle = 4;
constexpr std::size_t kChunksAtOnce = 8;  // in one transaction

constexpr std::int64_t kBeingWritten = 0;
constexpr std::int64_t kValid = 1;
constexpr std::int64_t kGone = 2;

// For both engines. `inbox` is the GUID of the account's INBOX, by which an account that has got the number of another
// one, in a database that was made anew, is told from it.
constexpr const char* kTables = R"sql(
CREATE TABLE IF NOT EXISTS text_account(account BIGINT PRIMARY KEY, inbox TEXT NOT NULL, modseq BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS text_segment(
  id BIGINT PRIMARY KEY, account BIGINT NOT NULL, version BIGINT NOT NULL, messages BIGINT NOT NULL,
  bytes BIGINT NOT NULL, state BIGINT NOT NULL, changed BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS text_segment_account ON text_segment(account);
CREATE TABLE IF NOT EXISTS text_chunk(
  segment BIGINT NOT NULL, number BIGINT NOT NULL, bytes BYTEA NOT NULL, PRIMARY KEY(segment, number));
CREATE TABLE IF NOT EXISTS text_turn(id BIGINT PRIMARY KEY, owner BIGINT NOT NULL, until BIGINT NOT NULL);
INSERT INTO text_turn(id, owner, until) VALUES(1, 0, 0) ON CONFLICT DO NOTHING;
)sql";

/// Of two processes that make the same table at the same moment, one may fail: then it is there.
bool prepare_tables(Database& database) {
  {
    auto query = database.prepare("SELECT 1 FROM text_turn WHERE id=1");
    if (query.step()) return true;
  }
  if (database.failed()) (void)database.take_error();
  constexpr int kTries = 5;
  for (int n = 1; !database.execute(kTables) && n < kTries; ++n) (void)database.take_error();
  return !database.failed();
}

std::int64_t now() { return to_micros(wall_now()); }

std::string inbox_guid(Database& index, std::int64_t account) {
  auto query = index.prepare("SELECT guid FROM mailbox WHERE account=? AND name='INBOX'");
  return query.bind(account).step() ? query.text(0) : std::string();
}

struct Indexed {
  std::string inbox;
  std::uint64_t modseq = 0;
};

std::map<std::int64_t, Indexed> read_indexed(Database& texts) {
  std::map<std::int64_t, Indexed> accounts;
  auto query = texts.prepare("SELECT account,inbox,modseq FROM text_account");
  while (query.step()) accounts[query.integer(0)] = {query.text(1), query.number(2)};
  return accounts;
}

struct Sum {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  bool outdated = false;
};

std::map<std::int64_t, Sum> read_sums(Database& texts, std::uint32_t version) {
  std::map<std::int64_t, Sum> sums;
  auto query = texts.prepare(
      "SELECT account,CAST(sum(messages) AS BIGINT),CAST(sum(bytes) AS BIGINT),"
      "CAST(sum(CASE WHEN version=? THEN 0 ELSE 1 END) AS BIGINT) FROM text_segment WHERE state=1 GROUP BY account");
  query.bind(version);
  while (query.step()) sums[query.integer(0)] = {query.number(1), query.number(2), query.integer(3) > 0};
  return sums;
}

/// One transaction, not worth a wait for the disk: what is lost is made again.
template <typename F>
void write(Database& texts, F changes) {
  texts.begin_write(false);
  if (!texts.failed()) changes();
  texts.commit();
}

void put_account(Database& texts, std::int64_t account, std::string_view inbox, std::uint64_t modseq) {
  texts
      .prepare(
          "INSERT INTO text_account(account,inbox,modseq) VALUES(?,?,?) ON CONFLICT(account) DO UPDATE SET "
          "inbox=excluded.inbox,modseq=excluded.modseq")
      .bind(account)
      .bind(inbox)
      .bind(modseq)
      .run();
}

void set_state(Database& texts, std::int64_t segment, std::int64_t state) {
  texts.prepare("UPDATE text_segment SET state=?,changed=? WHERE id=?").bind(state).bind(now()).bind(segment).run();
}

void put_chunks(Database& texts, std::int64_t segment, const std::vector<std::string>& chunks) {
  for (std::size_t first = 0; first < chunks.size() && !texts.failed(); first += kChunksAtOnce)
    write(texts, [&] {
      for (auto n = first; n < std::min(first + kChunksAtOnce, chunks.size()); ++n)
        texts.prepare("INSERT INTO text_chunk(segment,number,bytes) VALUES(?,?,?)")
            .bind(segment)
            .bind(static_cast<std::int64_t>(n))
            .bind_blob(chunks[n])
            .run();
    });
}

/// One piece of what is to go; false: there was none.
bool sweep_piece(Database& texts, std::int64_t before) {
  std::int64_t segment = 0;
  std::vector<std::int64_t> numbers;
  {
    auto query = texts.prepare("SELECT id FROM text_segment WHERE state<>1 AND changed<? LIMIT 1");
    if (!query.bind(before).step()) return false;
    segment = query.integer(0);
  }
  {
    auto query = texts.prepare("SELECT number FROM text_chunk WHERE segment=? LIMIT ?");
    query.bind(segment).bind(static_cast<std::int64_t>(kChunksAtOnce));
    while (query.step()) numbers.push_back(query.integer(0));
  }
  write(texts, [&] {
    for (const auto number : numbers)
      texts.prepare("DELETE FROM text_chunk WHERE segment=? AND number=?").bind(segment).bind(number).run();
    if (numbers.size() < kChunksAtOnce) texts.prepare("DELETE FROM text_segment WHERE id=?").bind(segment).run();
  });
  return !texts.failed();
}

}  // namespace

class TextShelf::Lent {
 public:
  explicit Lent(TextShelf& shelf, Place& place) : place_(place), database_(shelf.connect(place)) {}
  ~Lent() {
    if (!database_ || (*database_)->failed()) return;
    const std::lock_guard lock(place_.mutex);
    if (place_.idle.size() < kMostIdle) place_.idle.push_back(std::move(*database_));
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  Result<std::unique_ptr<Database>>& operator*() { return database_; }

 private:
  Place& place_;
  Result<std::unique_ptr<Database>> database_;
};

TextShelf::TextShelf(const std::vector<Source>& sources) {
  for (const auto& source : sources) places_.emplace(source.shard.number(), std::make_unique<Place>(source));
}

std::vector<std::uint32_t> TextShelf::shards() const {
  std::vector<std::uint32_t> numbers;
  for (const auto& [number, place] : places_) numbers.push_back(number);
  return numbers;
}

Result<std::unique_ptr<Database>> TextShelf::connect(Place& place) {
  for (;;) {
    std::unique_ptr<Database> database;
    {
      const std::lock_guard lock(place.mutex);
      if (place.idle.empty()) break;
      database = std::move(place.idle.back());
      place.idle.pop_back();
    }
    if (database->usable()) return database;
  }
  auto database = place.source.shard.texts();
  if (database && !prepare_tables(**database)) return std::unexpected((*database)->take_error());
  return database;
}

/// Runs `function(Database& texts, Database& index) -> Result<T>` in the pool; what goes wrong in a transaction undoes
/// it.
template <typename T, typename F>
TextShelf::Async<T> TextShelf::with(std::uint32_t shard, F function) {
  const auto found = places_.find(shard);
  if (found == places_.end()) co_return std::unexpected(StoreError{ErrorCode::kNoMailbox, ""});
  Place& place = *found->second;
  std::optional<Result<T>> result;
  co_await async::offload(place.source.pool, [&] {
    Lent texts(*this, place);
    auto index = place.source.shard.reader();
    if (!*texts || !index.ok()) {
      result.emplace(std::unexpected(*texts ? index.error() : (*texts).error()));
      return;
    }
    Database& database = ***texts;
    result.emplace(function(database, *index));
    if (database.failed()) {
      result.emplace(std::unexpected(database.error()));
      database.rollback();
    } else if ((*index).failed()) {
      result.emplace(std::unexpected((*index).error()));
    }
  });
  co_return std::move(*result);
}

TextShelf::Async<std::vector<TextSegment>> TextShelf::segments(MailboxRef account) {
  using Segments = std::vector<TextSegment>;
  return with<Segments>(account.shard, [account](Database& texts, Database& index) -> Result<Segments> {
    Segments found;
    Indexed indexed;
    {
      // In one statement, so that none is missing while others take its place.
      auto query = texts.prepare(
          "SELECT a.inbox,a.modseq,s.id,s.version,s.messages,s.bytes FROM text_account a JOIN text_segment s ON "
          "s.account=a.account AND s.state=1 WHERE a.account=? ORDER BY s.messages DESC,s.id");
      query.bind(account.account);
      while (query.step()) {
        indexed = {query.text(0), query.number(1)};
        found.push_back({query.integer(2), query.number32(3), query.number(4), query.number(5)});
      }
    }
    if (found.empty()) return found;
    // A mod-sequence from the future: the database of messages was put back to an older state, and gives the numbers
    // of objects again.
    const auto row = read_account(index, account.account);
    if (!row || !row->standing.holds() || row->modseq < indexed.modseq ||
        inbox_guid(index, account.account) != indexed.inbox)
      found.clear();
    return found;
  });
}

TextShelf::Async<std::vector<std::string>> TextShelf::chunks(std::uint32_t shard, std::int64_t segment,
                                                             std::uint64_t first, std::uint64_t count) {
  using Chunks = std::vector<std::string>;
  return with<Chunks>(shard, [=](Database& texts, Database&) -> Result<Chunks> {
    Chunks found;
    auto query =
        texts.prepare("SELECT bytes FROM text_chunk WHERE segment=? AND number>=? AND number<? ORDER BY number");
    query.bind(segment).bind(first).bind(first + count);
    while (query.step()) found.push_back(query.text(0));
    return found;
  });
}

TextShelf::Done TextShelf::discard(MailboxRef account, std::int64_t segment) {
  return with<void>(account.shard, [=](Database& texts, Database&) -> Result<void> {
    write(texts, [&] {
      set_state(texts, segment, kGone);
      texts.prepare("UPDATE text_account SET modseq=0 WHERE account=?").bind(account.account).run();
    });
    return {};
  });
}

TextShelf::Async<bool> TextShelf::take_turn(std::uint32_t shard, std::int64_t owner, std::chrono::seconds length) {
  return with<bool>(shard, [=](Database& texts, Database&) -> Result<bool> {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(length).count();
    {
      // Most of the time it is another's for a while, or will be ours for long enough.
      auto query = texts.prepare("SELECT owner,until FROM text_turn WHERE id=1");
      const bool known = query.step();
      if (known && query.integer(0) != owner && query.integer(1) > now()) return false;
      if (known && query.integer(0) == owner && query.integer(1) > now() + micros / 2) return true;
    }
    bool taken = false;
    write(texts, [&] {
      texts.prepare("UPDATE text_turn SET owner=?,until=? WHERE id=1 AND (owner=? OR until<?)")
          .bind(owner)
          .bind(now() + micros)
          .bind(owner)
          .bind(now())
          .run();
      taken = texts.changed_rows() == 1;
    });
    return taken;
  });
}

TextShelf::Done TextShelf::end_turn(std::uint32_t shard, std::int64_t owner) {
  return with<void>(shard, [=](Database& texts, Database&) -> Result<void> {
    write(texts, [&] { texts.prepare("UPDATE text_turn SET until=0 WHERE id=1 AND owner=?").bind(owner).run(); });
    return {};
  });
}

TextShelf::Async<std::vector<TextAccount>> TextShelf::accounts(std::uint32_t shard, std::uint32_t version) {
  using Accounts = std::vector<TextAccount>;
  return with<Accounts>(shard, [=](Database& texts, Database& index) -> Result<Accounts> {
    const auto indexed = read_indexed(texts);
    const auto sums = read_sums(texts, version);
    Accounts accounts;
    std::set<std::int64_t> strangers;  // of which what is there says nothing
    for (const auto& [account, known] : indexed) strangers.insert(account);
    {
      // standing.h: 1 and 4 are those that are here as yet.
      auto query = index.prepare(
          "SELECT a.id,a.modseq,a.used_messages,b.guid FROM account a JOIN mailbox b ON b.account=a.id AND "
          "b.name='INBOX' LEFT JOIN standing s ON s.account=a.id WHERE s.kind IS NULL OR s.kind=1 OR s.kind=4");
      while (query.step()) {
        TextAccount account{
            .ref = {shard, query.integer(0), 0}, .modseq = query.number(1), .messages = query.number(2)};
        const auto known = indexed.find(account.ref.account);
        if (known != indexed.end() && known->second.inbox == query.bytes(3) && known->second.modseq <= account.modseq) {
          strangers.erase(account.ref.account);
          account.indexed = known->second.modseq;
          const auto sum = sums.find(account.ref.account);
          if (sum != sums.end() && sum->second.outdated) account.indexed = 0;
          if (sum != sums.end()) account.covered = sum->second.messages, account.bytes = sum->second.bytes;
        }
        accounts.push_back(account);
      }
    }
    if (index.failed()) return accounts;
    for (const auto account : strangers)
      write(texts, [&] {
        texts.prepare("UPDATE text_segment SET state=2,changed=? WHERE account=?").bind(now()).bind(account).run();
        texts.prepare("DELETE FROM text_account WHERE account=?").bind(account).run();
      });
    return accounts;
  });
}

TextShelf::Async<std::vector<TextMessage>> TextShelf::messages(MailboxRef account, std::uint64_t since_modseq) {
  using Messages = std::vector<TextMessage>;
  return with<Messages>(account.shard, [=](Database&, Database& index) -> Result<Messages> {
    const ReadTransaction transaction(index);
    std::vector<std::int64_t> mailboxes;
    {
      auto query = index.prepare("SELECT id FROM mailbox WHERE account=? AND highest_modseq>?");
      query.bind(account.account).bind(since_modseq);
      while (query.step()) mailboxes.push_back(query.integer(0));
    }
    Messages messages;
    for (const auto mailbox : mailboxes) {
      auto query =
          index.prepare("SELECT object,size FROM message INDEXED BY message_modseq WHERE mailbox=? AND modseq>?");
      query.bind(mailbox).bind(since_modseq);
      while (query.step()) messages.push_back({query.integer(0), query.number32(1)});
    }
    std::ranges::sort(messages, {}, &TextMessage::object);
    const auto same = std::ranges::unique(messages, {}, &TextMessage::object);
    messages.erase(same.begin(), same.end());
    return messages;
  });
}

TextShelf::Done TextShelf::add(MailboxRef account, NewTextSegment segment) {
  const auto added = std::make_shared<const NewTextSegment>(std::move(segment));
  return with<void>(account.shard, [account, added](Database& texts, Database& index) -> Result<void> {
    const auto id = Id::make().number();
    std::uint64_t bytes = 0;
    for (const auto& chunk : added->chunks) bytes += chunk.size();
    const auto inbox = inbox_guid(index, account.account);
    write(texts, [&] {
      texts.prepare("INSERT INTO text_segment(id,account,version,messages,bytes,state,changed) VALUES(?,?,?,?,?,?,?)")
          .bind(id)
          .bind(account.account)
          .bind(added->version)
          .bind(added->messages)
          .bind(bytes)
          .bind(kBeingWritten)
          .bind(now())
          .run();
    });
    put_chunks(texts, id, added->chunks);
    write(texts, [&] {
      set_state(texts, id, kValid);
      for (const auto replaced : added->replaces) set_state(texts, replaced, kGone);
      texts.prepare("INSERT INTO text_account(account,inbox,modseq) VALUES(?,?,0) ON CONFLICT DO NOTHING")
          .bind(account.account)
          .bind(inbox)
          .run();
    });
    return {};
  });
}

TextShelf::Done TextShelf::set_indexed(MailboxRef account, std::uint64_t modseq) {
  return with<void>(account.shard, [=](Database& texts, Database& index) -> Result<void> {
    const auto inbox = inbox_guid(index, account.account);
    write(texts, [&] { put_account(texts, account.account, inbox, modseq); });
    return {};
  });
}

TextShelf::Done TextShelf::sweep(std::uint32_t shard, std::chrono::seconds age) {
  return with<void>(shard, [=](Database& texts, Database&) -> Result<void> {
    const auto before = now() - std::chrono::duration_cast<std::chrono::microseconds>(age).count();
    // Bounded, so that a close need not wait long; the next call goes on.
    constexpr int kMostPieces = 200;
    for (int n = 0; n < kMostPieces && sweep_piece(texts, before); ++n) {
    }
    return {};
  });
}

}  // namespace quartet::store
