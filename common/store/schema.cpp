#include "common/store/schema.h"

#include <fmt/format.h>

namespace quartet::store {
namespace {

// Rules the tables follow:
// - Counters (modseq, uidnext, keyword ids) live here and are read inside the writing transaction, so any number of
//   processes may write.
// - `message` is narrow and clustered by (mailbox, uid): opening a mailbox is one sequential scan. What is wide lives
// in
//   rowid tables; a wide row in a WITHOUT ROWID table would take a page of its own.
// - Ids of mailboxes are unique in the shard and never reused (AUTOINCREMENT), so mailbox stands for account as well in
//   the keys of `message` and `expunge`, the two big tables.
// - object.refs counts the messages that share the bytes. At 0 the object is listed in `released` and stays readable
//   until garbage collection. segment.live counts objects, released ones included, whose bytes are in that segment.
constexpr const char* kTables = R"sql(
CREATE TABLE account(
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
  uidvalidity_next INTEGER NOT NULL, modseq INTEGER NOT NULL,
  used_bytes INTEGER NOT NULL DEFAULT 0, used_messages INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL);
CREATE TABLE mailbox(
  id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, name TEXT NOT NULL, guid TEXT NOT NULL,
  uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL DEFAULT 1, highest_modseq INTEGER NOT NULL,
  messages INTEGER NOT NULL DEFAULT 0, unseen INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0, recent_uid INTEGER NOT NULL DEFAULT 0, recent INTEGER NOT NULL DEFAULT 0,
  special_use TEXT NOT NULL DEFAULT '',
  created_modseq INTEGER NOT NULL, expunge_floor INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX mailbox_name ON mailbox(account, name);
CREATE TABLE mailbox_gone(
  id INTEGER PRIMARY KEY, account INTEGER NOT NULL, name TEXT NOT NULL, guid TEXT NOT NULL,
  uidvalidity INTEGER NOT NULL, modseq INTEGER NOT NULL, purged INTEGER NOT NULL DEFAULT 0);
CREATE INDEX mailbox_gone_pending ON mailbox_gone(id) WHERE purged = 0;
CREATE TABLE subscription(account INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(account, name)) WITHOUT ROWID;
CREATE TABLE keyword(account INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY(account, id)) WITHOUT ROWID;
CREATE TABLE message(
  mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, object INTEGER NOT NULL, modseq INTEGER NOT NULL,
  flags INTEGER NOT NULL, size INTEGER NOT NULL, internaldate INTEGER NOT NULL, save_date INTEGER NOT NULL,
  PRIMARY KEY(mailbox, uid)) WITHOUT ROWID;
CREATE INDEX message_modseq ON message(mailbox, modseq);
CREATE TABLE expunge(mailbox INTEGER NOT NULL, modseq INTEGER NOT NULL, uid_first INTEGER NOT NULL,
  uid_last INTEGER NOT NULL, PRIMARY KEY(mailbox, modseq, uid_first)) WITHOUT ROWID;
CREATE TABLE object(
  id INTEGER PRIMARY KEY AUTOINCREMENT, email_id BLOB NOT NULL, size INTEGER NOT NULL, refs INTEGER NOT NULL,
  segment INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, file INTEGER NOT NULL);
CREATE INDEX object_file ON object(file) WHERE file<>0;
CREATE TABLE cache(
  id INTEGER PRIMARY KEY, version INTEGER NOT NULL, envelope BLOB, body BLOB, bodystructure BLOB, headers BLOB,
  parts BLOB, preview BLOB);
CREATE TABLE released(time INTEGER NOT NULL, object INTEGER NOT NULL, PRIMARY KEY(time, object)) WITHOUT ROWID;
CREATE TABLE segment(id INTEGER PRIMARY KEY, live INTEGER NOT NULL, bytes INTEGER NOT NULL);
)sql";

// Tables that came after the first stores were made. What does not know them leaves them alone and does no harm, so
// they need no version of their own, and processes of both kinds may be on one store; but not while accounts are moved
// between stores, as older ones do not look at `standing` (standing.h).
constexpr const char* kLaterTables = R"sql(
CREATE TABLE IF NOT EXISTS acl(mailbox INTEGER NOT NULL, identifier TEXT NOT NULL, rights TEXT NOT NULL,
  PRIMARY KEY(mailbox, identifier)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS acl_identifier ON acl(identifier);
CREATE TABLE IF NOT EXISTS annotation(account INTEGER NOT NULL, mailbox INTEGER NOT NULL, user TEXT NOT NULL,
  entry TEXT NOT NULL, value BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS annotation_entry ON annotation(account, mailbox, user, entry);
CREATE TABLE IF NOT EXISTS mailbox_quota(mailbox INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, messages INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS standing(account INTEGER PRIMARY KEY, kind INTEGER NOT NULL, peer TEXT NOT NULL,
  move TEXT NOT NULL, expires INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS incoming_mailbox(mailbox INTEGER PRIMARY KEY, account INTEGER NOT NULL,
  source INTEGER NOT NULL, synced INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS incoming_object(account INTEGER NOT NULL, source INTEGER NOT NULL, object INTEGER NOT NULL,
  PRIMARY KEY(account, source)) WITHOUT ROWID;
)sql";

bool has_later_tables(Database& database) {
  auto query = database.prepare(
      "SELECT count(*) FROM sqlite_master WHERE name IN "
      "('acl_identifier','annotation_entry','mailbox_quota','incoming_object')");
  return query.step() && query.integer(0) == 4;
}

std::int64_t version_of(Database& database) {
  auto query = database.prepare("PRAGMA user_version");
  return query.step() ? query.integer(0) : -1;
}

StoreError unknown(std::int64_t version) {
  return {ErrorCode::kUnsupported, fmt::format("the store has schema version {}, this is {}", version, kSchemaVersion)};
}

}  // namespace

std::expected<void, StoreError> known_schema(Database& database) {
  const auto version = version_of(database);
  if (database.failed()) return std::unexpected(database.take_error());
  if (version != 0 && version != kSchemaVersion) return std::unexpected(unknown(version));
  return {};
}

std::expected<void, StoreError> prepare_schema(Database& database) {
  // Two processes may open a new store at the same moment: look again under the write lock.
  if (version_of(database) == kSchemaVersion && has_later_tables(database)) return {};
  database.execute("BEGIN IMMEDIATE");
  const std::int64_t version = version_of(database);
  if (version == 0) {
    database.execute(kTables);
    database.execute(fmt::format("PRAGMA user_version={}", kSchemaVersion).c_str());
  }
  if (version == 0 || version == kSchemaVersion) database.execute(kLaterTables);
  database.execute("COMMIT");
  if (database.failed()) return std::unexpected(database.take_error());
  if (version != 0 && version != kSchemaVersion) return std::unexpected(unknown(version));
  return {};
}

}  // namespace quartet::store
