#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "common/async/loop.h"
#include "common/control/audit.h"
#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/deferred.h"
#include "common/control/services.h"
#include "common/directory/directory.h"
#include "common/directory/edit.h"
#include "common/store/store.h"
#include "quartet/config/v1/directory.pb.h"
#include "quartet/control/v1/directory.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kUsualPage = 500;
constexpr std::size_t kLargestPage = 1000;
constexpr std::size_t kLongestReason = 1000;

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }
Status no_account(const std::string& login) {
  return {StatusCode::NOT_FOUND, fmt::format("there is no account \"{}\"", utf8(login, 256))};
}

Status status_of(const directory::EditError& error) {
  using Kind = directory::EditError::Kind;
  const auto text = utf8(error.text);
  switch (error.kind) {
    case Kind::kNoAccount:
      return {StatusCode::NOT_FOUND, text};
    case Kind::kExists:
      return {StatusCode::ALREADY_EXISTS, text};
    case Kind::kRefused:
      return invalid(text);
    case Kind::kFile:
      break;
  }
  return {StatusCode::FAILED_PRECONDITION, text};
}

bool is_in(std::string_view address, std::string_view domain) {
  return domain.empty() || (address.size() > domain.size() && address.ends_with(domain) &&
                            address[address.size() - domain.size() - 1] == '@');
}

bool has_address_in(const directory::Account& account, std::string_view domain) {
  return std::ranges::any_of(account.addresses,
                             [domain](const std::string& address) { return is_in(address, domain); });
}

void take_secret(const v1::Secret& secret, config::v1::Account& account) {
  account.set_password_hash(secret.password_hash());
  *account.mutable_scram_verifier() = secret.scram_verifier();
}

config::v1::Account account_of(const v1::AddAccountRequest& request) {
  config::v1::Account account;
  account.set_login(request.login());
  *account.mutable_address() = request.address();
  take_secret(request.secret(), account);
  account.set_quota_bytes(request.quota_bytes());
  account.set_quota_messages(request.quota_messages());
  account.set_disabled(request.disabled());
  return account;
}

std::expected<void, std::string> update(const v1::UpdateAccountRequest& request, config::v1::Account& account) {
  if (request.has_secret()) take_secret(request.secret(), account);
  if (request.has_enabled()) account.set_disabled(!request.enabled());
  if (request.has_quota_bytes()) account.set_quota_bytes(request.quota_bytes());
  if (request.has_quota_messages()) account.set_quota_messages(request.quota_messages());
  auto& addresses = *account.mutable_address();
  for (const auto& gone : request.remove_address()) {
    const auto found = std::ranges::find(addresses, directory::canonical_address(gone), [](const std::string& address) {
      return directory::canonical_address(address);
    });
    if (found == addresses.end())
      return std::unexpected(fmt::format("it has no other address \"{}\"", utf8(gone, 256)));
    addresses.erase(found);
  }
  for (const auto& address : request.add_address()) account.add_address(address);
  return {};
}

/// What of an account is changed, for the log: never a secret.
std::string details(const v1::UpdateAccountRequest& request) {
  std::string text;
  const auto add = [&text](const std::string& piece) { text += (text.empty() ? "" : " ") + piece; };
  if (request.has_secret()) add("password");
  if (request.has_enabled()) add(request.enabled() ? "enable" : "disable");
  if (request.has_quota_bytes()) add(fmt::format("quota_bytes={}", request.quota_bytes()));
  if (request.has_quota_messages()) add(fmt::format("quota_messages={}", request.quota_messages()));
  for (const auto& address : request.add_address()) add("+" + address);
  for (const auto& address : request.remove_address()) add("-" + address);
  return text;
}

class DirectoryService final : public v1::DirectoryService::CallbackService {
 public:
  DirectoryService(const Subject& subject, Calls& calls) : subject_(subject), calls_(calls) {}

  grpc::ServerUnaryReactor* ListAccounts(grpc::CallbackServerContext* context, const v1::ListAccountsRequest* request,
                                         v1::ListAccountsResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] { return list(*request, *response); });
  }

  grpc::ServerUnaryReactor* GetAccount(grpc::CallbackServerContext* context, const v1::GetAccountRequest* request,
                                       v1::GetAccountResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] {
      const auto directory = subject_.directory();
      const auto* const account = directory ? directory->find_account(request->login()) : nullptr;
      if (account == nullptr) return no_account(request->login());
      fill(*response->mutable_account(), *account);
      async::Loop loop;
      fill_usage(*response->mutable_account(), loop);
      return Status::OK;
    });
  }

  grpc::ServerUnaryReactor* AddAccount(grpc::CallbackServerContext* context, const v1::AddAccountRequest* request,
                                       v1::ChangeAccountResponse* response) override {
    return change(context, *request, response, "account_add", "", [](const std::string& file, const auto& asked) {
      return directory::add_account(file, account_of(asked));
    });
  }

  grpc::ServerUnaryReactor* UpdateAccount(grpc::CallbackServerContext* context, const v1::UpdateAccountRequest* request,
                                          v1::ChangeAccountResponse* response) override {
    return change(context, *request, response, "account_update", details(*request),
                  [this](const std::string& file, const auto& asked) {
                    return directory::change_account(file, login_of(asked.login()),
                                                     [&asked](auto& account) { return update(asked, account); });
                  });
  }

  grpc::ServerUnaryReactor* RemoveAccount(grpc::CallbackServerContext* context, const v1::RemoveAccountRequest* request,
                                          v1::ChangeAccountResponse* response) override {
    return change(context, *request, response, "account_remove", "",
                  [this](const std::string& file, const auto& asked) {
                    return directory::remove_account(file, login_of(asked.login()));
                  });
  }

 private:
  /// The login of whoever has the address; the address itself if this agent knows of nobody.
  std::string login_of(const std::string& address) const {
    const auto directory = subject_.directory();
    const auto* const account = directory ? directory->find_account(address) : nullptr;
    return account == nullptr ? address : account->login;
  }

  /// Writes the file by `edit`, in the pool, and has it read again.
  template <typename Request, typename Edit>
  grpc::ServerUnaryReactor* change(grpc::CallbackServerContext* context, const Request& request,
                                   v1::ChangeAccountResponse* response, std::string_view verb, std::string detail,
                                   Edit edit) {
    auto call = Deferred<v1::ChangeAccountResponse>::begin(context, calls_, Role::kAdmin, response);
    auto* const reactor = call->reactor();
    if (call->over()) return reactor;
    auto& shared = *call;
    shared.submit([=, this, call = std::move(call), peer = peer_of(*context)] {
      // By its login: the address it was named by may be one that it loses.
      const auto login = login_of(request.login());
      v1::Account before;
      (void)find(login, before);
      const auto status = write(request, edit);
      audit({.verb = verb,
             .peer = peer,
             .selector = request.login(),
             .reason = request.reason(),
             .detail = detail,
             .changed = status.ok() ? 1U : 0U,
             .refused = status.error_message()});
      if (!status.ok()) return call->end(status);
      subject_.reread_directory([=, this](const std::string& fault) {
        call->finish([&](v1::ChangeAccountResponse& to) {
          to.set_not_in_use(utf8(fault));
          if (!find(login, *to.mutable_account())) *to.mutable_account() = before;
          return Status::OK;
        });
      });
    });
    return reactor;
  }

  template <typename Request, typename Edit>
  Status write(const Request& request, const Edit& edit) const {
    if (request.reason().size() > kLongestReason) return invalid("reason: longer than 1000 octets");
    if (request.login().empty()) return invalid("login: is required");
    const auto file = subject_.directory_file();
    if (file.empty() || !subject_.reread_directory) return {StatusCode::UNIMPLEMENTED, "this agent has no directory"};
    const auto edited = edit(file, request);
    return edited ? Status::OK : status_of(edited.error());
  }

  bool find(const std::string& login, v1::Account& to) const {
    const auto directory = subject_.directory();
    const auto* const account = directory ? directory->find_account(login) : nullptr;
    if (account != nullptr) fill(to, *account);
    return account != nullptr;
  }

  void fill(v1::Account& to, const directory::Account& account) const {
    to.set_login(utf8(account.login));
    for (std::size_t n = 1; n < account.addresses.size(); ++n) to.add_address(utf8(account.addresses[n]));
    to.set_enabled(account.enabled);
    to.set_has_password(!account.password_hash.empty() || !account.scram.empty());
    for (const auto digest : {crypto::Digest::kSha256, crypto::Digest::kSha1})
      if (account.verifier(digest) != nullptr)
        to.add_scram(digest == crypto::Digest::kSha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-1");
    to.set_quota_bytes(account.quota_bytes);
    to.set_quota_messages(account.quota_messages);
    const auto last = subject_.last_login ? subject_.last_login(account.login) : std::nullopt;
    if (last) set(*to.mutable_last_login(), *last);
  }

  /// Waits for the disk: not on a loop.
  void fill_usage(v1::Account& to, async::Loop& loop) const {
    if (subject_.store == nullptr) return;
    const auto used = loop.block_on(subject_.store->usage(to.login()));
    if (!used) return;
    to.mutable_usage()->set_bytes(*used ? (*used)->bytes : 0);
    to.mutable_usage()->set_messages(*used ? (*used)->messages : 0);
    if (const auto place = loop.block_on(subject_.store->place(to.login()))) to.set_store(utf8(*place));
  }

  /// Of accounts that the store has and the directory has not; those of one page.
  Status list_left_over(const std::string& domain, std::size_t page, std::string after,
                        v1::ListAccountsResponse& response) const {
    if (subject_.store == nullptr) return {StatusCode::UNIMPLEMENTED, "this agent has no store"};
    const auto directory = subject_.directory();
    async::Loop loop;
    for (;;) {
      const auto names = loop.block_on(subject_.store->accounts(after, kLargestPage));
      if (!names) return {StatusCode::UNAVAILABLE, utf8(names.error().detail)};
      for (const auto& name : *names) {
        if ((directory && directory->has_account(name)) || !is_in(name, domain)) continue;
        if (static_cast<std::size_t>(response.account_size()) == page) {
          response.set_next_page_token(response.account(response.account_size() - 1).login());
          return Status::OK;
        }
        response.add_account()->set_login(name);
        fill_usage(*response.mutable_account(response.account_size() - 1), loop);
      }
      if (names->size() < kLargestPage) return Status::OK;
      after = names->back();
    }
  }

  Status list(const v1::ListAccountsRequest& request, v1::ListAccountsResponse& response) const {
    if (request.page_size() > kLargestPage) return invalid("page_size: at most " + std::to_string(kLargestPage));
    const auto page = request.page_size() == 0 ? kUsualPage : std::size_t{request.page_size()};
    if (request.left_over())
      return list_left_over(ascii::lower(request.domain()), page, request.page_token(), response);
    const auto directory = subject_.directory();
    const auto domain = ascii::lower(request.domain());
    std::map<std::string_view, const directory::Account*> found;
    for (const auto& account : directory ? directory->accounts() : kNobody)
      if (account->login > request.page_token() && has_address_in(*account, domain))
        found.emplace(account->login, account.get());
    async::Loop loop;
    for (const auto& [login, account] : found) {
      if (static_cast<std::size_t>(response.account_size()) == page) {
        response.set_next_page_token(response.account(response.account_size() - 1).login());
        break;
      }
      fill(*response.add_account(), *account);
      fill_usage(*response.mutable_account(response.account_size() - 1), loop);
    }
    return Status::OK;
  }

  static inline const std::vector<std::unique_ptr<directory::Account>> kNobody{};

  const Subject& subject_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_directory_service(const Subject& subject, Calls& calls) {
  return std::make_shared<DirectoryService>(subject, calls);
}

}  // namespace quartet::control
