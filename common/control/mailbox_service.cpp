#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/async/loop.h"
#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/message_choice.h"
#include "common/control/services.h"
#include "common/directory/directory.h"
#include "common/store/store.h"
#include "quartet/control/v1/mailbox.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kUsualPage = 500;
constexpr std::size_t kLargestPage = 1000;
constexpr std::size_t kLongestReason = 1000;
constexpr std::size_t kLongestIdentifier = 255;

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }

/// What a call has come to, and for the log: whose mailbox, and what was changed.
struct Outcome {
  Status status;
  std::string selector;
  std::string detail = {};
  std::uint64_t changed = 1;
  bool dry_run = false;
};

Outcome failed(Status status, std::string selector) { return {std::move(status), std::move(selector), {}, 0}; }

void fill(v1::Mailbox& to, const store::MailboxInfo& from) {
  to.set_name(from.name);
  to.set_exists(from.exists);
  to.set_subscribed(from.subscribed);
  if (!from.exists) return;
  to.set_special_use(from.special_use);
  to.set_id(from.id);
  to.set_messages(from.status.messages);
  to.set_unseen(from.status.unseen);
  to.set_deleted(from.status.deleted);
  to.set_size(from.status.size);
  to.set_uidvalidity(from.status.uidvalidity);
  to.set_uidnext(from.status.uidnext);
  to.set_highest_modseq(from.status.highest_modseq);
  to.set_quota_bytes(from.limit.bytes);
  to.set_quota_messages(from.limit.messages);
}

void fill(v1::Quota& to, const store::QuotaUsage& from) {
  to.set_bytes(from.bytes);
  to.set_messages(from.messages);
  to.set_bytes_limit(from.limit.bytes);
  to.set_messages_limit(from.limit.messages);
}

void fill(v1::MoveAccountResponse& to, const store::AccountMoved& from) {
  to.set_from(from.from);
  to.set_to(from.to);
  to.set_messages(from.messages);
  to.set_bytes(from.bytes);
  to.set_messages_copied(from.messages_copied);
  to.set_bytes_copied(from.bytes_copied);
  to.set_done(from.done);
}

void fill(google::protobuf::RepeatedPtrField<v1::GetMailboxAclResponse::Entry>& to, const store::Acl& acl) {
  for (const auto& each : acl) {
    auto& entry = *to.Add();
    entry.set_identifier(utf8(each.identifier));
    entry.set_rights(each.rights.to_string());
  }
}

/// The mode and the letters of "+lr", "-w" or "lrs".
std::optional<std::pair<store::AclMode, store::Rights>> rights_of(std::string_view text) {
  auto mode = store::AclMode::kReplace;
  if (text.starts_with('+')) mode = store::AclMode::kAdd;
  if (text.starts_with('-')) mode = store::AclMode::kRemove;
  if (mode != store::AclMode::kReplace) text.remove_prefix(1);
  const auto rights = store::Rights::parse(text);
  if (!rights) return std::nullopt;
  return std::pair(mode, *rights);
}

bool is_special_use(const std::string& use) {
  constexpr std::string_view kUses[] = {"",       "\\All",  "\\Archive", "\\Drafts",   "\\Flagged",
                                        "\\Junk", "\\Sent", "\\Trash",   "\\Important"};
  return std::ranges::find(kUses, use) != std::end(kUses);
}

/// The store's part of a call: it may wait, and so runs in the pool.
class Desk {
 public:
  explicit Desk(const Subject& subject) : subject_(subject), store_(*subject.store) {}

  template <typename T>
  T wait(async::Task<T> task) {
    return loop_.block_on(std::move(task));
  }
  store::Store& store() { return store_; }

  /// The store's name of an account.
  std::expected<std::string, Status> account(const std::string& name) {
    const auto directory = subject_.directory ? subject_.directory() : nullptr;
    if (const auto* const found = directory ? directory->find_account(name) : nullptr) return found->login;
    const auto used = name.empty() ? store::Result<std::optional<store::QuotaUsage>>() : wait(store_.usage(name));
    if (!used) return std::unexpected(status_of(used.error()));
    if (*used) return name;
    return std::unexpected(Status(StatusCode::NOT_FOUND, fmt::format("there is no account \"{}\"", utf8(name, 256))));
  }

  std::expected<store::MailboxInfo, Status> mailbox(const std::string& name, const std::string& mailbox) {
    const auto login = account(name);
    if (!login) return std::unexpected(login.error());
    const auto found = wait(store_.find(*login, mailbox));
    if (!found) return std::unexpected(status_of(found.error()));
    return *found;
  }

  Status list(const v1::ListMailboxesRequest& request, v1::ListMailboxesResponse& response);
  Outcome create(const v1::CreateMailboxRequest& request, v1::CreateMailboxResponse& response);
  Outcome rename(const v1::RenameMailboxRequest& request, v1::RenameMailboxResponse& response);
  Outcome remove(const v1::DeleteMailboxRequest& request, v1::DeleteMailboxResponse& response);
  Outcome subscribe(const v1::SubscribeMailboxRequest& request, v1::SubscribeMailboxResponse& response);
  Status acl(const v1::GetMailboxAclRequest& request, v1::GetMailboxAclResponse& response);
  Outcome set_acl(const v1::SetMailboxAclRequest& request, v1::SetMailboxAclResponse& response);
  Outcome expunge(const v1::ExpungeMessagesRequest& request, v1::ExpungeMessagesResponse& response);
  Outcome move(const v1::MoveMessagesRequest& request, v1::MoveMessagesResponse& response);
  Status quota(const v1::GetQuotaRequest& request, v1::GetQuotaResponse& response);
  Outcome set_quota(const v1::SetMailboxQuotaRequest& request, v1::SetMailboxQuotaResponse& response);
  Outcome recount(const v1::RecountQuotaRequest& request, v1::RecountQuotaResponse& response);
  Outcome move_account(const v1::MoveAccountRequest& request, v1::MoveAccountResponse& response);
  Outcome abort_move(const v1::AbortAccountMoveRequest& request, v1::MoveAccountResponse& response);
  Outcome purge_moved(const v1::PurgeMovedAccountRequest& request, v1::PurgeMovedAccountResponse& response);
  Outcome erase(const v1::EraseAccountRequest& request, v1::EraseAccountResponse& response);

 private:
  /// The messages that a request means, if it may.
  template <typename Request>
  std::expected<Chosen, Status> chosen(const Request& request, store::MailboxRef mailbox) {
    if (is_empty(request.selector())) return std::unexpected(invalid("selector: which messages?"));
    const auto snapshot = wait(store_.snapshot(mailbox));
    if (!snapshot) return std::unexpected(status_of(snapshot.error()));
    auto found = choose(**snapshot, request.selector(), wall_now());
    if (!found) return std::unexpected(invalid(found.error()));
    if (request.max_affected() != 0 && found->messages > request.max_affected())
      return std::unexpected(Status(StatusCode::FAILED_PRECONDITION,
                                    fmt::format("it would be {} messages, more than max_affected", found->messages)));
    return *std::move(found);
  }

  const Subject& subject_;
  store::Store& store_;
  async::Loop loop_;
};

Status Desk::list(const v1::ListMailboxesRequest& request, v1::ListMailboxesResponse& response) {
  if (request.page_size() > kLargestPage) return invalid("page_size: at most " + std::to_string(kLargestPage));
  const auto page = request.page_size() == 0 ? kUsualPage : std::size_t{request.page_size()};
  const auto login = account(request.account());
  if (!login) return login.error();
  const auto all = wait(store_.list(*login));
  if (!all) return status_of(all.error());
  const auto root = request.name().empty() ? std::string() : store::canonical_name(request.name()).value_or("");
  if (root.empty() && !request.name().empty()) return invalid("name: is no name of a mailbox");
  // The order is that of the store: a page begins behind the mailbox that ended the one before, or where that would be.
  auto from = all->begin();
  if (!request.page_token().empty()) {
    from = std::ranges::find(*all, request.page_token(), &store::MailboxInfo::name);
    if (from == all->end()) return invalid("page_token: the mailbox that ended the page before is gone");
    ++from;
  }
  for (; from != all->end(); ++from) {
    if (!root.empty() && from->name != root && !from->name.starts_with(root + "/")) continue;
    if (static_cast<std::size_t>(response.mailbox_size()) == page) {
      response.set_next_page_token(response.mailbox(response.mailbox_size() - 1).name());
      break;
    }
    fill(*response.add_mailbox(), *from);
  }
  return Status::OK;
}

Outcome Desk::create(const v1::CreateMailboxRequest& request, v1::CreateMailboxResponse& response) {
  auto selector = request.account() + " " + request.name();
  if (!is_special_use(request.special_use())) return failed(invalid("special_use: is none of RFC 6154"), selector);
  const auto login = account(request.account());
  if (!login) return failed(login.error(), selector);
  const auto made = wait(store_.create(*login, request.name(), request.special_use()));
  if (!made) return failed(status_of(made.error()), selector);
  fill(*response.mutable_mailbox(), *made);
  return {Status::OK, std::move(selector), request.special_use()};
}

Outcome Desk::rename(const v1::RenameMailboxRequest& request, v1::RenameMailboxResponse&) {
  auto selector = request.account() + " " + request.from();
  const auto login = account(request.account());
  if (!login) return failed(login.error(), selector);
  const auto renamed = wait(store_.rename(*login, request.from(), request.to()));
  if (!renamed) return failed(status_of(renamed.error()), selector);
  return {Status::OK, std::move(selector), request.to()};
}

Outcome Desk::remove(const v1::DeleteMailboxRequest& request, v1::DeleteMailboxResponse& response) {
  auto selector = request.account() + " " + request.name();
  const auto found = mailbox(request.account(), request.name());
  if (!found) return failed(found.error(), selector);
  response.set_messages(found->status.messages);
  if (!request.dry_run()) {
    const auto removed = wait(store_.remove(*account(request.account()), request.name()));
    if (!removed) return failed(status_of(removed.error()), selector);
  }
  return {Status::OK, std::move(selector), {}, response.messages(), request.dry_run()};
}

Outcome Desk::subscribe(const v1::SubscribeMailboxRequest& request, v1::SubscribeMailboxResponse&) {
  auto selector = request.account() + " " + request.name();
  const auto login = account(request.account());
  if (!login) return failed(login.error(), selector);
  const auto done = wait(store_.subscribe(*login, request.name(), request.subscribed()));
  if (!done) return failed(status_of(done.error()), selector);
  return {Status::OK, std::move(selector)};
}

Status Desk::acl(const v1::GetMailboxAclRequest& request, v1::GetMailboxAclResponse& response) {
  const auto found = mailbox(request.account(), request.name());
  if (!found) return found.error();
  const auto acl = wait(store_.acl(found->ref));
  if (!acl) return status_of(acl.error());
  fill(*response.mutable_entry(), *acl);
  return Status::OK;
}

Outcome Desk::set_acl(const v1::SetMailboxAclRequest& request, v1::SetMailboxAclResponse& response) {
  auto selector = request.account() + " " + request.name();
  const auto rights = rights_of(request.rights());
  if (!rights) return failed(invalid("rights: letters of RFC 4314 section 2.1 are lrswipkxtea"), selector);
  const auto identifier = ascii::lower(request.identifier());
  if (identifier.empty() || identifier == "-" || identifier.size() > kLongestIdentifier)
    return failed(invalid("identifier: a login or \"anyone\", \"-\" may stand before it"), selector);
  const auto found = mailbox(request.account(), request.name());
  if (!found) return failed(found.error(), selector);
  const auto done = wait(store_.set_acl(found->ref, identifier, rights->first, rights->second));
  if (!done) return failed(status_of(done.error()), selector);
  const auto acl = wait(store_.acl(found->ref));
  if (acl) fill(*response.mutable_entry(), *acl);
  return {Status::OK, std::move(selector), identifier + " " + request.rights()};
}

Outcome Desk::expunge(const v1::ExpungeMessagesRequest& request, v1::ExpungeMessagesResponse& response) {
  auto selector = fmt::format("{} {} {}", request.account(), request.name(), request.selector().ShortDebugString());
  const auto found = mailbox(request.account(), request.name());
  if (!found) return failed(found.error(), selector);
  const auto meant = chosen(request, found->ref);
  if (!meant) return failed(meant.error(), selector);
  response.set_messages(meant->messages);
  response.set_bytes(meant->bytes);
  if (!request.dry_run()) {
    const auto gone = wait(store_.remove_messages(found->ref, meant->uids));
    if (!gone) return failed(status_of(gone.error()), selector);
    response.set_messages(gone->uids.size());
  }
  return {Status::OK, std::move(selector), {}, response.messages(), request.dry_run()};
}

Outcome Desk::move(const v1::MoveMessagesRequest& request, v1::MoveMessagesResponse& response) {
  auto selector = fmt::format("{} {} {}", request.account(), request.name(), request.selector().ShortDebugString());
  const auto& other = request.to_account().empty() ? request.account() : request.to_account();
  const auto from = mailbox(request.account(), request.name());
  if (!from) return failed(from.error(), selector);
  const auto to = mailbox(other, request.to());
  if (!to) return failed(to.error(), selector);
  if (from->ref == to->ref) return failed(invalid("to: is the mailbox itself"), selector);
  const auto meant = chosen(request, from->ref);
  if (!meant) return failed(meant.error(), selector);
  response.set_messages(meant->messages);
  response.set_bytes(meant->bytes);
  if (!request.dry_run()) {
    const auto moved = wait(store_.move(from->ref, meant->uids, to->ref));
    if (!moved) return failed(status_of(moved.error()), selector);
    response.set_messages(moved->uids.size());
  }
  return {Status::OK, std::move(selector), other + " " + request.to(), response.messages(), request.dry_run()};
}

Status Desk::quota(const v1::GetQuotaRequest& request, v1::GetQuotaResponse& response) {
  const auto login = account(request.account());
  if (!login) return login.error();
  const auto used = wait(store_.quota(*login));
  if (!used) return status_of(used.error());
  fill(*response.mutable_account(), *used);
  const auto all = wait(store_.list(*login));
  if (!all) return status_of(all.error());
  for (const auto& each : *all) {
    if (!each.limit.any()) continue;
    auto& mailbox = *response.add_mailbox();
    mailbox.set_name(each.name);
    fill(*mailbox.mutable_quota(), {each.status.size, each.status.messages, each.limit});
  }
  return Status::OK;
}

Outcome Desk::set_quota(const v1::SetMailboxQuotaRequest& request, v1::SetMailboxQuotaResponse& response) {
  auto selector = request.account() + " " + request.name();
  const auto found = mailbox(request.account(), request.name());
  if (!found) return failed(found.error(), selector);
  auto limit = found->limit;
  if (request.has_bytes()) limit.bytes = request.bytes();
  if (request.has_messages()) limit.messages = request.messages();
  const auto done = wait(store_.set_quota(found->ref, limit));
  if (!done) return failed(status_of(done.error()), selector);
  fill(*response.mutable_quota(), {found->status.size, found->status.messages, limit});
  return {Status::OK, std::move(selector), fmt::format("bytes={} messages={}", limit.bytes, limit.messages)};
}

Outcome Desk::recount(const v1::RecountQuotaRequest& request, v1::RecountQuotaResponse& response) {
  const auto login = account(request.account());
  if (!login) return failed(login.error(), request.account());
  const auto wrong = wait(store_.recount(*login));
  if (!wrong) return failed(status_of(wrong.error()), request.account());
  response.set_wrong(*wrong);
  const auto used = wait(store_.quota(*login));
  if (used) fill(*response.mutable_account(), *used);
  return {Status::OK, request.account(), {}, *wrong};
}

Outcome Desk::move_account(const v1::MoveAccountRequest& request, v1::MoveAccountResponse& response) {
  const auto login = account(request.account());
  if (!login) return failed(login.error(), request.account());
  const auto moved = request.dry_run() ? wait(store_.look_at_move(*login, request.to()))
                                       : wait(store_.move_account({.account = *login, .to = request.to()}));
  if (!moved) return failed(status_of(moved.error()), request.account());
  fill(response, *moved);
  // The audit has the end of it as a change, not every step.
  const bool changed = moved->done && !request.dry_run();
  return {Status::OK, request.account(), request.to(), changed ? moved->messages : 0, request.dry_run()};
}

Outcome Desk::abort_move(const v1::AbortAccountMoveRequest& request, v1::MoveAccountResponse& response) {
  const auto login = account(request.account());
  if (!login) return failed(login.error(), request.account());
  const auto dropped = wait(store_.abort_move(*login));
  if (!dropped) return failed(status_of(dropped.error()), request.account());
  fill(response, *dropped);
  return {Status::OK, request.account(), dropped->to, dropped->messages_copied};
}

Outcome Desk::purge_moved(const v1::PurgeMovedAccountRequest& request, v1::PurgeMovedAccountResponse& response) {
  const auto login = account(request.account());
  if (!login) return failed(login.error(), request.account());
  const auto purged = wait(store_.purge_moved(*login));
  if (!purged) return failed(status_of(purged.error()), request.account());
  response.set_messages(*purged);
  return {Status::OK, request.account(), {}, *purged};
}

Outcome Desk::erase(const v1::EraseAccountRequest& request, v1::EraseAccountResponse& response) {
  const auto login = directory::canonical_address(request.account());
  const auto directory = subject_.directory ? subject_.directory() : nullptr;
  if (login.empty()) return failed(invalid("account: is required"), {});
  if (directory && directory->has_account(login))
    return failed({StatusCode::FAILED_PRECONDITION, "the directory still has it: remove it there first"}, login);
  const auto used = wait(store_.usage(login));
  if (!used) return failed(status_of(used.error()), login);
  response.set_messages(*used ? (*used)->messages : 0);
  if (request.dry_run()) return {Status::OK, login, {}, 0, true};
  if (subject_.forget_account)
    if (const auto forgotten = subject_.forget_account(login); !forgotten)
      return failed({StatusCode::INTERNAL, utf8(forgotten.error())}, login);
  const auto erased = wait(store_.erase(login));
  if (!erased) return failed(status_of(erased.error()), login);
  response.set_messages(*erased);
  return {Status::OK, login, {}, *erased};
}

class MailboxService final : public v1::MailboxService::CallbackService {
 public:
  MailboxService(const Subject& subject, Calls& calls) : subject_(subject), calls_(calls) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* ListMailboxes(Context* context, const v1::ListMailboxesRequest* request,
                         v1::ListMailboxesResponse* response) override {
    return look(context, request, response, &Desk::list);
  }
  Reactor* CreateMailbox(Context* context, const v1::CreateMailboxRequest* request,
                         v1::CreateMailboxResponse* response) override {
    return change(context, request, response, "mailbox_create", &Desk::create);
  }
  Reactor* RenameMailbox(Context* context, const v1::RenameMailboxRequest* request,
                         v1::RenameMailboxResponse* response) override {
    return change(context, request, response, "mailbox_rename", &Desk::rename);
  }
  Reactor* DeleteMailbox(Context* context, const v1::DeleteMailboxRequest* request,
                         v1::DeleteMailboxResponse* response) override {
    return change(context, request, response, "mailbox_delete", &Desk::remove);
  }
  Reactor* SubscribeMailbox(Context* context, const v1::SubscribeMailboxRequest* request,
                            v1::SubscribeMailboxResponse* response) override {
    return change(context, request, response, request->subscribed() ? "mailbox_subscribe" : "mailbox_unsubscribe",
                  &Desk::subscribe);
  }
  Reactor* GetMailboxAcl(Context* context, const v1::GetMailboxAclRequest* request,
                         v1::GetMailboxAclResponse* response) override {
    return look(context, request, response, &Desk::acl);
  }
  Reactor* SetMailboxAcl(Context* context, const v1::SetMailboxAclRequest* request,
                         v1::SetMailboxAclResponse* response) override {
    return change(context, request, response, "mailbox_acl", &Desk::set_acl);
  }
  Reactor* ExpungeMessages(Context* context, const v1::ExpungeMessagesRequest* request,
                           v1::ExpungeMessagesResponse* response) override {
    return change(context, request, response, "mailbox_expunge", &Desk::expunge);
  }
  Reactor* MoveMessages(Context* context, const v1::MoveMessagesRequest* request,
                        v1::MoveMessagesResponse* response) override {
    return change(context, request, response, "mailbox_move", &Desk::move);
  }
  Reactor* GetQuota(Context* context, const v1::GetQuotaRequest* request, v1::GetQuotaResponse* response) override {
    return look(context, request, response, &Desk::quota);
  }
  Reactor* SetMailboxQuota(Context* context, const v1::SetMailboxQuotaRequest* request,
                           v1::SetMailboxQuotaResponse* response) override {
    return change(context, request, response, "mailbox_quota", &Desk::set_quota);
  }
  Reactor* RecountQuota(Context* context, const v1::RecountQuotaRequest* request,
                        v1::RecountQuotaResponse* response) override {
    return change(context, request, response, "quota_recount", &Desk::recount);
  }
  Reactor* MoveAccount(Context* context, const v1::MoveAccountRequest* request,
                       v1::MoveAccountResponse* response) override {
    return change(context, request, response, "account_move", &Desk::move_account, Role::kAdmin);
  }
  Reactor* AbortAccountMove(Context* context, const v1::AbortAccountMoveRequest* request,
                            v1::MoveAccountResponse* response) override {
    return change(context, request, response, "account_move_abort", &Desk::abort_move, Role::kAdmin);
  }
  Reactor* PurgeMovedAccount(Context* context, const v1::PurgeMovedAccountRequest* request,
                             v1::PurgeMovedAccountResponse* response) override {
    return change(context, request, response, "account_purge_moved", &Desk::purge_moved, Role::kAdmin);
  }
  Reactor* EraseAccount(Context* context, const v1::EraseAccountRequest* request,
                        v1::EraseAccountResponse* response) override {
    return change(context, request, response, "account_erase", &Desk::erase, Role::kAdmin);
  }

 private:
  template <typename Request, typename Response>
  Reactor* look(Context* context, const Request* request, Response* response,
                Status (Desk::*read)(const Request&, Response&)) {
    return answer(context, calls_, Role::kObserver, [=, this] { return (Desk(subject_).*read)(*request, *response); });
  }

  template <typename Request, typename Response>
  Reactor* change(Context* context, const Request* request, Response* response, std::string_view verb,
                  Outcome (Desk::*act)(const Request&, Response&), Role role = Role::kOperator) {
    return answer(context, calls_, role, [=, this, peer = peer_of(*context)] {
      if (request->reason().size() > kLongestReason) return invalid("reason: longer than 1000 octets");
      const auto outcome = (Desk(subject_).*act)(*request, *response);
      audit({.verb = verb,
             .peer = peer,
             .selector = outcome.selector,
             .reason = request->reason(),
             .detail = outcome.detail,
             .dry_run = outcome.dry_run,
             .changed = outcome.changed,
             .refused = outcome.status.error_message()});
      return outcome.status;
    });
  }

  const Subject& subject_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_mailbox_service(const Subject& subject, Calls& calls) {
  return std::make_shared<MailboxService>(subject, calls);
}

}  // namespace quartet::control
