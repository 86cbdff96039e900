#include "common/store/incoming.h"

#include <algorithm>

namespace quartet::store {
namespace {

constexpr int kPiece = 500;

/// 0: it was not copied, or what was has gone since.
ObjectId object_for(Database& database, std::int64_t account, ObjectId source) {
  auto query = database.prepare(
      "SELECT i.object FROM incoming_object i JOIN object o ON o.id=i.object WHERE i.account=? AND i.source=?");
  return query.bind(account).bind(source).step() ? query.integer(0) : 0;
}

/// The mailboxes of `owner` go; upkeep removes their messages. How many messages those are.
std::uint64_t retire_mailboxes(Transaction& transaction, std::int64_t owner, std::int64_t account) {
  Database& database = transaction.database();
  std::uint64_t messages = 0;
  for (const auto& row : read_mailboxes(database, owner)) {
    messages += row.status.messages;
    database.prepare("INSERT INTO mailbox_gone(id,account,name,guid,uidvalidity,modseq) VALUES(?,?,?,?,?,?)")
        .bind(row.id)
        .bind(account)
        .bind(row.name)
        .bind(row.guid)
        .bind(row.status.uidvalidity)
        .bind(row.status.highest_modseq)
        .run();
    database.prepare("DELETE FROM acl WHERE mailbox=?").bind(row.id).run();
    database.prepare("DELETE FROM mailbox_quota WHERE mailbox=?").bind(row.id).run();
  }
  database.prepare("DELETE FROM mailbox WHERE account=?").bind(owner).run();
  transaction.outdate_rows();
  transaction.note_releases();
  return messages;
}

/// The notes of the copying go; bytes that it has left without a message are released.
void end_copying(Transaction& transaction, std::int64_t account) {
  Database& database = transaction.database();
  database
      .prepare(
          "INSERT INTO released SELECT CAST(? AS BIGINT),o.id FROM incoming_object i JOIN object o ON o.id=i.object "
          "WHERE i.account=? AND o.refs=0")
      .bind(transaction.now())
      .bind(account)
      .run();
  database.prepare("DELETE FROM incoming_object WHERE account=?").bind(account).run();
  database.prepare("DELETE FROM incoming_mailbox WHERE account=?").bind(account).run();
  transaction.note_releases();
}

/// What a mailbox has besides messages.
void set_mailbox(Transaction& transaction, MailboxRow& row, const OutgoingAccount::Mailbox& from) {
  Database& database = transaction.database();
  database.prepare("UPDATE mailbox SET name=?,special_use=?,uidvalidity=?,created_modseq=?,expunge_floor=? WHERE id=?")
      .bind(from.row.name)
      .bind(from.row.special_use)
      .bind(from.row.status.uidvalidity)
      .bind(from.row.created_modseq)
      .bind(from.row.expunge_floor)
      .bind(row.id)
      .run();
  row.status.uidnext = from.row.status.uidnext;
  row.status.highest_modseq = from.row.status.highest_modseq;
  row.status.recent = from.row.status.recent;
  row.recent_uid = from.row.recent_uid;
  row.dirty = true;
  database.prepare("DELETE FROM acl WHERE mailbox=?").bind(row.id).run();
  for (const auto& [identifier, rights] : from.acl)
    database.prepare("INSERT INTO acl(mailbox,identifier,rights) VALUES(?,?,?)")
        .bind(row.id)
        .bind(identifier)
        .bind(rights)
        .run();
  database.prepare("DELETE FROM mailbox_quota WHERE mailbox=?").bind(row.id).run();
  if (from.limit.any())
    database.prepare("INSERT INTO mailbox_quota(mailbox,bytes,messages) VALUES(?,?,?)")
        .bind(row.id)
        .bind(from.limit.bytes)
        .bind(from.limit.messages)
        .run();
}

void set_account(Transaction& transaction, AccountRow& account, const OutgoingAccount& from,
                 const IncomingMailboxes& mailboxes) {
  Database& database = transaction.database();
  clear_account(database, account.id);
  for (std::size_t n = 0; n < from.keywords.size(); ++n)
    database.prepare("INSERT INTO keyword(account,id,name) VALUES(?,?,?)")
        .bind(account.id)
        .bind(static_cast<std::int64_t>(n))
        .bind(from.keywords[n])
        .run();
  for (const auto& name : from.subscriptions)
    database.prepare("INSERT INTO subscription VALUES(?,?)").bind(account.id).bind(name).run();
  for (const auto& note : from.notes) {
    const auto mailbox = mailboxes.find(note.mailbox);
    if (note.mailbox != 0 && mailbox == mailboxes.end()) continue;
    database.prepare("INSERT INTO annotation(account,mailbox,user,entry,value) VALUES(?,?,?,?,?)")
        .bind(account.id)
        .bind(note.mailbox == 0 ? 0 : mailbox->second.mailbox)
        .bind(note.user)
        .bind(note.entry)
        .bind_blob(note.value)
        .run();
  }
  database.prepare("UPDATE account SET created=? WHERE id=?").bind(from.created).bind(account.id).run();
  account.uidvalidity_next = from.row.uidvalidity_next;
  account.modseq = from.row.modseq;
  account.dirty = true;
}

}  // namespace

Result<AccountRow*> incoming_account(Transaction& transaction, const std::string& account, const std::string& move) {
  AccountRow* const row = transaction.account_anyhow(account);
  if (row == nullptr && transaction.database().failed()) return std::unexpected(transaction.database().error());
  if (row == nullptr || row->standing.kind != Standing::Kind::kIncoming || row->standing.move != move)
    return std::unexpected(StoreError{ErrorCode::kCannot, "the move was ended elsewhere"});
  return row;
}

Result<std::int64_t> begin_incoming(Transaction& transaction, const std::string& account, const std::string& from,
                                    const std::string& move) {
  AccountRow* row = transaction.account_anyhow(account);
  if (row == nullptr && !transaction.database().failed())
    row = transaction.create_incoming(account);
  else if (row != nullptr && row->standing.holds())
    return std::unexpected(StoreError{ErrorCode::kExists, "both stores have the account"});
  if (row == nullptr) return std::unexpected(transaction.database().error());
  const bool goes_on = row->standing.kind == Standing::Kind::kIncoming && row->standing.peer == from;
  if (row->standing.kind == Standing::Kind::kIncoming && !goes_on) drop_incoming(transaction, *row);
  if (!goes_on) purge_left(transaction, *row);
  transaction.set_standing(*row, {Standing::Kind::kIncoming, from, move});
  return row->id;
}

IncomingMailboxes read_incoming(Database& database, std::int64_t account) {
  IncomingMailboxes mailboxes;
  {
    auto query = database.prepare("SELECT source,mailbox,synced FROM incoming_mailbox WHERE account=?");
    query.bind(account);
    while (query.step())
      mailboxes.emplace(query.integer(0), IncomingMailbox{query.integer(1), query.integer(0), query.number(2), {}, {}});
  }
  auto last_message =
      database.prepare("SELECT modseq,uid FROM message WHERE mailbox=? ORDER BY modseq DESC,uid DESC LIMIT 1");
  auto last_expunge = database.prepare(
      "SELECT modseq,uid_first FROM expunge WHERE mailbox=? ORDER BY modseq DESC,uid_first DESC LIMIT 1");
  for (auto& [source, mailbox] : mailboxes) {
    // They came in this order, and what was marked may have vanished again.
    const auto point = [&mailbox](Statement& last) {
      if (last.again().bind(mailbox.mailbox).step() && last.number(0) > mailbox.synced)
        return CopyPoint{last.number(0), last.number32(1)};
      return CopyPoint{mailbox.synced, kMaxUid};
    };
    mailbox.messages = point(last_message);
    mailbox.expunges = point(last_expunge);
  }
  return mailboxes;
}

std::vector<ObjectId> known_objects(Database& database, std::int64_t account, const std::vector<ObjectId>& objects) {
  std::vector<ObjectId> known;
  for (const auto object : objects)
    if (object_for(database, account, object) != 0) known.push_back(object);
  return known;
}

void put_mailbox(Transaction& transaction, AccountRow& account, const MailboxRow& source) {
  Database& database = transaction.database();
  {
    auto known = database.prepare("SELECT 1 FROM incoming_mailbox WHERE account=? AND source=?");
    if (known.bind(account.id).bind(source.id).step()) return;
  }
  const auto mailbox =
      database
          .prepare(
              "INSERT INTO mailbox(account,name,guid,uidvalidity,highest_modseq,recent_uid,special_use,created_modseq,"
              "expunge_floor) VALUES(?,?,?,?,?,?,?,?,?) RETURNING id")
          .bind(account.id)
          .bind(source.guid)
          .bind(source.guid)
          .bind(source.status.uidvalidity)
          .bind(source.created_modseq)
          .bind(source.recent_uid)
          .bind(source.special_use)
          .bind(source.created_modseq)
          .bind(source.expunge_floor)
          .insert();
  database.prepare("INSERT INTO incoming_mailbox(mailbox,account,source,synced) VALUES(?,?,?,0)")
      .bind(mailbox)
      .bind(account.id)
      .bind(source.id)
      .run();
  account.modseq = std::max(account.modseq, source.created_modseq);
  account.dirty = true;
}

bool drop_mailbox(Transaction& transaction, AccountRow& account, const IncomingMailbox& mailbox) {
  Database& database = transaction.database();
  MailboxRow* const row = transaction.mailbox(mailbox.mailbox);
  if (row == nullptr) return false;
  std::vector<MessageRow> messages;
  {
    auto query = database.prepare("SELECT uid,size,object,flags FROM message WHERE mailbox=? LIMIT ?");
    query.bind(row->id).bind(kPiece);
    while (query.step())
      messages.push_back({query.number32(0), query.number32(1), query.integer(2), query.number(3), 0, 0});
  }
  for (const auto& message : messages) transaction.forget_message(account, *row, message);
  if (messages.size() == kPiece) return true;
  database.prepare("DELETE FROM expunge WHERE mailbox=?").bind(row->id).run();
  database.prepare("DELETE FROM incoming_mailbox WHERE mailbox=?").bind(row->id).run();
  database.prepare("DELETE FROM mailbox WHERE id=?").bind(row->id).run();
  row->gone = true;
  transaction.outdate_rows();
  return false;
}

void put_objects(Transaction& transaction, AccountRow& account, const std::vector<OutgoingObject>& objects,
                 const std::vector<journal::Location>& locations) {
  Database& database = transaction.database();
  for (std::size_t n = 0; n < objects.size(); ++n) {
    const auto& from = objects[n];
    if (object_for(database, account.id, from.object) != 0) continue;
    const auto object = transaction.insert_object(from.email_id, from.size, locations[n], from.digest, 0);
    if (from.version != mime::kDigestVersion)
      database.prepare("UPDATE cache SET version=? WHERE id=?").bind(from.version).bind(object).run();
    database
        .prepare(
            "INSERT INTO incoming_object(account,source,object) VALUES(?,?,?) "
            "ON CONFLICT(account,source) DO UPDATE SET object=excluded.object")
        .bind(account.id)
        .bind(from.object)
        .bind(object)
        .run();
  }
}

Result<void> put_messages(Transaction& transaction, AccountRow& account, std::int64_t mailbox,
                          const std::vector<OutgoingMessage>& messages) {
  MailboxRow* const row = transaction.mailbox(mailbox);
  if (row == nullptr) return std::unexpected(StoreError{ErrorCode::kCannot, "the copy of a mailbox is gone"});
  for (const auto& message : messages) {
    MessageRow copy = message.row;
    copy.object = object_for(transaction.database(), account.id, message.row.object);
    if (copy.object == 0) return std::unexpected(StoreError{ErrorCode::kCorrupt, "bytes were not copied"});
    transaction.put_message(account, *row, copy, message.save_date);
  }
  return {};
}

Result<void> put_expunges(Transaction& transaction, AccountRow& account, std::int64_t mailbox,
                          const std::vector<OutgoingExpunge>& expunges) {
  MailboxRow* const row = transaction.mailbox(mailbox);
  if (row == nullptr) return std::unexpected(StoreError{ErrorCode::kCannot, "the copy of a mailbox is gone"});
  Database& database = transaction.database();
  for (const auto& expunge : expunges) {
    for (const auto& message : read_messages(database, mailbox, {expunge.uids}))
      transaction.forget_message(account, *row, message);
    database.prepare("INSERT OR IGNORE INTO expunge(mailbox,modseq,uid_first,uid_last) VALUES(?,?,?,?)")
        .bind(mailbox)
        .bind(expunge.modseq)
        .bind(expunge.uids.first)
        .bind(expunge.uids.last)
        .run();
    row->status.highest_modseq = std::max(row->status.highest_modseq, expunge.modseq);
    row->status.uidnext = std::max(row->status.uidnext, expunge.uids.last + 1);
    account.modseq = std::max(account.modseq, expunge.modseq);
    row->dirty = account.dirty = true;
  }
  return {};
}

void mark_synced(Transaction& transaction, const IncomingMailbox& mailbox) {
  transaction.database()
      .prepare("UPDATE incoming_mailbox SET synced=? WHERE mailbox=?")
      .bind(mailbox.synced)
      .bind(mailbox.mailbox)
      .run();
}

Result<void> finish_incoming(Transaction& transaction, AccountRow& account, const OutgoingAccount& from) {
  Database& database = transaction.database();
  const auto mailboxes = read_incoming(database, account.id);
  std::vector<std::pair<MailboxRow*, const OutgoingAccount::Mailbox*>> pairs;
  for (const auto& mailbox : from.mailboxes) {
    const auto known = mailboxes.find(mailbox.row.id);
    MailboxRow* const row = known == mailboxes.end() ? nullptr : transaction.mailbox(known->second.mailbox);
    if (row == nullptr || sums_of(database, row->id) != mailbox.sums)
      return std::unexpected(StoreError{ErrorCode::kCorrupt, "the copy of " + mailbox.row.name + " is not the same"});
    pairs.emplace_back(row, &mailbox);
  }
  if (pairs.size() != mailboxes.size())
    return std::unexpected(StoreError{ErrorCode::kCorrupt, "the copy has more mailboxes"});
  // An earlier try may have named them as they were called then.
  database.prepare("UPDATE mailbox SET name=guid WHERE account=?").bind(account.id).run();
  for (const auto& [row, mailbox] : pairs) set_mailbox(transaction, *row, *mailbox);
  set_account(transaction, account, from, mailboxes);
  transaction.outdate_rows();
  return {};
}

Result<bool> activate(Transaction& transaction, const std::string& account, const std::string& move) {
  AccountRow* const row = transaction.account_anyhow(account);
  if (row == nullptr || row->standing.kind != Standing::Kind::kIncoming || row->standing.move != move) return false;
  end_copying(transaction, row->id);
  transaction.set_standing(*row, {});
  return true;
}

void drop_incoming(Transaction& transaction, AccountRow& account) {
  retire_mailboxes(transaction, account.id, account.id);
  clear_account(transaction.database(), account.id);
  end_copying(transaction, account.id);
  account.used_bytes = account.used_messages = 0;
  account.dirty = true;
  transaction.set_standing(account, {Standing::Kind::kMoved, account.standing.peer, {}});
}

void clear_account(Database& database, std::int64_t account) {
  database.prepare("DELETE FROM keyword WHERE account=?").bind(account).run();
  database.prepare("DELETE FROM subscription WHERE account=?").bind(account).run();
  database.prepare("DELETE FROM annotation WHERE account=?").bind(account).run();
}

std::uint64_t purge_left(Transaction& transaction, AccountRow& account) {
  const auto messages = retire_mailboxes(transaction, -account.id, account.id);
  clear_account(transaction.database(), account.id);
  return messages;
}

}  // namespace quartet::store
