#include "common/store/recover.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "common/base/crc32c.h"
#include "common/base/encoding.h"
#include "common/journal/journal.h"
#include "common/journal/tail.h"
#include "common/mime/digest.h"
#include "common/store/layout.h"
#include "common/store/schema.h"
#include "common/store/shard_files.h"
#include "common/store/sqlite_database.h"
#include "common/store/store.h"
#include "common/store/transaction.h"
#include "common/store/upkeep_lock.h"

namespace quartet::store {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kTrailer = 24;  // see body_log.h
constexpr std::size_t kInOneTransaction = 200;

using Places = std::set<std::pair<journal::SegmentId, std::uint32_t>>;

bool in_use(const std::string& bytes) {
  for (const journal::WriterId writer : journal::list_writers(bytes))
    if (journal::writer_alive(bytes, writer)) return true;
  return false;
}

bool is_whole(const std::string& directory, std::size_t number) {
  const auto database = open_shard(directory, number, true);
  if (!database) return false;
  auto query = (*database)->prepare("PRAGMA integrity_check(1)");
  const bool whole = query.step() && query.bytes(0) == "ok";
  return whole && !(*database)->failed();
}

/// Out of the way, for who wants to look into it; never over an older one.
void set_aside(const std::string& path) {
  std::error_code error;
  std::string to = path + ".damaged";
  for (int n = 2; fs::exists(to, error); ++n) to = fmt::format("{}.damaged-{}", path, n);
  fs::rename(path, to, error);
  for (const char* more : {"-wal", "-shm"}) fs::rename(path + more, to + more, error);
}

Result<std::uint64_t> make_lost_shards(const std::string& directory, std::size_t shards) {
  std::uint64_t lost = 0;
  for (std::size_t n = 0; n < shards; ++n) {
    if (const auto shard = open_shard(directory, n, true); !shard && shard.error().code == ErrorCode::kUnsupported)
      return std::unexpected(shard.error());
    if (is_whole(directory, n)) continue;
    ++lost;
    const auto path = shard_file(directory, n);
    set_aside(path);
    const auto database = SqliteDatabase::open(path, {});
    if (!database) return std::unexpected(database.error());
    if (const auto prepared = prepare_schema(**database); !prepared) return std::unexpected(prepared.error());
  }
  return lost;
}

Result<Places> referenced(const std::string& directory, std::size_t shards) {
  Places places;
  for (std::size_t n = 0; n < shards; ++n) {
    const auto database = open_shard(directory, n, true);
    if (!database) return std::unexpected(database.error());
    auto query = (*database)->prepare("SELECT segment,offset FROM object");
    while (query.step()) places.emplace(query.number(0), query.number32(1));
    if ((*database)->failed()) return std::unexpected((*database)->take_error());
  }
  return places;
}

/// Locations of what nobody refers to, in the order it came.
std::vector<journal::Location> unreferenced(const journal::Reader& reader, const std::string& bytes,
                                            const Places& places, RecoverReport& report) {
  std::vector<journal::Location> found;
  const auto segments = journal::list_segments(bytes);
  if (!segments) return found;
  for (const auto& segment : *segments) {
    const auto scanned = reader.scan(segment.id, [&](const journal::RecordView& record) {
      if (!places.contains({record.location.segment, record.location.offset})) found.push_back(record.location);
    });
    report.damaged += scanned ? scanned->damage.size() : 1;
  }
  return found;
}

/// A record as body_log.h describes it becomes a message at the end of the mailbox.
bool insert(Transaction& transaction, AccountRow& account, MailboxRow& mailbox, const journal::Location& location,
            std::string payload) {
  if (payload.size() < kTrailer) return false;
  const std::size_t size = payload.size() - kTrailer;
  std::string_view trailer = std::string_view(payload).substr(size);
  const auto high = *take_le<std::uint64_t>(trailer);
  const auto low = *take_le<std::uint64_t>(trailer);
  MessageRow row;
  row.internaldate = *take_le<std::int64_t>(trailer);
  payload.resize(size);
  row.size = static_cast<std::uint32_t>(size);
  row.object = transaction.insert_object(Id(high, low), size, location, mime::digest(payload), 1);
  row.modseq = transaction.next_modseq(account, mailbox);
  transaction.insert_message(account, mailbox, row);
  return true;
}

class Inserter {
 public:
  Inserter(Database& database, std::uint32_t shard, const std::string& account)
      : database_(database), shard_(shard), account_(account) {}

  /// The bodies [first, last) in one transaction.
  std::expected<void, StoreError> run(const journal::Reader& reader, const std::vector<journal::Location>& locations,
                                      std::size_t first, std::size_t last, RecoverReport& report) {
    database_.execute("BEGIN IMMEDIATE");
    RowCache rows;
    Transaction transaction(database_, options_, shard_, rows);
    AccountRow* const account = transaction.account(account_);
    MailboxRow* mailbox = account == nullptr ? nullptr : transaction.mailbox(*account, kRecoveredMailbox);
    if (account != nullptr && mailbox == nullptr) mailbox = transaction.create_mailbox(*account, kRecoveredMailbox, "");
    for (std::size_t n = first; n < last && mailbox != nullptr; ++n) {
      auto payload = reader.read(locations[n]);
      if (payload && insert(transaction, *account, *mailbox, locations[n], *std::move(payload))) {
        ++report.messages;
        report.bytes += locations[n].length - kTrailer;
      } else {
        ++report.damaged;
      }
    }
    transaction.flush();
    database_.execute("COMMIT");
    if (database_.failed()) return std::unexpected(database_.take_error());
    return {};
  }

 private:
  Database& database_;
  const std::uint32_t shard_;
  const std::string account_;
  const Options options_{};  // no quota: what is there has its room already
};

}  // namespace

Result<RecoverReport> recover(const std::string& directory, const std::string& account) {
  const auto shards = count_shards(directory);
  if (!shards) return std::unexpected(shards.error());
  const std::string bytes = directory + "/bytes";
  if (in_use(bytes)) return std::unexpected(StoreError{ErrorCode::kBusy, "an agent is at work on " + directory});
  const auto lock = UpkeepLock::keep(directory);
  if (!lock) return std::unexpected(lock.error());
  RecoverReport report;
  const auto lost = make_lost_shards(directory, *shards);
  if (!lost) return std::unexpected(lost.error());
  report.shards = *lost;
  const auto places = referenced(directory, *shards);
  if (!places) return std::unexpected(places.error());
  const journal::Reader reader(bytes);
  const auto locations = unreferenced(reader, bytes, *places, report);
  const auto home = crc32c(account) % static_cast<std::uint32_t>(*shards);  // as Engine::shard_of()
  const auto database = open_shard(directory, home, false);
  if (!database) return std::unexpected(database.error());
  Inserter inserter(**database, home, account);
  for (std::size_t first = 0; first < locations.size(); first += kInOneTransaction) {
    const auto last = std::min(locations.size(), first + kInOneTransaction);
    if (const auto done = inserter.run(reader, locations, first, last, report); !done)
      return std::unexpected(done.error());
  }
  return report;
}

}  // namespace quartet::store
