#include "common/store/transaction.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/mime/digest.h"
#include "common/store/bodies.h"

namespace quartet::store {
namespace {

/// Counts a message with these flags in (+1) or out (-1) of the mailbox.
void count_flags(Status& status, std::uint64_t flags, int by) {
  const auto add = [by](std::uint32_t& counter) {
    counter = static_cast<std::uint32_t>(static_cast<int>(counter) + by);
  };
  if ((flags & flag::kSeen) == 0) add(status.unseen);
  if ((flags & flag::kDeleted) != 0) add(status.deleted);
}

/// A message that comes, in what its mailbox and its account count, but for whether it is recent.
void count_in(AccountRow& account, MailboxRow& mailbox, const MessageRow& message) {
  ++mailbox.status.messages;
  mailbox.status.size += message.size;
  count_flags(mailbox.status, message.flags, +1);
  account.used_bytes += message.size;
  ++account.used_messages;
}

/// A message that goes, in what its mailbox and its account count.
void count_out(AccountRow& account, MailboxRow& mailbox, const MessageRow& message) {
  --mailbox.status.messages;
  if (message.uid > mailbox.recent_uid) --mailbox.status.recent;
  mailbox.status.size -= message.size;
  count_flags(mailbox.status, message.flags, -1);
  account.used_bytes -= std::min<std::uint64_t>(account.used_bytes, message.size);
  account.used_messages -= account.used_messages > 0 ? 1 : 0;
}

/// Calls `function` with the first and the last of numbers that follow one another, for all of them: one statement then
/// does for many rows. A number that is there twice is in two runs.
template <typename F>
void each_run(std::vector<ObjectId> numbers, F function) {
  std::ranges::sort(numbers);
  for (std::size_t begin = 0; begin < numbers.size();) {
    auto end = begin + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    function(numbers[begin], numbers[end - 1]);
    begin = end;
  }
}

}  // namespace

AccountRow* Transaction::use(AccountRow& row) {
  if (row.in_use) return &row;
  row.in_use = true;
  row.limit.reset();  // the directory may say something else by now
  accounts_.push_back(&row);
  return &row;
}

MailboxRow* Transaction::use(MailboxRow& row) {
  if (row.gone) return nullptr;
  if (!row.in_use) mailboxes_.push_back(&row);
  row.in_use = true;
  return &row;
}

AccountRow* Transaction::keep(std::optional<AccountRow> row) { return row ? use(rows_.add(std::move(*row))) : nullptr; }

MailboxRow* Transaction::keep(std::optional<MailboxRow> row) { return row ? use(rows_.add(std::move(*row))) : nullptr; }

AccountRow* Transaction::account(std::string_view name) {
  refusal_.reset();
  if (AccountRow* const known = rows_.account(name)) return admit(use(*known));
  if (AccountRow* const row = keep(read_account(database_, name))) return admit(row);
  return database_.failed() ? nullptr : create_account(name);
}

AccountRow* Transaction::account_anyhow(std::string_view name) {
  if (AccountRow* const known = rows_.account(name)) return use(*known);
  return keep(read_account(database_, name));
}

/// The gate that every change passes.
AccountRow* Transaction::admit(AccountRow* row) {
  refusal_.reset();
  if (row == nullptr || (row->standing.holds() && row->standing.kind != Standing::Kind::kFenced)) return row;
  if (row->standing.holds()) {
    // Whoever put up the fence is gone or too slow, and finds it missing before he takes the account away.
    if (row->standing.expires < now_) {
      set_standing(*row, {});
      return row;
    }
    refusal_ = StoreError{ErrorCode::kMoving, row->standing.peer};
    return nullptr;
  }
  refusal_ = StoreError{ErrorCode::kMoved, row->standing.peer};
  return nullptr;
}

void Transaction::set_standing(AccountRow& account, Standing standing) {
  write_standing(database_, account.id, standing);
  outdate_rows();  // as what goes with it is written in many rows
  account.standing = std::move(standing);
  hints_.insert({account.id, 0});
}

AccountRow* Transaction::account(std::int64_t id) {
  if (AccountRow* const known = rows_.account(id)) return admit(use(*known));
  return admit(keep(read_account(database_, id)));
}

MailboxRow* Transaction::mailbox(const AccountRow& account, std::string_view name) {
  if (MailboxRow* const known = rows_.mailbox(account.id, name)) return use(*known);
  return keep(read_mailbox(database_, account.id, name));
}

MailboxRow* Transaction::mailbox(std::int64_t id) {
  if (MailboxRow* const known = rows_.mailbox(id)) return use(*known);
  return keep(read_mailbox(database_, id));
}

AccountRow* Transaction::insert_account(std::string_view name) {
  AccountRow row;
  row.name = name;
  // From the clock, so that an account deleted and made again does not repeat the UIDVALIDITYs of its first life.
  row.uidvalidity_next = static_cast<std::uint32_t>(now_ / 1'000'000);
  row.id = database_.prepare("INSERT INTO account(name,uidvalidity_next,modseq,created) VALUES(?,?,?,?) RETURNING id")
               .bind(name)
               .bind(row.uidvalidity_next)
               .bind(row.modseq)
               .bind(now_)
               .insert();
  return keep(std::move(row));
}

AccountRow* Transaction::create_incoming(std::string_view name) { return insert_account(name); }

AccountRow* Transaction::create_account(std::string_view name) {
  AccountRow* const account = insert_account(name);
  create_first_mailboxes(*account);
  return database_.failed() ? nullptr : account;
}

void Transaction::create_first_mailboxes(AccountRow& account) {
  create_mailbox(account, "INBOX", "");
  for (const DefaultMailbox& mailbox : options_.default_mailboxes) {
    const auto mailbox_name = canonical_name(mailbox.name);
    QUARTET_CHECK(mailbox_name.has_value());  // open_store looked at them
    if (this->mailbox(account, *mailbox_name) == nullptr) create_mailbox(account, *mailbox_name, mailbox.special_use);
    if (mailbox.subscribed)
      database_.prepare("INSERT OR IGNORE INTO subscription VALUES(?,?)").bind(account.id).bind(*mailbox_name).run();
  }
}

std::uint64_t Transaction::next_modseq(AccountRow& account, MailboxRow& mailbox) {
  account.dirty = mailbox.dirty = true;
  mailbox.status.highest_modseq = ++account.modseq;
  hints_.insert({account.id, mailbox.id});
  return account.modseq;
}

std::uint64_t Transaction::next_modseq(AccountRow& account) {
  account.dirty = true;
  hints_.insert({account.id, 0});
  return ++account.modseq;
}

MailboxRow* Transaction::create_mailbox(AccountRow& account, std::string_view name, std::string_view special_use) {
  MailboxRow row;
  row.account = account.id;
  row.name = name;
  row.guid = Id::make().to_string();
  row.special_use = special_use;
  row.created_modseq = row.status.highest_modseq = row.expunge_floor = next_modseq(account);
  row.status.uidvalidity = account.uidvalidity_next++;
  row.id = database_
               .prepare(
                   "INSERT INTO "
                   "mailbox(account,name,guid,uidvalidity,highest_modseq,special_use,created_modseq,expunge_floor)"
                   " VALUES(?,?,?,?,?,?,?,?) RETURNING id")
               .bind(account.id)
               .bind(name)
               .bind(row.guid)
               .bind(row.status.uidvalidity)
               .bind(row.status.highest_modseq)
               .bind(special_use)
               .bind(row.created_modseq)
               .bind(row.expunge_floor)
               .insert();
  inherit_rights(account, row);
  return keep(std::move(row));
}

// RFC 4314 section 4 lets a new mailbox begin with the rights of its parent.
void Transaction::inherit_rights(const AccountRow& account, const MailboxRow& row) {
  const auto slash = row.name.rfind('/');
  if (slash == std::string::npos) return;
  const MailboxRow* const parent = mailbox(account, std::string_view(row.name).substr(0, slash));
  if (parent == nullptr) return;
  database_.prepare("INSERT INTO acl SELECT CAST(? AS BIGINT),identifier,rights FROM acl WHERE mailbox=?")
      .bind(row.id)
      .bind(parent->id)
      .run();
}

void Transaction::remove_mailbox(AccountRow& account, MailboxRow& mailbox) {
  const std::uint64_t modseq = next_modseq(account, mailbox);
  next_modseq(account);
  database_.prepare("INSERT INTO mailbox_gone(id,account,name,guid,uidvalidity,modseq) VALUES(?,?,?,?,?,?)")
      .bind(mailbox.id)
      .bind(account.id)
      .bind(mailbox.name)
      .bind(mailbox.guid)
      .bind(mailbox.status.uidvalidity)
      .bind(modseq)
      .run();
  database_.prepare("DELETE FROM mailbox WHERE id=?").bind(mailbox.id).run();
  database_.prepare("DELETE FROM acl WHERE mailbox=?").bind(mailbox.id).run();
  database_.prepare("DELETE FROM mailbox_quota WHERE mailbox=?").bind(mailbox.id).run();
  database_.prepare("DELETE FROM annotation WHERE account=? AND mailbox=?").bind(account.id).bind(mailbox.id).run();
  account.used_bytes -= std::min(account.used_bytes, mailbox.status.size);
  account.used_messages -= std::min<std::uint64_t>(account.used_messages, mailbox.status.messages);
  rows_.remove(mailbox);
  mailbox.dirty = false;
  has_releases_ = true;
}

void Transaction::rename_mailbox(MailboxRow& mailbox, std::string_view name) {
  rows_.rename(mailbox, name);
  database_.prepare("UPDATE mailbox SET name=? WHERE id=?").bind(name).bind(mailbox.id).run();
  hints_.insert({mailbox.account, mailbox.id});
}

bool Transaction::fits(AccountRow& account, std::uint64_t bytes, std::uint64_t messages) {
  if (!account.limit) account.limit = options_.quota ? options_.quota(account.name) : QuotaLimit{};
  return QuotaUsage{account.used_bytes, account.used_messages, *account.limit}.fits(bytes, messages);
}

bool Transaction::fits(MailboxRow& mailbox, std::uint64_t bytes, std::uint64_t messages) {
  if (!mailbox.limit) mailbox.limit = read_limit(database_, mailbox.id);
  return QuotaUsage{mailbox.status.size, mailbox.status.messages, *mailbox.limit}.fits(bytes, messages);
}

std::optional<std::uint64_t> Transaction::keyword_bits(AccountRow& account, const std::vector<std::string>& names,
                                                       bool create) {
  if (names.empty()) return 0;
  if (!account.keywords) account.keywords = read_keywords(database_, account.id);
  auto& known = *account.keywords;
  const auto find = [&known](const std::string& name) {
    return static_cast<std::size_t>(
        std::find_if(known.begin(), known.end(), [&](const std::string& k) { return ascii::iequals(k, name); }) -
        known.begin());
  };
  // All or none: count first.
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    const auto same = [&](const std::string& other) { return ascii::iequals(other, name); };
    if (find(name) == known.size() && std::none_of(missing.begin(), missing.end(), same)) missing.push_back(name);
  }
  const auto bits_of = [&] {
    std::uint64_t bits = 0;
    for (const std::string& name : names)
      if (const std::size_t n = find(name); n < known.size()) bits |= std::uint64_t{1} << (kFirstKeywordBit + n);
    account.lent_keywords |= bits;
    account.free_keywords &= ~account.lent_keywords;
    return bits;
  };
  const auto bits = bits_of();
  if (!create || missing.empty()) return bits;
  constexpr std::size_t kMost = kMaxKeywords;
  if (known.size() + missing.size() > kMost) find_free_keywords(account);
  const auto room = kMost - known.size() + static_cast<std::size_t>(std::popcount(account.free_keywords));
  if (missing.size() > room) return std::nullopt;
  for (const std::string& name : missing) add_keyword(account, name);
  return bits_of();
}

/// An account has had them for good otherwise, and programs make up ever new ones. To look at all its messages takes a
/// while for a large one, so not at each wish.
void Transaction::find_free_keywords(AccountRow& account) {
  constexpr std::int64_t kPause = 10'000'000;  // microseconds
  const bool lately = account.keywords_looked_at != 0 && now_ - account.keywords_looked_at < kPause;
  // What has been copied of an account that is moved has the old names.
  if (account.free_keywords != 0 || lately || account.standing.kind != Standing::Kind::kHere) return;
  account.keywords_looked_at = now_;
  std::uint64_t used = account.lent_keywords;
  auto query = database_.prepare(
      "SELECT DISTINCT message.flags FROM mailbox JOIN message ON message.mailbox=mailbox.id WHERE mailbox.account=?");
  query.bind(account.id);
  while (query.step()) used |= static_cast<std::uint64_t>(query.integer(0));
  const auto named = ((std::uint64_t{1} << account.keywords->size()) - 1) << kFirstKeywordBit;
  account.free_keywords = named & ~used;
}

void Transaction::add_keyword(AccountRow& account, const std::string& name) {
  auto& known = *account.keywords;
  const bool anew = known.size() < static_cast<std::size_t>(kMaxKeywords);
  const auto id =
      anew ? known.size() : static_cast<std::size_t>(std::countr_zero(account.free_keywords)) - kFirstKeywordBit;
  database_
      .prepare(anew ? "INSERT INTO keyword(name,account,id) VALUES(?,?,?)"
                    : "UPDATE keyword SET name=? WHERE account=? AND id=?")
      .bind(name)
      .bind(account.id)
      .bind(static_cast<std::int64_t>(id))
      .run();
  if (anew)
    known.push_back(name);
  else
    known[id] = name;
  account.free_keywords &= ~(std::uint64_t{1} << (kFirstKeywordBit + id));
}

ObjectId Transaction::insert_object(const Id& email_id, std::uint64_t size, const journal::Location& location,
                                    const mime::MessageDigest& digest, std::uint64_t refs) {
  std::string id_bytes;
  put_le(id_bytes, email_id.high());
  put_le(id_bytes, email_id.low());
  const auto reserved = database_.object_id();
  auto insert = database_.prepare(
      "INSERT INTO object(id,email_id,size,refs,segment,offset,length,file) VALUES(?,?,?,?,?,?,?,?) RETURNING id");
  if (reserved)
    insert.bind(*reserved);
  else
    insert.bind_null();
  insert.bind_blob(id_bytes)
      .bind(size)
      .bind(refs)
      .bind(location.segment)
      .bind(location.offset)
      .bind(location.length)
      .bind(location.file);
  ObjectId object = 0;
  if (reserved) {
    object = *reserved;
    insert.run();
  } else {
    object = insert.insert();
  }
  database_
      .prepare(
          "INSERT INTO cache(id,version,envelope,body,bodystructure,headers,parts,preview) "
          "VALUES(?,?,?,?,?,?,?,?)")
      .bind(object)
      .bind(mime::kDigestVersion)
      .bind_blob(digest.envelope)
      .bind_blob(digest.body)
      .bind_blob(digest.bodystructure)
      .bind_blob(digest.headers)
      .bind_blob(digest.parts)
      .bind_blob(digest.preview)
      .run();
  count_segment(location.segment, 1, location.footprint());
  return object;
}

void Transaction::share_objects(std::vector<ObjectId> objects) {
  each_run(std::move(objects), [this](ObjectId first, ObjectId last) {
    database_.prepare("UPDATE object SET refs=refs+1 WHERE id BETWEEN ? AND ?").bind(first).bind(last).run();
  });
}

void Transaction::drop_objects(std::vector<ObjectId> objects) {
  each_run(std::move(objects), [this](ObjectId first, ObjectId last) {
    database_.prepare("UPDATE object SET refs=refs-1 WHERE id BETWEEN ? AND ?").bind(first).bind(last).run();
    database_
        .prepare(
            "INSERT INTO released(time,object) SELECT CAST(? AS BIGINT),id FROM object WHERE id BETWEEN ? AND ? AND "
            "refs=0")
        .bind(now_)
        .bind(first)
        .bind(last)
        .run();
    if (database_.changed_rows() > 0) has_releases_ = true;
  });
}

std::uint32_t Transaction::insert_message(AccountRow& account, MailboxRow& mailbox, MessageRow message) {
  const std::uint32_t uid = mailbox.status.uidnext++;
  account.dirty = mailbox.dirty = true;
  database_
      .prepare(
          "INSERT INTO message(mailbox,uid,object,modseq,flags,size,internaldate,save_date) VALUES(?,?,?,?,?,?,?,?)")
      .bind(mailbox.id)
      .bind(uid)
      .bind(message.object)
      .bind(message.modseq)
      .bind(message.flags)
      .bind(message.size)
      .bind(message.internaldate)
      .bind(now_)
      .run();
  ++mailbox.status.recent;
  count_in(account, mailbox, message);
  return uid;
}

void Transaction::insert_copies(MailboxRow& mailbox, std::int64_t from, UidRange uids, std::uint64_t modseq) {
  database_
      .prepare(
          "INSERT INTO message(mailbox,uid,object,modseq,flags,size,internaldate,save_date) "
          "SELECT CAST(? AS BIGINT),uid+CAST(? AS BIGINT),object,CAST(? AS BIGINT),flags,size,internaldate,"
          "CAST(? AS BIGINT) FROM message WHERE mailbox=? AND uid BETWEEN ? AND ?")
      .bind(mailbox.id)
      .bind(static_cast<std::int64_t>(mailbox.status.uidnext) - uids.first)
      .bind(modseq)
      .bind(now_)
      .bind(from)
      .bind(uids.first)
      .bind(uids.last)
      .run();
  const std::uint32_t count = uids.last - uids.first + 1;
  mailbox.status.uidnext += count;
  mailbox.status.recent += count;
}

std::uint32_t Transaction::copy_messages(AccountRow& account, MailboxRow& mailbox, std::int64_t from,
                                         const std::vector<MessageRow>& messages, std::uint64_t modseq) {
  const std::uint32_t first = mailbox.status.uidnext;
  account.dirty = mailbox.dirty = true;
  std::vector<ObjectId> objects;
  for (std::size_t begin = 0, n = 0; n < messages.size(); ++n) {
    objects.push_back(messages[n].object);
    count_in(account, mailbox, messages[n]);
    if (n + 1 < messages.size() && messages[n + 1].uid == messages[n].uid + 1) continue;
    insert_copies(mailbox, from, {messages[begin].uid, messages[n].uid}, modseq);
    begin = n + 1;
  }
  share_objects(std::move(objects));
  return first;
}

void Transaction::update_flags(MailboxRow& mailbox, const MessageRow& before, std::uint64_t flags,
                               std::uint64_t modseq) {
  database_.prepare("UPDATE message SET flags=?,modseq=? WHERE mailbox=? AND uid=?")
      .bind(flags)
      .bind(modseq)
      .bind(mailbox.id)
      .bind(before.uid)
      .run();
  count_flags(mailbox.status, before.flags, -1);
  count_flags(mailbox.status, flags, +1);
}

void Transaction::put_message(AccountRow& account, MailboxRow& mailbox, const MessageRow& message,
                              std::int64_t save_date) {
  const auto before = read_messages(database_, mailbox.id, {{message.uid, message.uid}});
  mailbox.status.highest_modseq = std::max(mailbox.status.highest_modseq, message.modseq);
  mailbox.status.uidnext = std::max(mailbox.status.uidnext, message.uid + 1);
  account.modseq = std::max(account.modseq, message.modseq);
  account.dirty = mailbox.dirty = true;
  if (!before.empty()) return update_flags(mailbox, before.front(), message.flags, message.modseq);
  database_
      .prepare(
          "INSERT INTO message(mailbox,uid,object,modseq,flags,size,internaldate,save_date) VALUES(?,?,?,?,?,?,?,?)")
      .bind(mailbox.id)
      .bind(message.uid)
      .bind(message.object)
      .bind(message.modseq)
      .bind(message.flags)
      .bind(message.size)
      .bind(message.internaldate)
      .bind(save_date)
      .run();
  share_objects({message.object});
  if (message.uid > mailbox.recent_uid) ++mailbox.status.recent;
  count_in(account, mailbox, message);
}

void Transaction::forget_message(AccountRow& account, MailboxRow& mailbox, const MessageRow& message) {
  database_.prepare("DELETE FROM message WHERE mailbox=? AND uid=?").bind(mailbox.id).bind(message.uid).run();
  // Without a message it may still be named by one that is copied later; see finish_incoming() for what is not.
  database_.prepare("UPDATE object SET refs=refs-1 WHERE id=?").bind(message.object).run();
  account.dirty = mailbox.dirty = true;
  count_out(account, mailbox, message);
}

std::uint64_t Transaction::expunge(AccountRow& account, MailboxRow& mailbox, const std::vector<MessageRow>& messages) {
  if (messages.empty()) return 0;
  const std::uint64_t modseq = next_modseq(account, mailbox);
  UidRange range{messages.front().uid, messages.front().uid};
  std::vector<ObjectId> objects;
  const auto end_range = [&] {
    database_.prepare("DELETE FROM message WHERE mailbox=? AND uid BETWEEN ? AND ?")
        .bind(mailbox.id)
        .bind(range.first)
        .bind(range.last)
        .run();
    database_.prepare("INSERT INTO expunge(mailbox,modseq,uid_first,uid_last) VALUES(?,?,?,?)")
        .bind(mailbox.id)
        .bind(modseq)
        .bind(range.first)
        .bind(range.last)
        .run();
  };
  for (const MessageRow& message : messages) {
    objects.push_back(message.object);
    count_out(account, mailbox, message);
    if (message.uid > range.last + 1) {
      end_range();
      range.first = message.uid;
    }
    range.last = message.uid;
  }
  end_range();
  drop_objects(std::move(objects));
  return modseq;
}

void Transaction::count_segment(journal::SegmentId segment, std::int64_t objects, std::int64_t bytes) {
  if (segment == kNoSegment) return;
  SegmentCount& count = segments_[segment];
  count.objects += objects;
  count.bytes += bytes;
}

void Transaction::flush() {
  for (AccountRow* const account : accounts_) {
    account->in_use = false;
    account->lent_keywords = 0;
    if (!std::exchange(account->dirty, false)) continue;
    database_.prepare("UPDATE account SET uidvalidity_next=?,modseq=?,used_bytes=?,used_messages=? WHERE id=?")
        .bind(account->uidvalidity_next)
        .bind(account->modseq)
        .bind(account->used_bytes)
        .bind(account->used_messages)
        .bind(account->id)
        .run();
  }
  for (MailboxRow* const mailbox : mailboxes_) {
    mailbox->in_use = false;
    if (!std::exchange(mailbox->dirty, false) || mailbox->gone) continue;
    const Status& status = mailbox->status;
    database_
        .prepare(
            "UPDATE mailbox SET uidnext=?,highest_modseq=?,messages=?,unseen=?,deleted=?,bytes=?,recent_uid=?,"
            "recent=? WHERE id=?")
        .bind(status.uidnext)
        .bind(status.highest_modseq)
        .bind(status.messages)
        .bind(status.unseen)
        .bind(status.deleted)
        .bind(status.size)
        .bind(mailbox->recent_uid)
        .bind(status.recent)
        .bind(mailbox->id)
        .run();
  }
  for (const auto& [segment, count] : segments_) {
    database_
        .prepare(
            "INSERT INTO segment(id,live,bytes) VALUES(?,?,?) ON CONFLICT(id) DO UPDATE SET "
            "live=segment.live+excluded.live,"
            "bytes=segment.bytes+excluded.bytes")
        .bind(segment)
        .bind(count.objects)
        .bind(count.bytes)
        .run();
    if (count.objects < 0) database_.prepare("DELETE FROM segment WHERE id=? AND live=0").bind(segment).run();
  }
}

}  // namespace quartet::store
