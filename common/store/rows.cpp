#include "common/store/rows.h"

#include <algorithm>

namespace quartet::store {
namespace {

#define MAILBOX_COLUMNS                                                                                      \
  "id,account,name,guid,uidvalidity,uidnext,highest_modseq,messages,unseen,deleted,bytes,recent_uid,recent," \
  "special_use,created_modseq,expunge_floor"
#define ACCOUNT_COLUMNS                                                                                  \
  "a.id,a.name,a.uidvalidity_next,a.modseq,a.used_bytes,a.used_messages,s.kind,s.peer,s.move,s.expires " \
  "FROM account a LEFT JOIN standing s ON s.account=a.id"

std::optional<AccountRow> account_of(Statement& query) {
  if (!query.step()) return std::nullopt;
  AccountRow row;
  row.id = query.integer(0);
  row.name = query.text(1);
  row.uidvalidity_next = query.number32(2);
  row.modseq = query.number(3);
  row.used_bytes = query.number(4);
  row.used_messages = query.number(5);
  if (!query.is_null(6)) row.standing = standing_of(query, 6);
  return row;
}

MailboxRow mailbox_of(const Statement& query) {
  MailboxRow row;
  row.id = query.integer(0);
  row.account = query.integer(1);
  row.name = query.text(2);
  row.guid = query.text(3);
  row.status.uidvalidity = query.number32(4);
  row.status.uidnext = query.number32(5);
  row.status.highest_modseq = query.number(6);
  row.status.messages = query.number32(7);
  row.status.unseen = query.number32(8);
  row.status.deleted = query.number32(9);
  row.status.size = query.number(10);
  row.recent_uid = query.number32(11);
  row.status.recent = query.number32(12);
  row.special_use = query.text(13);
  row.created_modseq = query.number(14);
  row.expunge_floor = query.number(15);
  return row;
}

std::uint32_t highest_uid(Database& database, std::int64_t mailbox) {
  auto query = database.prepare("SELECT max(uid) FROM message WHERE mailbox=?");
  query.bind(mailbox);
  return query.step() ? query.number32(0) : 0;
}

}  // namespace

std::optional<AccountRow> read_account(Database& database, std::string_view name) {
  auto query = database.prepare("SELECT " ACCOUNT_COLUMNS " WHERE a.name=?");
  query.bind(name);
  return account_of(query);
}

std::optional<AccountRow> read_account(Database& database, std::int64_t id) {
  auto query = database.prepare("SELECT " ACCOUNT_COLUMNS " WHERE a.id=?");
  query.bind(id);
  return account_of(query);
}

std::optional<MailboxRow> read_mailbox(Database& database, std::int64_t account, std::string_view name) {
  auto query = database.prepare("SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE account=? AND name=?");
  query.bind(account).bind(name);
  if (!query.step()) return std::nullopt;
  return mailbox_of(query);
}

std::optional<MailboxRow> read_mailbox(Database& database, std::int64_t id) {
  auto query = database.prepare("SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE id=?");
  query.bind(id);
  if (!query.step()) return std::nullopt;
  return mailbox_of(query);
}

std::vector<MailboxRow> read_mailboxes(Database& database, std::int64_t account) {
  auto query = database.prepare("SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE account=? ORDER BY name");
  query.bind(account);
  std::vector<MailboxRow> rows;
  while (query.step()) rows.push_back(mailbox_of(query));
  return rows;
}

QuotaLimit read_limit(Database& database, std::int64_t mailbox) {
  auto query = database.prepare("SELECT bytes,messages FROM mailbox_quota WHERE mailbox=?");
  query.bind(mailbox);
  return query.step() ? QuotaLimit{query.number(0), query.number(1)} : QuotaLimit{};
}

std::vector<std::string> read_keywords(Database& database, std::int64_t account) {
  auto query = database.prepare("SELECT name FROM keyword WHERE account=? ORDER BY id");
  query.bind(account);
  std::vector<std::string> names;
  while (query.step()) names.push_back(query.text(0));
  return names;
}

std::vector<MessageRow> read_messages(Database& database, std::int64_t mailbox, const UidSet& uids) {
  std::vector<MessageRow> rows;
  auto query = database.prepare(
      "SELECT uid,size,object,flags,modseq,internaldate FROM message WHERE mailbox=? AND uid BETWEEN ? AND ? "
      "ORDER BY uid");
  for (UidRange range : uids) {
    if (range.last == kMaxUid && range.first != 0) {
      range.last = highest_uid(database, mailbox);
      range.first = std::min(range.first, range.last);
    }
    query.again().bind(mailbox).bind(range.first).bind(range.last);
    while (query.step())
      rows.push_back(
          {query.number32(0), query.number32(1), query.integer(2), query.number(3), query.number(4), query.integer(5)});
  }
  const auto by_uid = [](const MessageRow& a, const MessageRow& b) { return a.uid < b.uid; };
  // Usually sorted already; but a client may name a message twice, and "5,3:*" may overlap once "*" is known.
  if (!std::is_sorted(rows.begin(), rows.end(), by_uid)) std::sort(rows.begin(), rows.end(), by_uid);
  rows.erase(
      std::unique(rows.begin(), rows.end(), [](const MessageRow& a, const MessageRow& b) { return a.uid == b.uid; }),
      rows.end());
  return rows;
}

RecentRange MailboxRow::claim_recent() {
  if (status.recent == 0) return {};
  const RecentRange range{recent_uid + 1, status.uidnext - 1};
  recent_uid = status.uidnext - 1;
  status.recent = 0;
  dirty = true;
  return range;
}

MailboxInfo to_info(const MailboxRow& row, std::uint32_t shard) {
  MailboxInfo info;
  info.name = row.name;
  info.ref = {shard, row.account, row.id};
  info.special_use = row.special_use;
  info.id = row.guid;
  info.status = row.status;
  return info;
}

}  // namespace quartet::store
