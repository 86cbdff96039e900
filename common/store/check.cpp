#include "common/store/check.h"

#include <fmt/format.h>

#include <set>
#include <unordered_set>

#include "common/base/encoding.h"
#include "common/journal/journal.h"
#include "common/store/layout.h"
#include "common/store/shard_files.h"
#include "common/store/upkeep_lock.h"

namespace quartet::store {
namespace {

constexpr std::size_t kTrailer = 24;  // see body_log.h
constexpr int kMostFaults = 1'000;    // listed one by one
constexpr std::uint64_t kShowEach = 256;

/// Where records are that some shard refers to.
struct Place {
  journal::SegmentId segment;
  std::uint32_t offset;
  friend bool operator==(const Place&, const Place&) = default;
};
struct PlaceHash {
  std::size_t operator()(const Place& place) const { return place.segment * 0x9E37'79B9'7F4A'7C15u ^ place.offset; }
};

/// Whether there is a table of what comes from another store. Such bodies have no message until theirs has come as well
/// (incoming.h), and are kept for it.
bool has_copies(Database& database) {
  auto query = database.prepare("SELECT 1 FROM sqlite_master WHERE name='incoming_object'");
  return query.step();
}

class Checker {
 public:
  Checker(const std::string& directory, const ShowProgress& progress)
      : directory_(directory), bytes_directory_(directory + "/bytes"), reader_(bytes_directory_), progress_(progress) {}

  CheckReport run(std::size_t shards) {
    report_.shards = shards;
    for (std::size_t n = 0; n < shards; ++n) count_objects(n);
    for (std::size_t n = 0; n < shards; ++n) check_shard(n);
    // Without every shard nobody knows what is referred to.
    if (all_read_) check_unreferenced();
    return std::move(report_);
  }

 private:
  using Kind = CheckFault::Kind;

  void fault(Kind kind, std::string text) {
    if (report_.faults.size() < kMostFaults)
      report_.faults.push_back({kind, std::move(text)});
    else if (report_.faults.size() == kMostFaults)
      report_.faults.push_back({kind, "and more"});
  }

  void unreadable(const StoreError& error) {
    all_read_ = false;
    fault(Kind::kIndex, error.detail);
  }

  void count_objects(std::size_t number) {
    const auto database = open_shard(directory_, number, true);
    if (!database) return;  // check_shard() says so
    auto query = (*database)->prepare("SELECT count(*) FROM object");
    if (query.step()) total_ += query.number(0);
  }

  void check_shard(std::size_t number) {
    const auto database = open_shard(directory_, number, true);
    if (!database) return unreadable(database.error());
    shard_ = shard_file(directory_, number);
    {
      const ReadTransaction transaction(**database);
      if (is_whole(**database)) {
        count_rows(**database);
        check_mailboxes(**database);
        check_accounts(**database);
        check_references(**database);
        check_segments(**database);
        check_objects(**database);
      }
    }
    if ((*database)->failed()) {
      auto error = (*database)->take_error();
      error.detail = shard_ + ": " + error.detail;
      unreadable(error);
    }
  }

  bool is_whole(Database& database) {
    auto query = database.prepare("PRAGMA integrity_check(20)");
    bool whole = true;
    while (query.step()) {
      if (query.bytes(0) == "ok") continue;
      whole = all_read_ = false;
      fault(Kind::kIndex, fmt::format("{}: {}", shard_, query.bytes(0)));
    }
    return whole;
  }

  void count_rows(Database& database) {
    auto query = database.prepare(
        "SELECT (SELECT count(*) FROM account),(SELECT count(*) FROM mailbox),(SELECT count(*) FROM message)");
    if (!query.step()) return;
    report_.accounts += query.number(0);
    report_.mailboxes += query.number(1);
    report_.messages += query.number(2);
  }

  void check_mailboxes(Database& database) {
    auto query = database.prepare(
        "SELECT a.name,b.name,b.messages,count(m.uid),b.unseen,coalesce(sum(m.flags&1=0),0),b.deleted,"
        "coalesce(sum(m.flags&8<>0),0),b.bytes,coalesce(sum(m.size),0),b.recent,coalesce(sum(m.uid>b.recent_uid),0),"
        "b.uidnext,coalesce(max(m.uid),0),b.highest_modseq,"
        "max(coalesce(max(m.modseq),0),coalesce((SELECT max(modseq) FROM expunge e WHERE e.mailbox=b.id),0)),a.modseq "
        "FROM mailbox b LEFT JOIN account a ON a.id=abs(b.account) LEFT JOIN message m ON m.mailbox=b.id GROUP BY "
        "b.id");
    while (query.step()) {
      const auto where = fmt::format("{}: mailbox {} of {}", shard_, query.bytes(1), query.bytes(0));
      static constexpr const char* kNames[] = {"messages", "unseen ones", "deleted ones", "octets", "recent ones"};
      for (int n = 0; n < 5; ++n)
        if (const auto kept = query.integer(2 + 2 * n), counted = query.integer(3 + 2 * n); kept != counted)
          fault(Kind::kCount, fmt::format("{} counts {} {} and has {}", where, kept, kNames[n], counted));
      if (query.number(12) <= query.number(13))
        fault(Kind::kCount,
              fmt::format("{}: the next UID is {}, and {} is in use", where, query.number(12), query.number(13)));
      if (query.number(14) < query.number(15) || query.number(16) < query.number(14))
        fault(Kind::kCount, fmt::format("{}: mod-sequence {} in use, {} its highest, {} of the account", where,
                                        query.number(15), query.number(14), query.number(16)));
      if (query.is_null(0)) fault(Kind::kIndex, where + ": its account is missing");
    }
  }

  void check_accounts(Database& database) {
    auto query = database.prepare(
        "SELECT a.name,a.used_messages,coalesce(sum(b.messages),0),a.used_bytes,coalesce(sum(b.bytes),0) "
        "FROM account a LEFT JOIN (SELECT x.account,count(m.uid) messages,coalesce(sum(m.size),0) bytes FROM mailbox x "
        "LEFT JOIN message m ON m.mailbox=x.id GROUP BY x.id) b ON b.account=a.id GROUP BY a.id");
    while (query.step())
      if (query.integer(1) != query.integer(2) || query.integer(3) != query.integer(4))
        fault(Kind::kCount,
              fmt::format("{}: account {} counts {} messages of {} octets and has {} of {}", shard_, query.bytes(0),
                          query.integer(1), query.integer(3), query.integer(2), query.integer(4)));
  }

  void check_references(Database& database) {
    {
      auto query = database.prepare(
          "SELECT o.id,o.refs,coalesce(c.n,0) FROM object o LEFT JOIN (SELECT object,count(*) n FROM message GROUP BY "
          "object) c ON c.object=o.id WHERE o.refs<>coalesce(c.n,0)");
      while (query.step())
        fault(Kind::kCount, fmt::format("{}: body {} counts {} messages and has {}", shard_, query.integer(0),
                                        query.integer(1), query.integer(2)));
    }
    {
      auto query = database.prepare(
          has_copies(database) ? "SELECT id FROM object WHERE refs=0 AND id NOT IN (SELECT object FROM released) AND "
                                 "id NOT IN (SELECT object FROM incoming_object)"
                               : "SELECT id FROM object WHERE refs=0 AND id NOT IN (SELECT object FROM released)");
      while (query.step())
        fault(Kind::kCount, fmt::format("{}: body {} has no message and is not released", shard_, query.integer(0)));
    }
    {
      auto query = database.prepare(
          "SELECT m.mailbox,m.uid FROM message m LEFT JOIN object o ON o.id=m.object WHERE o.id IS NULL");
      while (query.step())
        fault(Kind::kIndex,
              fmt::format("{}: UID {} of mailbox number {} has no body", shard_, query.integer(1), query.integer(0)));
    }
    auto query = database.prepare(
        "SELECT mailbox,count(*) FROM message WHERE mailbox NOT IN (SELECT id FROM mailbox) AND mailbox NOT IN "
        "(SELECT id FROM mailbox_gone WHERE purged=0) GROUP BY mailbox");
    while (query.step())
      fault(Kind::kIndex, fmt::format("{}: {} messages are in mailbox number {}, which does not exist", shard_,
                                      query.integer(1), query.integer(0)));
  }

  void check_segments(Database& database) {
    auto counted = count_segments(database);
    auto query = database.prepare("SELECT id,live,bytes FROM segment");
    while (query.step()) {
      const auto id = query.number(0);
      const SegmentUse kept{query.integer(1), query.integer(2)};
      const auto found = counted.find(id);
      if (kept != (found == counted.end() ? SegmentUse{} : found->second))
        fault(Kind::kCount, fmt::format("{}: segment {:016x} counts {} bodies and has {}", shard_, id, kept.objects,
                                        found == counted.end() ? 0 : found->second.objects));
      if (found != counted.end()) counted.erase(found);
    }
    for (const auto& [id, use] : counted)
      fault(Kind::kCount, fmt::format("{}: segment {:016x} is not counted and has {} bodies", shard_, id, use.objects));
  }

  void check_objects(Database& database) {
    auto query =
        database.prepare("SELECT id,email_id,size,segment,offset,length,file FROM object ORDER BY segment,offset");
    while (query.step()) {
      const journal::Location location{query.number(3), query.number32(4), query.number32(5), query.number(6)};
      places_.insert({location.segment, location.offset});
      if (location.file != 0) files_.insert(location.file);
      const auto why = fault_of_body(location, query.bytes(1), query.number(2));
      if (!why.empty())
        fault(Kind::kContent, fmt::format("{}: {}: {}", shard_, messages_with(database, query.integer(0)), why));
      ++report_.objects;
      report_.bytes += query.number(2);
      if (progress_ && report_.objects % kShowEach == 0) progress_(report_.objects, total_);
    }
  }

  std::string fault_of_body(const journal::Location& location, std::string_view email_id, std::uint64_t size) const {
    const auto payload = reader_.read(location);
    if (!payload) return payload.error().detail;
    if (payload->size() != size + kTrailer) return "the record has another size than its row says";
    if (std::string_view(*payload).substr(size, email_id.size()) != email_id) return "the record is another message";
    return "";
  }

  /// "INBOX of ann@a.test, UID 7; ..."
  static std::string messages_with(Database& database, ObjectId object) {
    auto query = database.prepare(
        "SELECT b.name,a.name,m.uid FROM message m JOIN mailbox b ON b.id=m.mailbox JOIN account a ON a.id=b.account "
        "WHERE m.object=?");
    query.bind(object);
    std::string text;
    while (query.step())
      text +=
          fmt::format("{}{} of {}, UID {}", text.empty() ? "" : "; ", query.bytes(0), query.bytes(1), query.integer(2));
    return text.empty() ? "an expunged message" : text;
  }

  void check_unreferenced() {
    const auto segments = journal::list_segments(bytes_directory_);
    if (!segments) return fault(Kind::kIndex, segments.error().detail);
    for (const auto& segment : *segments)
      (void)reader_.scan(segment.id, [this](const journal::RecordView& record) {
        if (places_.contains({record.location.segment, record.location.offset})) return;
        ++report_.unreferenced_records;
        report_.unreferenced_bytes += record.location.length;
      });
    for (const auto file : journal::list_payload_files(bytes_directory_))
      if (!files_.contains(file)) ++report_.unreferenced_files;
  }

  const std::string directory_;
  const std::string bytes_directory_;
  const journal::Reader reader_;
  const ShowProgress& progress_;
  CheckReport report_;
  std::string shard_;  // the file that is looked at
  bool all_read_ = true;
  std::uint64_t total_ = 0;
  std::unordered_set<Place, PlaceHash> places_;
  std::set<std::uint64_t> files_;
};

// Numbers that are kept are written anew where they differ; `used` saves a scan of the messages for each body.
constexpr const char* kRecount = R"sql(
CREATE TEMP TABLE used(object INTEGER PRIMARY KEY, n INTEGER NOT NULL);
INSERT INTO used SELECT object,count(*) FROM message GROUP BY object;
CREATE TEMP TABLE counted AS SELECT b.id mailbox,b.account account,count(m.uid) messages,
  coalesce(sum(m.flags&1=0),0) unseen,coalesce(sum(m.flags&8<>0),0) deleted,coalesce(sum(m.size),0) bytes,
  coalesce(sum(m.uid>b.recent_uid),0) recent,max(b.uidnext,coalesce(max(m.uid),0)+1) uidnext,
  max(b.highest_modseq,coalesce(max(m.modseq),0),
      coalesce((SELECT max(modseq) FROM expunge e WHERE e.mailbox=b.id),0)) highest
  FROM mailbox b LEFT JOIN message m ON m.mailbox=b.id GROUP BY b.id;
CREATE TEMP TABLE copied(object INTEGER PRIMARY KEY);
)sql";
constexpr const char* kCopied = "INSERT OR IGNORE INTO copied SELECT object FROM incoming_object";

constexpr const char* kChanges[] = {
    "UPDATE mailbox SET messages=c.messages,unseen=c.unseen,deleted=c.deleted,bytes=c.bytes,recent=c.recent,"
    "uidnext=c.uidnext,highest_modseq=c.highest FROM counted c WHERE c.mailbox=mailbox.id AND "
    "(mailbox.messages,mailbox.unseen,mailbox.deleted,mailbox.bytes,mailbox.recent,mailbox.uidnext,"
    "mailbox.highest_modseq)<>(c.messages,c.unseen,c.deleted,c.bytes,c.recent,c.uidnext,c.highest)",
    "UPDATE account SET used_messages=c.messages,used_bytes=c.bytes,modseq=max(account.modseq,c.highest) FROM "
    "(SELECT a.id id,coalesce(sum(messages),0) messages,coalesce(sum(bytes),0) bytes,coalesce(max(highest),0) highest "
    "FROM account a LEFT JOIN counted ON counted.account=a.id GROUP BY a.id) c WHERE c.id=account.id AND "
    "(account.used_messages<>c.messages OR account.used_bytes<>c.bytes OR account.modseq<c.highest)",
    "UPDATE object SET refs=coalesce((SELECT n FROM used WHERE used.object=object.id),0) "
    "WHERE refs<>coalesce((SELECT n FROM used WHERE used.object=object.id),0)",
    "DELETE FROM released WHERE object NOT IN (SELECT id FROM object WHERE refs=0)",
    "INSERT INTO released SELECT CAST(unixepoch('now') AS INTEGER)*1000000,id FROM object WHERE refs=0 AND id NOT IN "
    "(SELECT object FROM released) AND id NOT IN (SELECT object FROM copied)",
};

std::uint64_t repair_segments(Database& database) {
  std::map<journal::SegmentId, SegmentUse> kept;
  {
    auto query = database.prepare("SELECT id,live,bytes FROM segment");
    while (query.step()) kept[query.number(0)] = {query.integer(1), query.integer(2)};
  }
  const auto counted = count_segments(database);
  std::uint64_t wrong = 0;
  for (const auto& [id, use] : counted)
    if (const auto found = kept.find(id); found == kept.end() || found->second != use) {
      ++wrong;
      database.prepare("INSERT OR REPLACE INTO segment(id,live,bytes) VALUES(?,?,?)")
          .bind(id)
          .bind(use.objects)
          .bind(use.bytes)
          .run();
    }
  for (const auto& [id, use] : kept)
    if (!counted.contains(id)) {
      ++wrong;
      database.prepare("DELETE FROM segment WHERE id=?").bind(id).run();
    }
  return wrong;
}

Result<std::uint64_t> repair_shard(Database& database) {
  std::uint64_t wrong = 0;
  database.execute("BEGIN IMMEDIATE");
  database.execute(kRecount);
  if (has_copies(database)) database.execute(kCopied);
  for (const char* const change : kChanges)
    if (database.execute(change)) wrong += static_cast<std::uint64_t>(database.changed_rows());
  wrong += repair_segments(database);
  database.execute("COMMIT");
  if (database.failed()) return std::unexpected(database.take_error());
  return wrong;
}

}  // namespace

Result<CheckReport> check(const std::string& directory, const ShowProgress& progress) {
  const auto shards = count_shards(directory);
  if (!shards) return std::unexpected(shards.error());
  const auto lock = UpkeepLock::keep(directory);
  if (!lock) return std::unexpected(lock.error());
  return Checker(directory, progress).run(*shards);
}

Result<std::uint64_t> repair(const std::string& directory) {
  const auto shards = count_shards(directory);
  if (!shards) return std::unexpected(shards.error());
  const auto lock = UpkeepLock::keep(directory);
  if (!lock) return std::unexpected(lock.error());
  std::uint64_t wrong = 0;
  for (std::size_t n = 0; n < *shards; ++n) {
    const auto database = open_shard(directory, n, false);
    if (!database) return std::unexpected(database.error());
    const auto repaired = repair_shard(**database);
    if (!repaired)
      return std::unexpected(
          StoreError{repaired.error().code, shard_file(directory, n) + ": " + repaired.error().detail});
    wrong += *repaired;
  }
  return wrong;
}

}  // namespace quartet::store
