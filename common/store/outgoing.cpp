#include "common/store/outgoing.h"

#include "common/base/encoding.h"

namespace quartet::store {
namespace {

Result<Id> id_of(std::string_view bytes) {
  const auto high = take_le<std::uint64_t>(bytes);
  const auto low = take_le<std::uint64_t>(bytes);
  if (!low) return std::unexpected(StoreError{ErrorCode::kCorrupt, "an email id is too short"});
  return Id(*high, *low);
}

/// All of an object but its bytes, and where those are.
Result<std::pair<OutgoingObject, journal::Location>> read_object_row(Database& database, ObjectId object) {
  auto query = database.prepare(
      "SELECT o.email_id,o.size,o.segment,o.offset,o.length,o.file,c.version,c.envelope,c.body,c.bodystructure,"
      "c.headers,c.parts,c.preview FROM object o LEFT JOIN cache c ON c.id=o.id WHERE o.id=?");
  if (!query.bind(object).step())
    return std::unexpected(database.failed() ? database.error()
                                             : StoreError{ErrorCode::kCorrupt, "a message without bytes"});
  const auto email_id = id_of(query.bytes(0));
  if (!email_id) return std::unexpected(email_id.error());
  OutgoingObject out;
  out.object = object;
  out.email_id = *email_id;
  out.size = query.number(1);
  const journal::Location location{query.number(2), query.number32(3), query.number32(4), query.number(5)};
  out.version = query.is_null(6) ? 0 : query.integer(6);
  std::string* const columns[] = {&out.digest.envelope, &out.digest.body,  &out.digest.bodystructure,
                                  &out.digest.headers,  &out.digest.parts, &out.digest.preview};
  for (int n = 0; n < 6; ++n) *columns[n] = query.bytes(7 + n);
  return std::pair(std::move(out), location);
}

void read_notes(Database& database, OutgoingAccount& account) {
  auto query = database.prepare("SELECT mailbox,user,entry,value FROM annotation WHERE account=?");
  query.bind(account.row.id);
  while (query.step())
    account.notes.push_back({query.integer(0), query.text(1), query.text(2), std::string(query.bytes(3))});
}

OutgoingAccount::Mailbox read_outgoing_mailbox(Database& database, MailboxRow row) {
  OutgoingAccount::Mailbox mailbox;
  auto acl = database.prepare("SELECT identifier,rights FROM acl WHERE mailbox=?");
  acl.bind(row.id);
  while (acl.step()) mailbox.acl.emplace_back(acl.text(0), acl.text(1));
  mailbox.limit = read_limit(database, row.id);
  mailbox.sums = sums_of(database, row.id);
  mailbox.row = std::move(row);
  return mailbox;
}

}  // namespace

std::vector<OutgoingMessage> read_outgoing(Database& database, std::int64_t mailbox, CopyPoint from, std::size_t most) {
  auto query = database.prepare(
      "SELECT uid,size,object,flags,modseq,internaldate,save_date FROM message WHERE mailbox=? AND modseq>=? AND "
      "(modseq>? OR uid>?) ORDER BY modseq,uid LIMIT ?");
  query.bind(mailbox).bind(from.modseq).bind(from.modseq).bind(from.uid).bind(static_cast<std::int64_t>(most));
  std::vector<OutgoingMessage> messages;
  while (query.step())
    messages.push_back(
        {{query.number32(0), query.number32(1), query.integer(2), query.number(3), query.number(4), query.integer(5)},
         query.integer(6)});
  return messages;
}

std::vector<OutgoingExpunge> read_expunges(Database& database, std::int64_t mailbox, CopyPoint from, std::size_t most) {
  auto query = database.prepare(
      "SELECT modseq,uid_first,uid_last FROM expunge WHERE mailbox=? AND modseq>=? AND (modseq>? OR uid_first>?) "
      "ORDER BY modseq,uid_first LIMIT ?");
  query.bind(mailbox).bind(from.modseq).bind(from.modseq).bind(from.uid).bind(static_cast<std::int64_t>(most));
  std::vector<OutgoingExpunge> expunges;
  while (query.step()) expunges.push_back({query.number(0), {query.number32(1), query.number32(2)}});
  return expunges;
}

Result<std::vector<OutgoingObject>> read_objects(Database& database, const Bodies& bodies,
                                                 const std::vector<ObjectId>& objects, std::uint64_t most_bytes) {
  std::vector<OutgoingObject> read;
  std::uint64_t total = 0;
  for (const auto object : objects) {
    auto row = read_object_row(database, object);
    if (!row && !read.empty()) break;
    if (!row) return std::unexpected(std::move(row.error()));
    auto& [out, location] = *row;
    total += out.size;
    if (total > most_bytes && !read.empty()) break;
    auto bytes = bodies.read(location, out.size);
    if (!bytes && !read.empty()) break;
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    out.bytes = std::make_shared<const std::string>(*std::move(bytes));
    read.push_back(std::move(out));
  }
  return read;
}

// Remainders, because sums of whole ones could need more than 64 bits.
MessageSums sums_of(Database& database, std::int64_t mailbox) {
  MessageSums sums;
  auto query = database.prepare(
      "SELECT count(uid),CAST(coalesce(sum(uid),0) AS BIGINT),CAST(coalesce(sum(modseq%1000003*(uid%1009)),0) AS "
      "BIGINT),CAST(coalesce(sum(flags%1000003*(uid%1009)),0) AS BIGINT),CAST(coalesce(sum(size),0) AS BIGINT),"
      "CAST(coalesce(sum(internaldate%1000003+save_date%1000003),0) AS BIGINT) FROM message WHERE mailbox=?");
  if (query.bind(mailbox).step())
    sums = {query.integer(0), query.integer(1), query.integer(2), query.integer(3), query.integer(4), query.integer(5)};
  auto log = database.prepare(
      "SELECT CAST(coalesce(sum(modseq%1000003+uid_first+uid_last),0) AS BIGINT) FROM expunge WHERE mailbox=?");
  if (log.bind(mailbox).step()) sums.expunges = log.integer(0);
  return sums;
}

OutgoingAccount read_outgoing_account(Database& database, const AccountRow& account) {
  OutgoingAccount out;
  out.row = account;
  auto created = database.prepare("SELECT created FROM account WHERE id=?");
  if (created.bind(account.id).step()) out.created = created.integer(0);
  for (auto& row : read_mailboxes(database, account.id))
    out.mailboxes.push_back(read_outgoing_mailbox(database, std::move(row)));
  read_notes(database, out);
  out.keywords = read_keywords(database, account.id);
  auto subscribed = database.prepare("SELECT name FROM subscription WHERE account=?");
  subscribed.bind(account.id);
  while (subscribed.step()) out.subscriptions.push_back(subscribed.text(0));
  return out;
}

}  // namespace quartet::store
