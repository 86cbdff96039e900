// The tree of mailboxes (RFC 9051 sections 6.3.4 to 6.3.11).
#include <algorithm>
#include <map>

#include "common/store/engine.h"

namespace quartet::store {
namespace {

constexpr std::string_view kInbox = "INBOX";

/// INBOX first, then by name with '/' before every other character, so that children follow their parent.
struct TreeOrder {
  bool operator()(std::string_view a, std::string_view b) const {
    const auto key = [](char c) { return c == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(c)) + 1; };
    const bool a_inbox = a == kInbox;
    const bool b_inbox = b == kInbox;
    if (a_inbox || b_inbox) return a_inbox && !b_inbox;
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [&key](char x, char y) { return key(x) < key(y); });
  }
};

/// The names above `name`, outermost first.
std::vector<std::string> parents_of(std::string_view name) {
  std::vector<std::string> parents;
  for (std::size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1))
    parents.emplace_back(name.substr(0, slash));
  return parents;
}

std::vector<std::string> children_of(Database& database, std::int64_t account, const std::string& name) {
  // '0' follows '/' in ASCII: these are the names that begin with "name/".
  auto query = database.prepare("SELECT name FROM mailbox WHERE account=? AND name>? AND name<? ORDER BY name");
  const std::string from = name + "/";
  const std::string to = name + "0";
  query.bind(account).bind(from).bind(to);
  std::vector<std::string> names;
  while (query.step()) names.push_back(query.text(0));
  return names;
}

std::vector<MailboxInfo> build_list(Database& database, std::int64_t account, std::uint32_t shard) {
  std::map<std::string, MailboxInfo, TreeOrder> tree;
  const auto unreal = [&tree](const std::string& name) -> MailboxInfo& {
    const auto [place, added] = tree.try_emplace(name);
    if (added) {
      place->second.name = name;
      place->second.exists = false;
      place->second.noselect = true;
    }
    return place->second;
  };
  for (const MailboxRow& row : read_mailboxes(database, account)) tree.emplace(row.name, to_info(row, shard));
  auto limits = database.prepare(
      "SELECT b.name,q.bytes,q.messages FROM mailbox_quota q JOIN mailbox b ON b.id=q.mailbox WHERE b.account=?");
  limits.bind(account);
  while (limits.step()) tree.at(limits.text(0)).limit = {limits.number(1), limits.number(2)};
  auto subscribed = database.prepare("SELECT name FROM subscription WHERE account=?");
  subscribed.bind(account);
  while (subscribed.step()) unreal(subscribed.text(0)).subscribed = true;
  std::vector<std::pair<std::string, bool>> parents;
  for (const auto& [name, info] : tree)
    for (std::string& parent : parents_of(name)) parents.emplace_back(std::move(parent), info.exists);
  for (const auto& [parent, real_child] : parents) unreal(parent).has_children |= real_child;
  std::vector<MailboxInfo> list;
  list.reserve(tree.size());
  for (auto& [name, info] : tree) list.push_back(std::move(info));
  return list;
}

Result<void> is_here(Database& database, std::int64_t account) {
  const auto row = read_account(database, account);
  if (row && !row->standing.holds()) return elsewhere(row->standing);
  return {};
}

Result<MailboxInfo> create_one(Transaction& transaction, const std::string& account_name, const std::string& name,
                               const std::string& special_use) {
  AccountRow* const account = transaction.account(account_name);
  if (account == nullptr) return refused(transaction);
  if (transaction.mailbox(*account, name) != nullptr) return std::unexpected(StoreError{ErrorCode::kExists, name});
  for (const std::string& parent : parents_of(name))
    if (transaction.mailbox(*account, parent) == nullptr) transaction.create_mailbox(*account, parent, "");
  const MailboxRow* const row = transaction.create_mailbox(*account, name, special_use);
  if (row == nullptr) return refused(transaction);
  return to_info(*row, transaction.shard());
}

Result<bool> remove_one(Transaction& transaction, const std::string& account_name, const std::string& name) {
  AccountRow* const account = transaction.account(account_name);
  if (account == nullptr) return refused(transaction);
  MailboxRow* const mailbox = transaction.mailbox(*account, name);
  if (mailbox == nullptr) {
    if (transaction.database().failed()) return refused(transaction);
    const bool parent = !children_of(transaction.database(), account->id, name).empty();
    return std::unexpected(StoreError{parent ? ErrorCode::kHasChildren : ErrorCode::kNoMailbox, name});
  }
  transaction.remove_mailbox(*account, *mailbox);
  return true;
}

/// All messages of `from`, which keep flags and dates, to the new and empty `to`.
void move_everything(Transaction& transaction, AccountRow& account, MailboxRow& from, MailboxRow& to) {
  const auto messages = read_messages(transaction.database(), from.id, {{1, kMaxUid - 1}});
  const std::uint64_t modseq = transaction.next_modseq(account, to);
  transaction.copy_messages(account, to, from.id, messages, modseq);
  transaction.expunge(account, from, messages);
}

/// INBOX keeps its own when it is renamed (RFC 5464 section 4.1).
void copy_annotations(Database& database, const MailboxRow& from, const MailboxRow& to) {
  database
      .prepare(
          "INSERT INTO annotation(account,mailbox,user,entry,value) SELECT account,CAST(? AS BIGINT),user,entry,value "
          "FROM annotation WHERE account=? AND mailbox=?")
      .bind(to.id)
      .bind(from.account)
      .bind(from.id)
      .run();
}

Result<bool> rename_one(Transaction& transaction, const std::string& account_name, const std::string& from,
                        const std::string& to) {
  AccountRow* const account = transaction.account(account_name);
  if (account == nullptr) return refused(transaction);
  Database& database = transaction.database();
  MailboxRow* const source = transaction.mailbox(*account, from);
  const auto children = from == kInbox ? std::vector<std::string>{} : children_of(database, account->id, from);
  if (database.failed()) return database_error(database);
  if (source == nullptr && children.empty()) return std::unexpected(StoreError{ErrorCode::kNoMailbox, from});
  const auto new_name = [&](const std::string& name) { return to + name.substr(from.size()); };
  if (transaction.mailbox(*account, to) != nullptr) return std::unexpected(StoreError{ErrorCode::kExists, to});
  for (const std::string& child : children) {
    if (transaction.mailbox(*account, new_name(child)) != nullptr)
      return std::unexpected(StoreError{ErrorCode::kExists, new_name(child)});
    if (const auto valid = canonical_name(new_name(child)); !valid) return std::unexpected(valid.error());
  }
  for (const std::string& parent : parents_of(to))
    if (transaction.mailbox(*account, parent) == nullptr) transaction.create_mailbox(*account, parent, "");
  transaction.next_modseq(*account);
  if (from == kInbox) {
    MailboxRow* const target = transaction.create_mailbox(*account, to, "");
    if (target == nullptr) return database_error(database);
    move_everything(transaction, *account, *source, *target);
    copy_annotations(database, *source, *target);
    return true;
  }
  if (source != nullptr) transaction.rename_mailbox(*source, to);
  for (const std::string& child : children)
    if (MailboxRow* const row = transaction.mailbox(*account, child)) transaction.rename_mailbox(*row, new_name(child));
  return true;
}

}  // namespace

Store::Async<std::vector<MailboxInfo>> Engine::list(std::string account) {
  const auto id = co_await account_id(account);
  if (!id) co_return std::unexpected(id.error());
  Shard& home = shard(shard_of(account));
  co_return co_await read_from<std::vector<MailboxInfo>>(*pool_, home,
                                                         [&](Database& database) -> Result<std::vector<MailboxInfo>> {
                                                           if (const auto there = is_here(database, *id); !there)
                                                             return std::unexpected(there.error());
                                                           return build_list(database, *id, home.number());
                                                         });
}

Store::Async<MailboxInfo> Engine::find(std::string account, std::string name) {
  const auto canonical = canonical_name(name);
  if (!canonical) co_return std::unexpected(canonical.error());
  const auto id = co_await account_id(account);
  if (!id) co_return std::unexpected(id.error());
  Shard& home = shard(shard_of(account));
  co_return co_await read_from<MailboxInfo>(*pool_, home, [&](Database& database) -> Result<MailboxInfo> {
    if (const auto there = is_here(database, *id); !there) return std::unexpected(there.error());
    const auto row = read_mailbox(database, *id, *canonical);
    const bool parent = !children_of(database, *id, *canonical).empty();
    if (!row) return std::unexpected(StoreError{parent ? ErrorCode::kNoSelect : ErrorCode::kNoMailbox, *canonical});
    MailboxInfo info = to_info(*row, home.number());
    info.has_children = parent;
    info.limit = read_limit(database, row->id);
    auto subscribed = database.prepare("SELECT 1 FROM subscription WHERE account=? AND name=?");
    info.subscribed = subscribed.bind(*id).bind(*canonical).step();
    return info;
  });
}

Store::Async<MailboxInfo> Engine::create(std::string account, std::string name, std::string special_use) {
  const auto canonical = canonical_name(name);
  if (!canonical) co_return std::unexpected(canonical.error());
  co_return co_await write_to<MailboxInfo>(shard(shard_of(account)), [&](Transaction& transaction) {
    return create_one(transaction, account, *canonical, special_use);
  });
}

Store::Done Engine::remove(std::string account, std::string name) {
  const auto canonical = canonical_name(name);
  if (!canonical) co_return std::unexpected(canonical.error());
  if (*canonical == kInbox) co_return std::unexpected(StoreError{ErrorCode::kCannot, "INBOX cannot be deleted"});
  const auto done = co_await write_to<bool>(
      shard(shard_of(account)), [&](Transaction& transaction) { return remove_one(transaction, account, *canonical); });
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

Store::Done Engine::rename(std::string account, std::string from, std::string to) {
  const auto source = canonical_name(from);
  if (!source) co_return std::unexpected(source.error());
  const auto target = canonical_name(to);
  if (!target) co_return std::unexpected(target.error());
  if (*source == *target) co_return std::unexpected(StoreError{ErrorCode::kExists, *target});
  if (target->starts_with(*source + "/") && *source != kInbox)
    co_return std::unexpected(StoreError{ErrorCode::kCannot, "a mailbox cannot move below itself"});
  const auto done = co_await write_to<bool>(shard(shard_of(account)), [&](Transaction& transaction) {
    return rename_one(transaction, account, *source, *target);
  });
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

Store::Done Engine::subscribe(std::string account, std::string name, bool subscribed) {
  const auto canonical = canonical_name(name);
  if (!canonical) co_return std::unexpected(canonical.error());
  const auto done = co_await write_to<bool>(shard(shard_of(account)), [&](Transaction& transaction) -> Result<bool> {
    AccountRow* const row = transaction.account(account);
    if (row == nullptr) return refused(transaction);
    auto& database = transaction.database();
    if (subscribed)
      database.prepare("INSERT OR IGNORE INTO subscription VALUES(?,?)").bind(row->id).bind(*canonical).run();
    else
      database.prepare("DELETE FROM subscription WHERE account=? AND name=?").bind(row->id).bind(*canonical).run();
    if (database.changed_rows() > 0) transaction.next_modseq(*row);
    return true;
  });
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

Store::Async<Status> Engine::status(MailboxRef mailbox) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<Status>(*pool_, *home, [&](Database& database) -> Result<Status> {
    const auto row = read_mailbox(database, mailbox.mailbox);
    if (!row || row->account != mailbox.account) return no_mailbox();
    return row->status;
  });
}

}  // namespace quartet::store
