#include "imapd/access.h"

namespace quartet::imapd {

Reply not_permitted() { return Reply::no("You have no right to do this", "NOPERM"); }

async::Task<std::expected<store::Located, Reply>> locate(Context& context, const std::string& name,
                                                         std::string_view rights, Wanted wanted) {
  const bool target = wanted == Wanted::kAsTarget;
  auto found = co_await store::locate(context.store(), context.namespaces(), context.account, name);
  if (!found) co_return std::unexpected(target ? no_target(found.error()) : failure(found.error()));
  if (found->rights.has(rights)) co_return *std::move(found);
  if (found->rights.has_any("lr")) co_return std::unexpected(not_permitted());
  const store::StoreError none{store::ErrorCode::kNoMailbox, ""};
  co_return std::unexpected(target ? no_target(none) : failure(none));
}

bool may_annotate(store::Rights rights) { return rights.has("l") && rights.has_any("rswip"); }

async::Task<void> look_at_rights(Context& context) {
  if (!context.selected || context.selected->all_rights()) co_return;
  const auto acl = co_await context.store().acl(context.selected->ref());
  if (!acl) {
    if (!farewell_after(acl.error()).empty()) co_return;  // the refresh sees it too, and says so
    (void)failure(acl.error());
    context.selected->set_rights({});
    co_return;
  }
  const auto rights = store::rights_of(*acl, context.account);
  if (rights == context.selected->rights()) co_return;
  const auto could = store::changeable_flags(context.selected->rights());
  context.selected->set_rights(rights);
  if (!rights.has("r"))
    context.farewell = "The selected mailbox may not be read any more";
  else if (store::changeable_flags(rights) != could && !context.selected->read_only())
    context.selected->append_keywords(context.output.text());  // RFC 4314 section 5.1.1
}

}  // namespace quartet::imapd
