// What an engine need not have.
#include "common/store/store.h"

namespace quartet::store {
namespace {

std::unexpected<StoreError> unsupported() {
  return std::unexpected(StoreError{ErrorCode::kUnsupported, "this engine keeps neither rights nor annotations"});
}

}  // namespace

Store::Async<Acl> Store::acl(MailboxRef) { co_return unsupported(); }
Store::Done Store::set_acl(MailboxRef, std::string, AclMode, Rights) { co_return unsupported(); }
Store::Async<std::vector<Granted>> Store::granted(std::vector<std::string>) { co_return unsupported(); }

Store::Async<std::vector<Annotation>> Store::annotations(MailboxRef, std::string) { co_return unsupported(); }
Store::Done Store::annotate(MailboxRef, std::vector<AnnotationChange>) { co_return unsupported(); }

}  // namespace quartet::store
