// What an engine need not have.
#include "common/store/store.h"

namespace quartet::store {
namespace {

std::unexpected<StoreError> unsupported() {
  return std::unexpected(StoreError{ErrorCode::kUnsupported, "this engine keeps neither rights nor annotations"});
}

std::unexpected<StoreError> alone() {
  return std::unexpected(StoreError{ErrorCode::kUnsupported, "there is one store only: see `additional_store`"});
}

}  // namespace

Store::Async<Acl> Store::acl(MailboxRef) { co_return unsupported(); }
Store::Done Store::set_acl(MailboxRef, std::string, AclMode, Rights) { co_return unsupported(); }
Store::Async<std::vector<Granted>> Store::granted(std::vector<std::string>) { co_return unsupported(); }

Store::Async<std::vector<Annotation>> Store::annotations(MailboxRef, std::string) { co_return unsupported(); }
Store::Done Store::annotate(MailboxRef, std::vector<AnnotationChange>) { co_return unsupported(); }

Store::Async<bool> Store::hold_maildrop(std::string, std::string, std::chrono::milliseconds) { co_return true; }
Store::Done Store::leave_maildrop(std::string, std::string) { co_return Result<void>(); }

Store::Async<std::string> Store::place(std::string) { co_return alone(); }
Store::Async<AccountMoved> Store::move_account(AccountMove) { co_return alone(); }
Store::Async<AccountMoved> Store::look_at_move(std::string, std::string) { co_return alone(); }
Store::Async<AccountMoved> Store::abort_move(std::string) { co_return alone(); }
Store::Async<std::uint64_t> Store::purge_moved(std::string) { co_return alone(); }

}  // namespace quartet::store
